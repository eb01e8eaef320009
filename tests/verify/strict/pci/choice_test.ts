import { assertEquals } from "@std/assert";
import { CapCfgType, CommonCfg as C, VirtioPciCap as Cap } from "../../../../spec/virtio/pci.ts";
import { PCI_RULES } from "../../../../verify/strict/rules/pci/mod.ts";
import { onceTest } from "../../../support/once.ts";
import { HandFunction } from "./_hand_function.ts";

const COMMON = { type: CapCfgType.Common, bar: 4, offset: 0, length: 0x1000 };
const ISR = { type: CapCfgType.Isr, bar: 4, offset: 0x1000, length: 0x1000 };
const NOTIFY = { type: CapCfgType.Notify, bar: 4, offset: 0x3000, length: 0x1000, multiplier: 4 };
/** A common configuration in a BAR of ports, and one in a reserved BAR. */
const IN_PORTS = { ...COMMON, bar: 0, length: 0x38 }, RESERVED_BAR = { ...COMMON, bar: 7 };

/** Looks at all capabilities, as far as the BAR of each. */
function look(fn: HandFunction): void {
  for (const at of fn.places) for (const field of [Cap.CAP_VNDR, Cap.CFG_TYPE, Cap.BAR]) fn.reads(at + field);
}

onceTest("pci-device-given-up: a capability that cannot be used ends it", () => {
  const fn = new HandFunction(PCI_RULES, [IN_PORTS, COMMON, NOTIFY, ISR]);
  look(fn);
  assertEquals(fn.found(), [
    "warning pci-device-given-up: the capabilities of 00:05.0 were read, and its status was never written; " +
    "the one at 0x40 (cfg_type 1, bar 0) cannot be used, others of its type can; expected the device driven " +
    "through the capabilities that can be used",
  ]);
});

onceTest("pci-device-given-up: not if the device is driven, nobody looked, or a structure is missing", () => {
  const driven = new HandFunction(PCI_RULES, [RESERVED_BAR, COMMON, NOTIFY, ISR]);
  look(driven);
  driven.writes(C.DEVICE_STATUS, 1, 0);
  assertEquals(driven.found(), []);
  assertEquals(new HandFunction(PCI_RULES, [IN_PORTS, COMMON, NOTIFY, ISR]).found(), []);
  const missing = new HandFunction(PCI_RULES, [IN_PORTS, NOTIFY, ISR]);
  look(missing);
  assertEquals(missing.found(), []);
});

onceTest("pci-first-structure: a later capability replaces the first", () => {
  const fn = new HandFunction(PCI_RULES, [COMMON, { ...COMMON, offset: 0x2000 }, NOTIFY, ISR]);
  fn.gets(0x2000 + C.DEVICE_STATUS, 1, 0);
  fn.gets(0x2000 + C.DEVICE_STATUS, 1, 0);
  assertEquals(fn.found(), [
    "warning pci-first-structure: the common structure of the capability at 0x54 is used, and that at 0x40 comes " +
    "first; expected the structure at bar 4, offset 0x0, length 0x1000",
  ]);
});

onceTest(
  "pci-first-structure: the first that can be used is right; so is the multiplier of the first",
  () => {
    const second = { ...NOTIFY, multiplier: 8 };
    const fn = new HandFunction(PCI_RULES, [RESERVED_BAR, IN_PORTS, COMMON, NOTIFY, second, ISR]);
    const notify = (queue: number, offset: number) => {
      fn.writes(C.QUEUE_SELECT, 2, queue);
      fn.gets(C.QUEUE_NOTIFY_OFF, 2, queue);
      fn.writes(NOTIFY.offset + offset, 2, queue);
    };
    notify(1, 4);
    assertEquals(fn.found(), []);
  },
);

onceTest("pci-first-structure: the multiplier of a later capability for the same addresses", () => {
  const fn = new HandFunction(PCI_RULES, [COMMON, NOTIFY, { ...NOTIFY, multiplier: 8 }, ISR]);
  fn.writes(C.QUEUE_SELECT, 2, 1);
  fn.gets(C.QUEUE_NOTIFY_OFF, 2, 1);
  fn.writes(NOTIFY.offset + 8, 2, 1);
  assertEquals(fn.found(), [
    "warning pci-first-structure: the notify structure of the capability at 0x68 is used, and that at 0x54 comes " +
    "first; expected the structure at bar 4, offset 0x3000, length 0x1000",
  ]);
});
