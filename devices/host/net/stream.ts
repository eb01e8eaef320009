import type { HostStream } from "../../net/user/host.ts";
import { parseAddress } from "../../../inet/addresses.ts";

/** Bytes of a buffer at first, and at most: a connection that carries much gets larger ones. */
const SMALL = 4096, LARGE = 262144;
/** By how much a buffer grows that was filled up. */
const GROWTH = 4;
const NOTHING = new Uint8Array(0);

/**
 * One TCP connection of the host. Reads one piece at a time and the next only when that was taken; collects what is to be
 * sent while the piece before it is on its way: so neither side can make it hold more than its buffers.
 */
export class TcpStream implements HostStream {
  state: HostStream["state"] = "connecting";
  failure: string | undefined;
  remoteAddress = 0;
  remotePort = 0;
  input: Uint8Array = NOTHING;
  onEvent: (() => void) | undefined;
  private conn: Deno.TcpConn | undefined;
  private readBuffer = new Uint8Array(SMALL);
  private atEnd = false;
  /** Being filled, and on its way. */
  private filling = NOTHING;
  private used = 0;
  private spare = NOTHING;
  private writing = false;
  private ending = false;
  private over = false;

  /** @param conn the connection, or what will become one. */
  constructor(conn: Deno.TcpConn | Promise<Deno.TcpConn>) {
    if (conn instanceof Promise) conn.then((c) => this.start(c), (error) => this.fail(error));
    else this.start(conn);
  }

  get space(): Uint8Array {
    if (this.over || this.ending) return NOTHING;
    if (this.filling.length === 0) this.filling = new Uint8Array(SMALL);
    return this.filling.subarray(this.used);
  }
  commit(length: number): void {
    this.used += length;
    if (!this.writing) this.writeNext();
  }
  take(length: number): void {
    if (length === 0) return;
    this.input = this.input.subarray(length);
    if (this.input.length > 0) return;
    if (this.atEnd) this.setEnded();
    else this.readNext();
  }
  end(): void {
    this.ending = true;
    if (!this.writing) this.writeNext();
  }
  abort(): void {
    this.onEvent = undefined;
    this.finish();
  }

  private start(conn: Deno.TcpConn): void {
    if (this.over) return conn.close();
    this.conn = conn;
    this.state = "open";
    const { hostname, port } = conn.remoteAddr;
    this.remoteAddress = parseAddress(hostname) ?? 0;
    this.remotePort = port;
    try {
      conn.setNoDelay(true);
    } catch {
      // The other end is gone already; reading will tell.
    }
    this.readNext();
    this.writeNext();
    this.onEvent?.();
  }

  private readNext(): void {
    if (this.over) return;
    this.conn!.read(this.readBuffer).then((n) => this.arrived(n), (error) => this.fail(error));
  }
  private arrived(n: number | null): void {
    if (this.over) return;
    if (n === null) {
      this.atEnd = true;
      this.setEnded();
    } else {
      this.input = this.readBuffer.subarray(0, n);
      if (n === this.readBuffer.length && n < LARGE) this.readBuffer = new Uint8Array(n * GROWTH);
    }
    this.onEvent?.();
  }
  private setEnded(): void {
    this.state = "ended";
    this.closeIfDone();
  }

  /** Sends what was collected, or says that this was all. */
  private writeNext(): void {
    const { conn, filling, used } = this;
    if (this.over || conn === undefined) return;
    if (used === 0) {
      if (this.ending) this.endWriting(conn);
      return;
    }
    this.writing = true;
    const grown = used === filling.length && used < LARGE;
    this.filling = grown || this.spare.length < filling.length
      ? new Uint8Array(grown ? used * GROWTH : filling.length)
      : this.spare;
    this.used = 0;
    this.spare = NOTHING;
    this.writeAll(conn, filling, used);
  }
  private async writeAll(conn: Deno.TcpConn, bytes: Uint8Array<ArrayBuffer>, length: number): Promise<void> {
    try {
      for (let done = 0; done < length;) done += await conn.write(bytes.subarray(done, length));
    } catch (error) {
      return this.fail(error);
    }
    this.writing = false;
    this.spare = bytes;
    this.writeNext();
    this.onEvent?.();
  }
  private endWriting(conn: Deno.TcpConn): void {
    if (this.atEnd) return this.closeIfDone();
    // That the other end is gone is found by reading.
    conn.closeWrite().catch(() => {});
  }
  private closeIfDone(): void {
    if (this.atEnd && this.ending && !this.writing && this.used === 0) this.finish();
  }

  private fail(error: unknown): void {
    if (this.over) return;
    this.failure = (error as Error).message;
    this.state = "failed";
    this.finish();
    this.onEvent?.();
  }
  private finish(): void {
    if (this.over) return;
    this.over = true;
    this.conn?.close();
  }
}
