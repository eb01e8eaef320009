import { decode, encode } from "./codec.ts";
import type { Port } from "./protocol.ts";

/** What of a `Worker` a port needs. */
export interface WorkerLike {
  postMessage(message: unknown): void;
  terminate(): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
}

/**
 * A worker in the page.
 *
 * @param missed what it has said before; it is passed on once the port's user is there.
 */
export function workerPort(
  worker: WorkerLike,
  missed?: { readonly messages: readonly MessageEvent[]; readonly error: ErrorEvent | undefined },
): Port {
  const port: Port = {
    send: (message) => worker.postMessage(message),
    onMessage: undefined,
    onClose: undefined,
    close: () => worker.terminate(),
  };
  const hear = (event: MessageEvent) => port.onMessage?.(event.data);
  const fail = (event: ErrorEvent) =>
    port.onClose?.(`the machine's worker failed: ${event.message || "it cannot be loaded"}`);
  worker.onmessage = hear;
  worker.onerror = fail;
  if (missed !== undefined) {
    queueMicrotask(() => {
      missed.messages.forEach(hear);
      if (missed.error !== undefined) fail(missed.error);
    });
  }
  return port;
}

/** A WebSocket to a machine in a terminal, or to a recorded file. What is sent before it is open waits. */
export function socketPort(socket: WebSocket): Port {
  const waiting: string[] = [];
  let failed = false;
  const port: Port = {
    send(message) {
      const text = encode(message);
      if (socket.readyState === WebSocket.CONNECTING) waiting.push(text);
      else if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    onMessage: undefined,
    onClose: undefined,
    close: () => socket.close(),
  };
  socket.onopen = () => {
    for (const text of waiting.splice(0)) socket.send(text);
  };
  socket.onmessage = (event) => port.onMessage?.(decode(event.data));
  socket.onerror = () => failed = true;
  socket.onclose = (event) => {
    const why = event.reason ||
      (failed ? "the machine cannot be reached (has it ended?)" : "the machine has gone");
    port.onClose?.(why);
  };
  return port;
}
