import type { Connection } from "./connection.ts";
import type { Core } from "./core.ts";
import { fail } from "./lifecycle.ts";
import type { TcpEndpoint, TcpListener } from "./types.ts";

/** A half-open connection older than this (in nanoseconds) may have to make room for a new one. */
const OLD = 1e9;

/** A port with its queues: connections that are opening, and those that are open and were not accepted. */
export class Listener implements TcpListener {
  onChange: ((listener: TcpListener) => void) | undefined = undefined;
  noticed = false;
  /** Connections that wait for the third step of the handshake, the oldest first. */
  declare private readonly opening: Set<Connection>;
  declare private readonly open: Set<Connection>;

  constructor(
    private readonly core: Core,
    readonly local: TcpEndpoint,
    private readonly backlog: number,
    readonly hold: boolean,
    private readonly closed: (listener: Listener) => void,
  ) {
    this.opening = new Set();
    this.open = new Set();
  }

  get ready(): number {
    return this.open.size;
  }

  /**
   * Whether a SYN can be taken. If all places are with half-open connections, an old one gives way: otherwise whoever
   * sends SYNs and nothing else would keep everybody out (RFC 4987, 3.3).
   */
  admit(): boolean {
    if (this.opening.size + this.open.size < this.backlog) return true;
    const [oldest] = this.opening;
    if (oldest === undefined || this.core.now - oldest.openedAt < OLD) return false;
    fail(oldest, "timedOut");
    return true;
  }

  /** A connection has begun. */
  begun(connection: Connection): void {
    if (this.hold) {
      this.open.add(connection);
      this.core.notify(this);
    } else this.opening.add(connection);
  }
  /** Its handshake is complete. */
  opened(connection: Connection): void {
    if (!this.opening.delete(connection)) return;
    this.open.add(connection);
    this.core.notify(this);
  }
  /** It is gone before it was accepted. */
  lost(connection: Connection): void {
    this.opening.delete(connection);
    this.open.delete(connection);
  }

  accept(): Connection | undefined {
    const [connection] = this.open;
    if (connection === undefined) return undefined;
    this.open.delete(connection);
    connection.listener = undefined;
    return connection;
  }

  close(): void {
    this.closed(this);
    for (const connection of [...this.opening, ...this.open]) connection.abort();
  }

  /** For {@link Core.tell}. */
  tell(): void {
    this.onChange?.(this);
  }
}
