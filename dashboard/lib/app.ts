import { workerPort } from "./ports.ts";
import { Session } from "./session.ts";

/** Where the workers lie, beside the page. */
export function workerPath(transport: "pci" | "mmio"): URL {
  return new URL(`./worker-${transport}.js`, document.baseURI);
}

/** The session of this page. Client state: on a server that renders nothing of it is touched. */
export const session: Session = new Session((transport) =>
  workerPort(new Worker(workerPath(transport), { type: "module" }))
);
