/** Rules of virtio over MMIO (virtio 1.4, 4.2). */
import type { Rule } from "../../rule.ts";
import { MMIO_ACK_DEFINED, MMIO_ACK_SEEN } from "./interrupts.ts";
import { MMIO_NOT_A_DEVICE, MMIO_PROBE_ORDER } from "./probe.ts";
import { MMIO_QUEUE_STOPPED } from "./queue_stop.ts";
import {
  MMIO_ACCESS_WIDTH,
  MMIO_KNOWN_OFFSET,
  MMIO_READ_ONLY,
  MMIO_SHARED_MEMORY,
  MMIO_WRITE_ONLY,
} from "./registers.ts";

/** All of them. */
export const MMIO_RULES: readonly Rule[] = [
  MMIO_PROBE_ORDER,
  MMIO_NOT_A_DEVICE,
  MMIO_ACCESS_WIDTH,
  MMIO_KNOWN_OFFSET,
  MMIO_READ_ONLY,
  MMIO_WRITE_ONLY,
  MMIO_SHARED_MEMORY,
  MMIO_ACK_DEFINED,
  MMIO_ACK_SEEN,
  MMIO_QUEUE_STOPPED,
];
