import { CommonCfg } from "../../spec/virtio/pci.ts";
import { MmioReg } from "../../spec/virtio/mmio.ts";
import { featureNames } from "../../spec/virtio/features.ts";
import { statusNames } from "../../spec/virtio/status.ts";

/** Structures of a virtio device that registers are in. */
export type Structure = "common" | "isr" | "device" | "notify" | "msix" | "mmio";

const lower = (record: Record<string, number>) =>
  new Map(Object.entries(record).map(([name, at]) => [at, name.toLowerCase()]));
const COMMON = lower(CommonCfg);
for (const area of ["desc", "driver", "device"] as const) {
  COMMON.set(CommonCfg[`QUEUE_${area.toUpperCase()}` as "QUEUE_DESC"] + 4, `queue_${area}_hi`);
}
const MMIO = lower(MmioReg);
const MSIX = ["address_lo", "address_hi", "data", "control"];

/** notify_off_multiplier of QEMU's devices. */
const NOTIFY_MULTIPLIER = 4;

/**
 * The name of a register, as our own traces have it.
 *
 * @param offset bytes from the start of the structure.
 */
export function registerName(structure: Structure, offset: number): string {
  switch (structure) {
    case "common":
      return COMMON.get(offset) ?? `common+${offset}`;
    case "isr":
      return "isr";
    case "device":
      return `config+${offset}`;
    case "notify":
      return `notify[${Math.floor(offset / NOTIFY_MULTIPLIER)}]`;
    case "msix":
      return `msix[${offset >> 4}].${MSIX[(offset >> 2) & 3]}`;
    case "mmio":
      return offset >= MmioReg.CONFIG
        ? `config+${offset - MmioReg.CONFIG}`
        : MMIO.get(offset) ?? `mmio+${offset}`;
  }
}

/** Registers that hold an address, or half of one: only the offset within a page is the same in two runs. */
const ADDRESS = /^queue_(desc|driver|device)(_low)?$/;
/** Of these nothing is the same: the other half of an address, and whom a message goes to. */
const ADDRESS_HIGH = /^queue_(desc|driver|device)_(hi|high)$|^msix\[\d+\]\.(address_(lo|hi)|data)$/;
const FEATURES = /^(device|driver)_features?$/;
const STATUS = /^(device_)?status$/;

/** Whether a register's value depends on the allocator or on who gives out vectors. */
export function isPlace(reg: string): boolean {
  return ADDRESS.test(reg) || ADDRESS_HIGH.test(reg);
}

/** A value in words that are the same in every run. */
export function valueText(reg: string, value: number, word: number, deviceId: number): string {
  if (ADDRESS.test(reg)) return `(address, page + 0x${(value % 4096).toString(16)})`;
  if (ADDRESS_HIGH.test(reg)) return reg.endsWith("data") ? "(vector)" : "(address)";
  const hex = `0x${value.toString(16)}`;
  if (STATUS.test(reg)) return value === 0 ? "0" : `${hex} ${statusNames(value)}`;
  if (FEATURES.test(reg) && word < 4 && value !== 0) {
    return `${hex} ${featureNames(BigInt(value) << BigInt(32 * word), deviceId).join(" ")}`;
  }
  return hex;
}

