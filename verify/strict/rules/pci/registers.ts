import { CommonCfg } from "../../../../spec/virtio/pci.ts";
import type { Access } from "../../events.ts";
import type { Rule } from "../../rule.ts";
import { COMMON, overPci } from "../basic/_clauses.ts";
import { bytes, hex } from "../basic/_registers.ts";

/** Registers of the common configuration by offset: name and width in bytes; 64 bits are two halves. */
const REGISTERS = new Map<number, { name: string; width: number }>();
{
  const BYTE: readonly number[] = [CommonCfg.DEVICE_STATUS, CommonCfg.CONFIG_GENERATION];
  const DOUBLE: readonly number[] = [
    CommonCfg.DEVICE_FEATURE_SELECT,
    CommonCfg.DEVICE_FEATURE,
    CommonCfg.DRIVER_FEATURE_SELECT,
    CommonCfg.DRIVER_FEATURE,
  ];
  const QUAD: readonly number[] = [CommonCfg.QUEUE_DESC, CommonCfg.QUEUE_DRIVER, CommonCfg.QUEUE_DEVICE];
  for (const [key, offset] of Object.entries(CommonCfg)) {
    const name = key.toLowerCase();
    const width = BYTE.includes(offset) ? 1 : DOUBLE.includes(offset) || QUAD.includes(offset) ? 4 : 2;
    REGISTERS.set(offset, { name, width });
    if (QUAD.includes(offset)) REGISTERS.set(offset + 4, { name: `upper half of ${name}`, width });
  }
}
/** The register that holds a byte. */
function registerAt(offset: number): { name: string; offset: number; width: number } | undefined {
  for (const [at, r] of REGISTERS) if (offset >= at && offset < at + r.width) return { ...r, offset: at };
  return undefined;
}

/** What an access should have been, or undefined if it is right. */
function expectedAccess(a: Access): string | undefined {
  if (a.space === "isr") return a.offset === 0 && a.width !== 1 ? "1 byte at offset 0" : undefined;
  const register = registerAt(a.offset);
  if (register === undefined) return "a register of the common configuration (0x0 to 0x3f)";
  if (register.offset === a.offset && register.width === a.width) return undefined;
  return `${bytes(register.width)} at ${hex(register.offset)} (${register.name})`;
}

/** Each register at its width. */
export const PCI_ACCESS_WIDTH: Rule = {
  id: "pci-access-width",
  clauses: overPci("PCI Device Layout", 1),
  level: "violation",
  section: "virtio 1.4, 4.1.3.1",
  title: "A register is accessed at its own width and offset; 64 bits as two halves of 32",
  hint:
    "Status and generation have 8 bits, features 32, the rest of a queue's registers 16, addresses two times 32.",
  watch: (scene) => ({
    access(a) {
      if (a.space !== "common" && a.space !== "isr") return;
      const expected = expectedAccess(a);
      if (expected === undefined) return;
      scene.report({
        device: a.device,
        found: `${a.write ? "a write" : "a read"} of ${bytes(a.width)} at ` +
          `${hex(a.offset)} of the ${a.space === "isr" ? "ISR status" : "common configuration"}`,
        expected,
        evidence: [{
          what: a.register ?? `offset ${hex(a.offset)}`,
          address: a.address,
          value: hex(a.value),
        }],
      });
    },
  }),
};

const READ_ONLY: readonly number[] = [
  CommonCfg.DEVICE_FEATURE,
  CommonCfg.NUM_QUEUES,
  CommonCfg.CONFIG_GENERATION,
  CommonCfg.QUEUE_NOTIFY_OFF,
  CommonCfg.QUEUE_NOTIF_CONFIG_DATA,
  CommonCfg.ADMIN_QUEUE_INDEX,
  CommonCfg.ADMIN_QUEUE_NUM,
];

/** What is the device's to say. */
export const PCI_READ_ONLY: Rule = {
  id: "pci-read-only",
  clauses: overPci(COMMON, 1),
  level: "violation",
  section: "virtio 1.4, 4.1.4.3.2",
  title: "The driver does not write the read-only registers of the common configuration",
  hint:
    "device_feature is read, driver_feature is written; queue_notify_off and num_queues are the device's.",
  watch: (scene) => ({
    access(a) {
      if (!a.write || a.space !== "common") return;
      const register = registerAt(a.offset);
      if (register === undefined || !READ_ONLY.includes(register.offset)) return;
      const { name } = register;
      scene.report({
        device: a.device,
        found: `${name} was written with ${hex(a.value)} (${bytes(a.width)} at ${hex(a.offset)})`,
        expected: `no write to ${name}`,
        evidence: [{ what: name, address: a.address, value: hex(a.value) }],
      });
    },
  }),
};
