/** All rules of the strict machine, by area. */
import type { Rule } from "../rule.ts";
import { BASIC_RULES } from "./basic/mod.ts";
import { PCI_RULES } from "./pci/mod.ts";
import { MMIO_RULES } from "./mmio/mod.ts";
import { BUFFER_RULES } from "./buffers/mod.ts";
import { CONSOLE_RULES } from "./console/mod.ts";
import { NET_RULES } from "./net/mod.ts";
import { RNG_RULES } from "./rng/mod.ts";
import { TASK_RULES } from "./tasks/mod.ts";
import { SPLIT_RULES } from "./split/mod.ts";
import { PACKED_RULES } from "./packed/mod.ts";
import { MEMORY_RULES } from "./memory/mod.ts";
import { LIVENESS_RULES } from "./liveness/mod.ts";

export const RULES: readonly Rule[] = [
  ...BASIC_RULES,
  ...PCI_RULES,
  ...MMIO_RULES,
  ...BUFFER_RULES,
  ...NET_RULES,
  ...CONSOLE_RULES,
  ...RNG_RULES,
  ...TASK_RULES,
  ...SPLIT_RULES,
  ...PACKED_RULES,
  ...MEMORY_RULES,
  ...LIVENESS_RULES,
];
