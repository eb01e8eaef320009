import type { Width } from "../../../arch/platform.ts";
import type { Ground } from "./ground.ts";

/** Guest-physical addresses of a queue's areas (virtio 1.4, 2.6): packed rings put their event structures in the last two. */
export interface Areas {
  readonly desc: number;
  readonly driver: number;
  readonly device: number;
}

/** How the driver hears of the device: messages, the device's line, or not at all. */
export type InterruptKind = "msix" | "line" | "none";

/** The registers of a device, behind either transport. Each step is a method, so that one can go wrong alone. */
export abstract class Transport {
  abstract readonly kind: "pci" | "mmio";
  interruptKind: InterruptKind = "line";

  constructor(readonly ground: Ground) {}

  /** Finds the device of this virtio id and maps its registers. @throws {DriverError} if there is none. */
  abstract find(deviceId: number): void;

  abstract status(): number;
  abstract setStatus(value: number): void;
  /** Word `word` of the features that the device offers. */
  abstract offered(word: number): number;
  abstract accept(word: number, value: number): void;

  abstract generation(): number;
  abstract readConfig(offset: number, width: Width): number;
  abstract writeConfig(offset: number, width: Width, value: number): void;

  /** Chooses the queue that the following methods are about. */
  abstract select(queue: number): void;
  /** The most entries that the device allows; 0: there is no such queue. */
  abstract queueMax(): number;
  abstract setSize(size: number): void;
  abstract setAddresses(areas: Areas): void;
  /** Which interrupt tells of used buffers. */
  abstract assignVector(queue: number): void;
  abstract enableQueue(): void;
  /** RING_RESET: resets the selected queue and waits for it (virtio 1.4, 2.6.1). */
  abstract resetQueue(): void;

  /** What must be known for notifying queue `queue`, read while it is selected. */
  abstract learnNotify(queue: number): void;
  abstract notify(queue: number, value: number, width: Width): void;

  /** Interrupts lead to `handler` from here on; `isr` is the interrupt status, or what the message stands for. */
  abstract openInterrupts(queues: number, handler: (isr: number) => void): void;
  /** Reads the interrupt status and acknowledges it. */
  abstract acknowledge(): number;
  /** The driver is done with the device. */
  abstract close(): void;
}
