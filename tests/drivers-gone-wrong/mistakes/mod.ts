import type { Mistake } from "../mistake.ts";
import { CONFIG } from "./config.ts";
import { CONSOLE_MISTAKES } from "./console.ts";
import { FEATURES } from "./features.ts";
import { INIT } from "./init.ts";
import { INTERRUPTS } from "./interrupts.ts";
import { MEMORY } from "./memory.ts";
import { MMIO_MISTAKES } from "./mmio.ts";
import { NET_MISTAKES } from "./net.ts";
import { NOTIFY } from "./notify.ts";
import { PACKED_MISTAKES } from "./packed.ts";
import { PCI_MISTAKES } from "./pci.ts";
import { QUEUES } from "./queues.ts";
import { SPLIT_MISTAKES } from "./split.ts";
import { SPLIT_CHAIN_MISTAKES } from "./split_chains.ts";

const ALL: readonly Mistake[] = [
  ...INIT,
  ...FEATURES,
  ...PCI_MISTAKES,
  ...MMIO_MISTAKES,
  ...QUEUES,
  ...INTERRUPTS,
  ...SPLIT_MISTAKES,
  ...SPLIT_CHAIN_MISTAKES,
  ...PACKED_MISTAKES,
  ...MEMORY,
  ...NOTIFY,
  ...NET_MISTAKES,
  ...CONSOLE_MISTAKES,
  ...CONFIG,
];

/** Mistakes that no rule catches. */
const NOT_CAUGHT: readonly string[] = [
  "packed-wrap-not-toggled",
  "packed-wrap-starts-at-0",
  "packed-avail-and-used-set",
  "packed-avail-bit-only",
  "packed-order-of-fields",
  "memory-buffer-given-twice",
  "memory-freed-twice",
  "memory-reset-while-waiting",
  "notify-suppression-read-too-early",
  "net-mac-set-without-feature",
  "net-mtu-exceeded-buffers",
  "config-read-only-written",
];

/** Each names the rule that must be reported: the red tests of these rules. */
export const MISTAKES: readonly Mistake[] = ALL.filter((m) => !NOT_CAUGHT.includes(m.id));
/** Mistakes that no rule catches: the one they name is not there, or does not see them. */
export const OPEN: readonly Mistake[] = ALL.filter((m) => NOT_CAUGHT.includes(m.id));
