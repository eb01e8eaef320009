import type { Mistake } from "../mistake.ts";
import { BUFFER_MISTAKES } from "./buffers.ts";
import { CONFIG } from "./config.ts";
import { CONSOLE_MISTAKES } from "./console.ts";
import { FEATURES } from "./features.ts";
import { INIT } from "./init.ts";
import { INTERRUPTS } from "./interrupts.ts";
import { MEMORY } from "./memory.ts";
import { MMIO_MISTAKES } from "./mmio.ts";
import { NET_MISTAKES } from "./net.ts";
import { NET_CONTROL_MISTAKES } from "./net_control.ts";
import { NET_OFFLOAD_MISTAKES } from "./net_offload.ts";
import { NOTIFY } from "./notify.ts";
import { PACKED_MISTAKES } from "./packed.ts";
import { PCI_MISTAKES } from "./pci.ts";
import { QUEUES } from "./queues.ts";
import { SPLIT_MISTAKES } from "./split.ts";
import { SPLIT_CHAIN_MISTAKES } from "./split_chains.ts";

/** All mistakes. Each names the rule that must be reported: the red tests of these rules. */
export const MISTAKES: readonly Mistake[] = [
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
  ...BUFFER_MISTAKES,
  ...NOTIFY,
  ...NET_MISTAKES,
  ...NET_CONTROL_MISTAKES,
  ...NET_OFFLOAD_MISTAKES,
  ...CONSOLE_MISTAKES,
  ...CONFIG,
];
