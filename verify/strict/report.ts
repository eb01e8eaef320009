import type { Level } from "./rule.ts";

/** A line of source: `drivers/virtio/virtqueue/split.ts`, 180, 12. */
export interface Frame {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly name: string;
}

/** Where in the driver it happened, innermost first. */
export type Place = readonly Frame[];

/** Bytes in memory, or a register, that show what is wrong. */
export interface Evidence {
  /** `available ring entry 3`, `queue_size`. */
  readonly what: string;
  /** Guest-physical address. */
  readonly address?: number;
  /** Bytes as hex, or the register's value. */
  readonly value: string;
}

/** A rule that was broken. Times in virtual nanoseconds. */
export interface Report {
  readonly rule: string;
  readonly level: Level;
  readonly clauses: readonly string[];
  readonly section: string;
  readonly title: string;
  readonly hint: string;
  /** `virtio-rng-pci.0`. */
  readonly device: string | undefined;
  readonly queue: number | undefined;
  readonly time: number;
  /** Number of the trace's event during which it was seen, counted from 0. */
  readonly event: number;
  readonly found: string;
  readonly expected: string;
  readonly evidence: readonly Evidence[];
  readonly place: Place;
  /** How often the same was seen at the same place. */
  readonly count: number;
  /** Time of the last of them. */
  readonly lastTime: number;
}
