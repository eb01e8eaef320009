import { statusNames } from "../../../spec/virtio/status.ts";
import type { MachineState, RegisterState } from "../protocol.ts";
import { hex } from "./numbers.ts";

export interface RegisterRow extends RegisterState {
  /** What the value means, where that is known. */
  readonly meaning: string;
}
/** The registers of one device that were touched, by address. */
export interface RegisterBlock {
  readonly dev: string;
  readonly rows: readonly RegisterRow[];
}

const ISR: readonly string[] = ["none", "queue", "configuration", "queue, configuration"];

/** Registers by device, in the order in which the devices were first touched. */
export function registers(state: MachineState): RegisterBlock[] {
  const blocks = new Map<string, RegisterRow[]>();
  for (const r of state.registers) {
    let rows = blocks.get(r.dev);
    if (rows === undefined) blocks.set(r.dev, rows = []);
    rows.push({ ...r, meaning: meaning(r) });
  }
  return [...blocks].map(([dev, rows]) => ({
    dev,
    rows: rows.sort((a, b) =>
      a.space === b.space ? a.addr - b.addr || a.reg.localeCompare(b.reg) : a.space === "port" ? -1 : 1
    ),
  }));
}

function meaning({ reg, value, width, dev }: RegisterState): string {
  if (!dev.startsWith("virtio-")) {
    return width === 1 && value >= 32 && value < 127 ? `'${String.fromCharCode(value)}'` : "";
  }
  switch (reg) {
    case "device_status":
    case "status":
      return statusNames(value);
    case "isr":
    case "interrupt_status":
    case "interrupt_ack":
      return ISR[value] ?? "";
    case "config_msix_vector":
    case "queue_msix_vector":
      return value === 0xffff ? "none" : "";
    case "magic_value":
    case "magic":
      return value === 0x7472_6976 ? "'virt'" : "not virtio";
  }
  return value > 9 && !/(hi|high|low|desc|driver|device)$/.test(reg) ? String(value) : "";
}

/** A value with all digits of its width in bytes. */
export const registerValue = (r: RegisterState): string => hex(r.value, 2 * r.width);
