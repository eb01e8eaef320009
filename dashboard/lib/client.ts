import type { CallName, Calls, News, Port, Reply, Request } from "./protocol.ts";

/** The other side said no: the message is a sentence for the user. */
export class CallError extends Error {
  override name = "CallError";
}

/** Asks over a port and waits for the answers, in whatever order they come. */
export class Client {
  /** Called for news, in order. */
  onNews: ((news: News) => void) | undefined;
  /** Called once when the other side has gone. */
  onClose: ((why: string) => void) | undefined;
  private nextId = 1;
  private closed: string | undefined;
  private readonly waiting = new Map<number, { resolve: (x: unknown) => void; reject: (e: Error) => void }>();

  constructor(private readonly port: Port) {
    port.onMessage = (message) => this.receive(message);
    port.onClose = (why) => this.gone(why);
  }

  /** @throws {CallError} what the other side says; also when it has gone. */
  call<K extends CallName>(call: K, args: Calls[K]["args"]): Promise<Calls[K]["answer"]> {
    if (this.closed !== undefined) return Promise.reject(new CallError(this.closed));
    const id = this.nextId++;
    const request: Request<K> = { id, call, args };
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (x: unknown) => void, reject });
      this.port.send(request);
    });
  }
  close(): void {
    this.port.close();
    this.gone("closed");
  }

  private receive(message: unknown): void {
    if ("news" in (message as object)) return this.onNews?.(message as News);
    const reply = message as Reply;
    const waiting = this.waiting.get(reply.id);
    if (waiting === undefined) return;
    this.waiting.delete(reply.id);
    if ("error" in reply) waiting.reject(new CallError(reply.error));
    else waiting.resolve(reply.ok);
  }
  private gone(why: string): void {
    if (this.closed !== undefined) return;
    this.closed = why;
    for (const { reject } of this.waiting.values()) reject(new CallError(why));
    this.waiting.clear();
    this.onClose?.(why);
  }
}
