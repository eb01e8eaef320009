/** One buffer of a chain. Addresses guest-physical, lengths in bytes. */
export interface Segment {
  readonly address: number;
  readonly length: number;
  /** The device writes it; otherwise it reads it. */
  readonly writable: boolean;
  /** Guest-physical address of the descriptor. */
  readonly descriptor: number;
  /** Flags of the descriptor as they stand in memory. */
  readonly flags: number;
}

/** A mistake in the way a chain is written, found while following it. */
export interface ChainFault {
  readonly kind: ChainFaultKind;
  /** Guest-physical address of the descriptor where it is. */
  readonly descriptor: number;
  /** `next is 300 in a table of 256`. */
  readonly text: string;
}

export type ChainFaultKind =
  /** `next`, or the head, is not a descriptor of the table. */
  | "index"
  /** The chain comes back to itself, or has more descriptors than the table. */
  | "loop"
  /** A readable buffer behind a writable one. */
  | "order"
  /** INDIRECT and NEXT in one descriptor, or a chain goes on behind an indirect one. */
  | "indirect-next"
  /** INDIRECT within an indirect table. */
  | "indirect-nested"
  /** The length of an indirect table is no multiple of 16, or 0. */
  | "indirect-length"
  /** INDIRECT without the feature. */
  | "indirect-feature"
  /** INDIRECT and WRITE. */
  | "indirect-write"
  /** A buffer of length 0. */
  | "empty"
  /** A buffer, or an indirect table, is not in RAM. */
  | "memory"
  /** All buffers together have more than 2^32 bytes. */
  | "too-long"
  /** Flags that the specification does not know. */
  | "flags"
  /** Packed: a descriptor of the chain is not marked available by the wrap counter. */
  | "wrap"
  /** Packed: a chain over descriptors that the device has not used yet. */
  | "overrun"
  /** Split: a descriptor that belongs to another chain in flight. */
  | "shared";

/** Buffers that the driver gave to the device in one piece. */
export interface Chain {
  /** Split: index of the head descriptor. Packed: the buffer id. */
  readonly id: number;
  /** Position in the available ring (split, 0 to 65535) or of the first descriptor (packed). */
  readonly position: number;
  /** Indices of the ring's own descriptors (not those of an indirect table). */
  readonly descriptors: readonly number[];
  readonly segments: readonly Segment[];
  /** The indirect table, if there is one. */
  readonly table: { readonly address: number; readonly length: number } | undefined;
  readonly faults: readonly ChainFault[];
  /** Virtual nanoseconds. */
  readonly publishedAt: number;
  /** Number of the chain in its queue, counted from 0. */
  readonly number: number;
  /** Where the driver made it visible. */
  readonly place: import("../report.ts").Place;
}
