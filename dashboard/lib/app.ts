import { workerPort } from "./ports.ts";
import type { Port } from "./protocol.ts";
import { Session } from "./session.ts";

/** Where the workers lie, beside the page. */
export function workerPath(transport: "pci" | "mmio"): URL {
  return new URL(`./worker-${transport}.js`, document.baseURI);
}

/** A worker that the page's host has started before the page was there, with what it has said since. */
interface EarlyWorker {
  readonly transport: "pci" | "mmio";
  readonly worker: Worker;
  readonly messages: readonly MessageEvent[];
  readonly error: ErrorEvent | undefined;
}

/** The worker of a kernel: the one that was started early if it is that, else another. */
function openWorker(transport: "pci" | "mmio"): Port {
  const host = globalThis as { earlyWorker?: EarlyWorker };
  const early = host.earlyWorker;
  host.earlyWorker = undefined;
  if (early?.transport === transport) return workerPort(early.worker, early);
  early?.worker.terminate();
  return workerPort(new Worker(workerPath(transport), { type: "module" }));
}

/** The session of this page. Client state: on a server that renders nothing of it is touched. */
export const session: Session = new Session(openWorker);
