import type { DeviceModel } from "./model/device.ts";
import type { QueueModel } from "./model/queue.ts";

/** Structures of a virtio device that registers belong to. `mmio`: the control registers of virtio-mmio. */
export type Space = "common" | "notify" | "isr" | "config" | "msix" | "pba" | "mmio" | "legacy" | "other";

/** An access to a register of a virtio device. */
export interface Access {
  readonly device: DeviceModel;
  readonly space: Space;
  /**
   * The register's name: those of `spec/virtio/pci.ts` CommonCfg in lower case (`device_status`, `queue_desc`, upper half
   * `queue_desc_hi`), of `spec/virtio/mmio.ts` (`status`, `queue_ready`), `config`, `isr`, `notify`; undefined where no
   * register starts.
   */
  readonly register: string | undefined;
  /** Bytes from the start of the structure. */
  readonly offset: number;
  /** Guest-physical address, or port if `space` is `legacy`. */
  readonly address: number;
  readonly width: number;
  readonly write: boolean;
  /** Written, or read. */
  readonly value: number;
}

/** An access outside RAM that leads to no virtio device. */
export interface ForeignAccess {
  /** Guest-physical address, or port. */
  readonly address: number;
  readonly ports: boolean;
  readonly width: number;
  readonly value: number;
  readonly write: boolean;
}

/** An access to PCI configuration space. */
export interface ConfigAccess {
  /** `00:03.0`. */
  readonly bdf: string;
  readonly device: DeviceModel | undefined;
  readonly offset: number;
  readonly width: number;
  readonly write: boolean;
  readonly value: number;
}

/** Which part of a queue an address lies in. */
export interface RingPart {
  readonly queue: QueueModel;
  readonly area: "desc" | "driver" | "device";
  /** Bytes from the start of the area. */
  readonly offset: number;
}

/** The driver wrote `length` bytes (at least 1) at a guest-physical address. */
export interface DriverWrite {
  readonly address: number;
  readonly length: number;
  /** What stood there, little-endian, of writes of up to 4 bytes; undefined for longer ones. */
  readonly before: number | undefined;
  /** The part of an enabled queue that is written, if it is one. */
  readonly part: RingPart | undefined;
}

/** The driver read `length` bytes (at least 1). */
export interface DriverRead {
  readonly address: number;
  readonly length: number;
  /** What it got, little-endian, of reads of up to 4 bytes. A real device may have written something else since. */
  readonly value: number | undefined;
  readonly part: RingPart | undefined;
}

export interface DeviceWrite {
  readonly address: number;
  readonly length: number;
  readonly part: RingPart | undefined;
}

/** Device memory that was allocated. */
export interface BufferView {
  /** Guest-physical address of the first byte. */
  readonly phys: number;
  /** Bytes. */
  readonly length: number;
  /** `virtio-rng at 00:03.0 queue 0 desc`. */
  readonly owner: string;
  /** A piece of an allocation (an indirect table), not pages of its own. */
  readonly piece: boolean;
}
