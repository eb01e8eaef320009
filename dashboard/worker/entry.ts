/// <reference lib="webworker" />
/**
 * The machine's worker: one entry, built once for each transport (`static/worker-pci.js`, `static/worker-mmio.js`).
 * It speaks the protocol of `lib/protocol.ts` by messages.
 */
import { TRANSPORT } from "#transport";
import type { Request } from "../lib/protocol.ts";
import { serveMachine } from "./machine.ts";
import { loadRest } from "./rest.ts";
import { restFirst } from "./rest_first.ts";

declare const self: DedicatedWorkerGlobalScope;

const serve = serveMachine(TRANSPORT, (message) => self.postMessage(message));
const take = restFirst(serve, loadRest, (message) => self.postMessage(message));
self.onmessage = (event: MessageEvent) => take(event.data as Request);
