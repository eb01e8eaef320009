import type { DeviceAlloc } from "../../../mm/device_alloc.ts";
import type { IndirectAlloc } from "../../../mm/device_heap.ts";
import type { AvailBufferToken, BufferType, UsedBufferToken } from "./token.ts";

declare const vqIndex: unique symbol;
declare const vqSize: unique symbol;

/** The number of a queue of its device, 0 to 65535. */
export type VqIndex = number & { readonly [vqIndex]: true };
/** A number of descriptors, 0 to 65535. */
export type VqSize = number & { readonly [vqSize]: true };

/** Hermit's `From<u16>` and `From<u32>`: saturates at 65535. @throws {RangeError} on what no u32 holds. */
export const VqIndex = { from: (n: number): VqIndex => saturate(n, "queue index") as VqIndex };
/** Hermit's `From<u16>` and `From<u32>`: saturates at 65535. @throws {RangeError} on what no u32 holds. */
export const VqSize = { from: (n: number): VqSize => saturate(n, "queue size") as VqSize };

function saturate(n: number, what: string): number {
  if (!Number.isInteger(n) || n < 0 || n > 0xffff_ffff) {
    throw new RangeError(`not a ${what}: ${n} (expected an integer from 0 to 2^32 - 1)`);
  }
  return Math.min(n, 0xffff);
}

/** What a queue needs of the kernel around it. */
export interface VirtqEnv {
  /** Memory of the rings. */
  readonly alloc: DeviceAlloc;
  /** Memory of indirect tables. */
  readonly indirect: IndirectAlloc;
  /** For messages: `virtio-rng 00:02.0`. */
  readonly deviceName: string;
  /** Called while a blocking dispatch waits; the device may act. */
  relax(): void;
}

/** A queue's state for a reader: shell, dashboard, tests. */
export interface VirtqSnapshot {
  kind: "split" | "packed";
  index: number;
  size: number;
  /** Descriptors that can be made available now. */
  free: number;
  inFlight: {
    /** Head index (split) or buffer id (packed). */
    id: number;
    /** Descriptors in the ring. */
    descriptors: number;
    /** Bytes that the device reads and may write. */
    readable: number;
    writable: number;
  }[];
  indices: Record<string, number>;
  areas: { name: string; phys: number; length: number }[];
  /** Notifications sent to the device since the queue was created. */
  notifications: number;
}

/** A queue from the driver's side (Hermit's `trait Virtq`); split and packed behave alike. */
export interface Virtq {
  readonly size: number;
  readonly index: number;

  /**
   * Makes a buffer available and notifies the device if it wants that. All or nothing: on an error nothing has
   * changed, and the token can be dispatched again.
   *
   * @param notif asks for an interrupt for this transfer even while interrupts are disabled.
   * @throws {VirtqError} NoDescrAvail, TokenInUse, BufferNotSpecified (a send element of length 0),
   * FeatureNotSupported (Indirect without VIRTIO_F_INDIRECT_DESC), AllocationError, QueueBroken.
   */
  dispatch(token: AvailBufferToken, notif: boolean, type: BufferType): void;

  /**
   * Dispatches, waits, and returns *this* buffer. Interrupts are off meanwhile and as before afterwards; what else
   * finishes is kept for {@link Virtq.tryRecv} (ask {@link Virtq.hasUsedBuffers}: it raised no interrupt).
   */
  dispatchBlocking(token: AvailBufferToken, type: BufferType): UsedBufferToken;

  /** Several buffers, the first made visible last, at most one notification. All or nothing. */
  dispatchBatch(batch: readonly (readonly [AvailBufferToken, BufferType])[], notif: boolean): void;

  /**
   * As {@link Virtq.dispatchBatch}. Once used, the buffers are put into `awaitQueue` by whichever `tryRecv` finds
   * them; without a queue `tryRecv` returns them.
   */
  dispatchBatchAwait(
    batch: readonly (readonly [AvailBufferToken, BufferType])[],
    notif: boolean,
    awaitQueue?: UsedBufferToken[],
  ): void;

  /**
   * The next used buffer, or undefined.
   *
   * @throws {VirtqDeviceError} UsedIdOutOfRange, UsedIdNotOutstanding, UsedLengthTooLarge, UsedIndexJump when the
   * device broke a rule: that entry is consumed, the next call goes on behind it.
   */
  tryRecv(): UsedBufferToken | undefined;

  /**
   * Asks for interrupts on used buffers. True: there are used buffers already, for which no interrupt may come: poll
   * again.
   */
  enableNotifs(): boolean;
  /** Asks for no interrupts. One may come nevertheless. */
  disableNotifs(): void;
  /** Whether {@link Virtq.tryRecv} has something to look at. */
  hasUsedBuffers(): boolean;
  snapshot(): VirtqSnapshot;

  /**
   * Resets this queue alone and sets it up again, empty (virtio 1.4, 2.6.1). Returns the buffers that were in flight.
   *
   * @throws {VirtqError} FeatureNotSupported if VIRTIO_F_RING_RESET was not negotiated.
   */
  reset(): AvailBufferToken[];
  /** Gives the memory back. The device must have been reset before. */
  free(): void;
}