/** What is in a register or field, and where the specification says so. */
const MEANING: readonly [RegExp, string, string][] = [
  [/^device_features?_sel(ect)?$/, "which word of the device's features is shown", "virtio 1.4, 4.1.4.3"],
  [/^device_features?$/, "features that the device offers", "virtio 1.4, 2.2"],
  [/^driver_features?_sel(ect)?$/, "which word of the driver's features is written", "virtio 1.4, 4.1.4.3"],
  [/^driver_features?$/, "features that the driver accepts", "virtio 1.4, 2.2, 3.1.1"],
  [/^(device_)?status$/, "the device status", "virtio 1.4, 2.1, 3.1.1"],
  [/^config_generation$/, "changes when the device's configuration does", "virtio 1.4, 2.5.1"],
  [/^config_msix_vector$/, "the vector for configuration changes", "virtio 1.4, 4.1.5.1.2"],
  [/^queue_msix_vector$/, "the vector of the queue", "virtio 1.4, 4.1.5.1.2"],
  [/^queue_sel(ect)?$/, "which queue the queue registers are about", "virtio 1.4, 4.1.4.3"],
  [/^queue_(size|num|num_max)$/, "the number of descriptors of the queue", "virtio 1.4, 4.1.5.1.3, 2.7"],
  [/^queue_desc/, "where the descriptor area is", "virtio 1.4, 4.1.5.1.3, 2.7.5"],
  [/^queue_driver/, "where the driver area is", "virtio 1.4, 4.1.5.1.3, 2.7.6"],
  [/^queue_device/, "where the device area is", "virtio 1.4, 4.1.5.1.3, 2.7.8"],
  [/^queue_(enable|ready)$/, "whether the queue is in use", "virtio 1.4, 4.1.5.1.3"],
  [/^queue_notify_off$/, "where notifications of the queue go", "virtio 1.4, 4.1.4.4"],
  [/^queue_reset$/, "the reset of one queue", "virtio 1.4, 2.6.1"],
  [/^(isr|interrupt_status|interrupt_ack)$/, "why the device interrupts", "virtio 1.4, 4.1.4.5, 4.2.2"],
  [/^(notify|queue_notify)$/, "a notification that there are buffers", "virtio 1.4, 2.3, 4.1.5.2"],
  [/^msix$/, "an entry of the MSI-X table", "PCI 3.0, 6.8.2"],
  [/^(magic_value|version|device_id|vendor_id)$/, "what this transport is", "virtio 1.4, 4.2.2"],
  [/^config$/, "the device's own configuration", "virtio 1.4, 2.5"],
  [/^desc\.addr$/, "where a buffer is", "virtio 1.4, 2.7.5, 2.8.13"],
  [/^desc\.len$/, "how long a buffer is", "virtio 1.4, 2.7.5, 2.8.13"],
  [/^desc\.flags$/, "a descriptor's flags", "virtio 1.4, 2.7.5, 2.8.1"],
  [/^desc\.next$/, "the next descriptor of a chain", "virtio 1.4, 2.7.5"],
  [/^desc\.id$/, "the id of a buffer", "virtio 1.4, 2.8.13"],
  [/^table\./, "an entry of an indirect table", "virtio 1.4, 2.7.5.3, 2.8.7"],
  [/^avail\.flags$/, "whether the driver wants interrupts", "virtio 1.4, 2.7.7"],
  [/^avail\.idx$/, "how many buffers were made available", "virtio 1.4, 2.7.6, 2.7.13.3"],
  [/^avail\.ring$/, "the head of an available chain", "virtio 1.4, 2.7.6, 2.7.13.2"],
  [/^used_event$/, "the used buffer at which the driver wants an interrupt", "virtio 1.4, 2.7.7.1"],
  [/^used\.flags$/, "whether the device wants notifications", "virtio 1.4, 2.7.10"],
  [/^used\.idx$/, "how many buffers were used", "virtio 1.4, 2.7.8"],
  [/^used\.ring/, "a buffer that the device has used", "virtio 1.4, 2.7.8"],
  [/^avail_event$/, "the available buffer at which the device wants a notification", "virtio 1.4, 2.7.10"],
  [/^(driver|device)_event/, "event suppression", "virtio 1.4, 2.8.10"],
  [/^notification$/, "a notification that there are buffers", "virtio 1.4, 2.7.10, 2.8.10"],
  [/^interrupt$/, "a notification that buffers were used", "virtio 1.4, 2.7.7, 2.8.10"],
  [/^buffer taken$/, "a chain that the device takes", "virtio 1.4, 2.7.13"],
  [
    /^buffer used$/,
    "a chain that the device gives back, and how many bytes it wrote",
    "virtio 1.4, 2.7.8, 2.7.14",
  ],
  [/^used index$/, "used buffers become visible", "virtio 1.4, 2.7.8"],
  [/^barrier /, "what is visible to the device before what", "virtio 1.4, 2.7.13.3.1, 6"],
  [/^PCI$/, "PCI configuration", "PCI 3.0, 6.1"],
];

/** Meaning and clause of a step's name, if there is one. */
export function meaningOf(name: string): { what: string; clause: string } | undefined {
  const row = MEANING.find(([pattern]) => pattern.test(name));
  return row === undefined ? undefined : { what: row[1], clause: row[2] };
}
