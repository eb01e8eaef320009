import type { HostListener, HostStream } from "../../net/user/host.ts";
import { TcpStream } from "./stream.ts";

/** Connections that are held before the machine takes them; those beyond wait in the host's queue. */
const HELD = 16;
/** Milliseconds until the next try when the host gives no more sockets. */
const PATIENCE = 100;

/** A listening TCP socket of the host. */
export class TcpListener implements HostListener {
  onEvent: (() => void) | undefined;
  readonly port: number;
  private readonly waiting: TcpStream[] = [];
  private accepting = false;
  private closed = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @throws {Deno.errors.AddrInUse} and its like. */
  constructor(hostname: string, port: number, private readonly listener = Deno.listen({ hostname, port })) {
    this.port = (listener.addr as Deno.NetAddr).port;
    this.acceptNext();
  }

  accept(): HostStream | undefined {
    const stream = this.waiting.shift();
    this.acceptNext();
    return stream;
  }
  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.timer);
    this.listener.close();
    for (const stream of this.waiting.splice(0)) stream.abort();
  }

  private acceptNext(): void {
    if (this.accepting || this.closed || this.waiting.length >= HELD) return;
    this.accepting = true;
    this.listener.accept().then((conn) => {
      this.accepting = false;
      if (this.closed) return conn.close();
      this.waiting.push(new TcpStream(conn));
      this.acceptNext();
      this.onEvent?.();
    }, () => {
      // The peer has gone already, or there are too many open files: the next try may do.
      this.accepting = false;
      if (!this.closed) this.timer = setTimeout(() => this.acceptNext(), PATIENCE);
    });
  }
}
