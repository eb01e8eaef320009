/** All mistakes that are planted: at least one for each register and rule of the device models. */
import type { Mistake } from "./mistake.ts";
import { COMMON_MISTAKES } from "./mistakes_common.ts";
import { CONSOLE_MISTAKES } from "./mistakes_console.ts";
import { DEVICE_MISTAKES } from "./mistakes_device.ts";
import { LEGACY_MISTAKES } from "./mistakes_legacy.ts";
import { MMIO_MISTAKES } from "./mistakes_mmio.ts";
import { MMIO_LEGACY_MISTAKES } from "./mistakes_mmio_legacy.ts";
import { MSIX_MISTAKES } from "./mistakes_msix.ts";
import { NET_MISTAKES } from "./mistakes_net.ts";
import { PACKED_MISTAKES } from "./mistakes_packed.ts";
import { PCI_MISTAKES } from "./mistakes_pci.ts";
import { RNG_MISTAKES } from "./mistakes_rng.ts";
import { SPLIT_MISTAKES } from "./mistakes_split.ts";

export const MISTAKES: readonly Mistake[] = [
  ...COMMON_MISTAKES,
  ...PCI_MISTAKES,
  ...MSIX_MISTAKES,
  ...LEGACY_MISTAKES,
  ...MMIO_MISTAKES,
  ...MMIO_LEGACY_MISTAKES,
  ...DEVICE_MISTAKES,
  ...RNG_MISTAKES,
  ...CONSOLE_MISTAKES,
  ...NET_MISTAKES,
  ...SPLIT_MISTAKES,
  ...PACKED_MISTAKES,
];
