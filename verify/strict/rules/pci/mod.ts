/** Rules of virtio over PCI (virtio 1.4, 4.1). */
import type { Rule } from "../../rule.ts";
import { BAR_ADDRESS } from "./bar_address.ts";
import { CAPABILITY_WRITTEN, CONFIG_WINDOW } from "./capabilities.ts";
import { FIRST_STRUCTURE, GIVEN_UP } from "./choice.ts";
import { BAR_WHILE_DECODING, BUS_MASTER, MEMORY_DECODING } from "./config_space.ts";
import { MSIX_ENTRY_FILLED, MSIX_ENTRY_MASKED, MSIX_MESSAGE } from "./msix_entry.ts";
import { MSIX_ISR_READ, MSIX_UNMASKED } from "./msix_mask.ts";
import { MSIX_READ_BACK, MSIX_VECTOR_RANGE } from "./msix_vectors.ts";
import { PCI_NOTIFY_QUEUE, PCI_NOTIFY_WIDTH } from "./notify.ts";
import { VECTOR_WRITTEN_TWICE } from "./queue_vector.ts";
import { PCI_OUTSIDE_STRUCTURES } from "./outside.ts";
import { PCI_ACCESS_WIDTH, PCI_READ_ONLY } from "./registers.ts";

/** All of them. */
export const PCI_RULES: readonly Rule[] = [
  BAR_WHILE_DECODING,
  BAR_ADDRESS,
  BUS_MASTER,
  MEMORY_DECODING,
  CAPABILITY_WRITTEN,
  CONFIG_WINDOW,
  FIRST_STRUCTURE,
  GIVEN_UP,
  PCI_ACCESS_WIDTH,
  PCI_READ_ONLY,
  PCI_OUTSIDE_STRUCTURES,
  PCI_NOTIFY_WIDTH,
  PCI_NOTIFY_QUEUE,
  MSIX_VECTOR_RANGE,
  MSIX_READ_BACK,
  VECTOR_WRITTEN_TWICE,
  MSIX_ENTRY_FILLED,
  MSIX_ENTRY_MASKED,
  MSIX_MESSAGE,
  MSIX_UNMASKED,
  MSIX_ISR_READ,
];
