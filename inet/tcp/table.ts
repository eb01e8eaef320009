import type { Connection } from "./connection.ts";
import { ConnectionHash } from "./isn.ts";

const SMALLEST = 64;

/**
 * Connections by their four numbers: found in O(1), and keyed, so that nobody can choose numbers that all fall into one
 * place.
 */
export class ConnectionTable {
  count = 0;
  declare private buckets: (Connection | undefined)[];
  /** The one that was found last: segments come in runs. */
  private recent: Connection | undefined = undefined;
  declare private readonly hash: ConnectionHash;

  constructor(random32: () => number) {
    this.buckets = new Array(SMALLEST).fill(undefined);
    this.hash = new ConnectionHash(random32);
  }

  find(local: number, localPort: number, remote: number, remotePort: number): Connection | undefined {
    const { recent } = this;
    if (recent !== undefined && is(recent, local, localPort, remote, remotePort)) return recent;
    let found = this.buckets[this.place(local, localPort, remote, remotePort)];
    while (found !== undefined && !is(found, local, localPort, remote, remotePort)) found = found.nextInTable;
    if (found !== undefined) this.recent = found;
    return found;
  }

  add(connection: Connection): void {
    if (this.count >= this.buckets.length) this.grow();
    this.put(connection);
    this.count++;
  }

  delete(connection: Connection): void {
    if (this.recent === connection) this.recent = undefined;
    const place = this.placeOf(connection);
    let before: Connection | undefined;
    let at = this.buckets[place];
    while (at !== undefined && at !== connection) {
      before = at;
      at = at.nextInTable;
    }
    if (at === undefined) return;
    if (before === undefined) this.buckets[place] = at.nextInTable;
    else before.nextInTable = at.nextInTable;
    at.nextInTable = undefined;
    this.count--;
  }

  *[Symbol.iterator](): Generator<Connection> {
    for (const bucket of this.buckets) {
      for (let c = bucket; c !== undefined;) {
        const next: Connection | undefined = c.nextInTable;
        yield c;
        c = next;
      }
    }
  }

  private grow(): void {
    const all = [...this];
    this.buckets = new Array(2 * this.buckets.length).fill(undefined);
    for (const connection of all) this.put(connection);
  }
  private put(connection: Connection): void {
    const place = this.placeOf(connection);
    connection.nextInTable = this.buckets[place];
    this.buckets[place] = connection;
  }
  private placeOf({ local, remote }: Connection): number {
    return this.place(local.address, local.port, remote.address, remote.port);
  }
  private place(local: number, localPort: number, remote: number, remotePort: number): number {
    return this.hash.of(local, localPort, remote, remotePort) & (this.buckets.length - 1);
  }
}

function is(c: Connection, local: number, localPort: number, remote: number, remotePort: number): boolean {
  return c.remote.port === remotePort && c.local.port === localPort && c.remote.address === remote &&
    c.local.address === local;
}
