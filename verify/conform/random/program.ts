import { Avail, DESC_SIZE } from "../../../spec/mod.ts";

/**
 * A driver program: plain data, so that it can be generated, shortened, printed and stored. What it does does not depend
 * on what a device answers.
 */

/** Where a register lies. `off` in a step counts from the start of the place. */
export type Place =
  /** PCI: the structures in BAR 4, the MSI-X window, configuration space, the port window of a transitional device. */
  | "common"
  | "isr"
  | "device"
  | "notify"
  | "msix"
  | "cfg"
  | "legacy"
  /** MMIO, of either version: the whole window; its configuration starts at 0x100. */
  | "mmio";

/** A descriptor of a chain. */
export interface Desc {
  /** Guest-physical address. */
  a: number;
  /** Length in bytes. */
  n: number;
  /** Flags that are inverted on top of the plain ones (NEXT where another follows): WRITE and INDIRECT, or a mistake. */
  f?: number;
  /** Split: `next`, if not the slot that follows. Packed: the buffer id, if not the chain's. */
  x?: number;
  /** An indirect table, written at `a`. */
  t?: Desc[];
}

/** One thing that a driver does. Numbers of queues are `q`. */
export type Step =
  /** An access to a register: a write if there is a value. */
  | { op: "reg"; at: Place; off: number; width: 1 | 2 | 4; value?: number }
  /** The driver's own idea of a ring from now on: where it lies and where it starts. Clears its memory. */
  | { op: "ring"; q: number; packed: boolean; size: number; desc: number; driver: number; device: number }
  /**
   * Writes a chain to the ring. Split: `head` instead of the right one in the available ring. Packed: `id` instead of the
   * slot as buffer id; `stale`: the bits of the round before.
   */
  | { op: "chain"; q: number; d: Desc[]; head?: number; id?: number; stale?: boolean }
  /** Shows the device what was written; `jump` is added to the index that it is told. `kick`: and notifies it. */
  | { op: "publish"; q: number; jump?: number; kick?: boolean }
  /**
   * Which interrupts the driver wants. Split: `flags` of the available ring, and/or used_event at so many entries from the
   * driver's index. Packed: both, the event in slots from where the driver is.
   */
  | { op: "suppress"; q: number; flags?: number; event?: number }
  /** Writes to guest memory. */
  | { op: "poke"; at: number; hex: string }
  /** Host input for the chardev. */
  | { op: "input"; hex: string };

/** A program and where it came from. */
export interface Program {
  readonly target: string;
  readonly seed: number;
  readonly index: number;
  readonly steps: readonly Step[];
}

/** Guest memory that programs use: addresses and lengths. */
export const Ram = {
  /** Bytes of RAM of the machines. */
  size: 16 << 20,
  /** A page for the rings of each queue, eight of them; within it the three areas. */
  rings: 0x10_0000,
  ringStride: 0x1000,
  driver: 0x600,
  device: 0x800,
  /** Most entries that a ring page takes. */
  ringSize: 64,
  /** A place for one large ring (up to 1024 entries), and its areas. */
  big: 0x10_8000,
  bigDriver: 0x10_c000,
  bigDevice: 0x10_d000,
  bigEnd: 0x11_0000,
  buffers: 0x11_0000,
  buffersLength: 0x2000,
  tables: 0x11_2000,
  tablesLength: 0x2000,
  /** Words where MSI-X messages arrive. */
  mailbox: 0x11_4000,
  mailboxLength: 0x40,
  /** Rings of a legacy driver: in one piece, of up to 256 entries, one for each of eight queues. */
  legacy: 0x11_5000,
  legacyStride: 0x3000,
  end: 0x12_d000,
} as const;

/** The plain contents of buffers: never zero, which is what the entropy device writes. */
export const pattern = (address: number): number => (address * 37 + (address >> 8) * 11) % 255 + 1;

/** Where a legacy driver has a queue: the used ring begins at the next multiple of `align` (virtio 1.4, 2.7.2). */
export function legacyPlace(
  q: number,
  size: number,
  align = 4096,
  desc = Ram.legacy + (q & 7) * Ram.legacyStride,
): { desc: number; driver: number; device: number } {
  const driver = desc + DESC_SIZE * size;
  return { desc, driver, device: Math.ceil((driver + Avail.RING + 2 * size) / align) * align };
}
/** Where a queue's areas lie by default. */
export function ringPlace(q: number, size: number): { desc: number; driver: number; device: number } {
  if (size > Ram.ringSize) return { desc: Ram.big, driver: Ram.bigDriver, device: Ram.bigDevice };
  const page = Ram.rings + (q & 7) * Ram.ringStride;
  return { desc: page, driver: page + Ram.driver, device: page + Ram.device };
}
