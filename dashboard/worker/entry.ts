/// <reference lib="webworker" />
/**
 * The machine's worker: one entry, bundled once for each transport (`static/worker-pci.js`, `static/worker-mmio.js`).
 * It speaks the protocol of `lib/protocol.ts` by messages.
 */
import { TRANSPORT } from "#transport";
import type { Request } from "../lib/protocol.ts";
import { serveMachine } from "./machine.ts";

declare const self: DedicatedWorkerGlobalScope;

const server = serveMachine(TRANSPORT, (message) => self.postMessage(message));
self.onmessage = (event: MessageEvent) => server(event.data as Request);
