import { LegacyMmioReg as L, MmioReg as R } from "../../../spec/mod.ts";
import { PAGE } from "../driver/mod.ts";
import type { Driver } from "./driver.ts";
import { LARGE_PAGE, NOWHERE } from "./generate_mmio_legacy.ts";
import { mmioValue, strayConfig, strayNotify } from "./generate_registers.ts";
import { Ram, ringPlace } from "./program.ts";

/** Registers of both versions, those of version 1 more than once. */
const KNOWN = [
  ...[R.MAGIC_VALUE, R.VERSION, R.DEVICE_ID, R.VENDOR_ID, R.DEVICE_FEATURES, R.DEVICE_FEATURES_SEL],
  ...[R.DRIVER_FEATURES, R.DRIVER_FEATURES, R.DRIVER_FEATURES_SEL, L.GUEST_PAGE_SIZE, L.GUEST_PAGE_SIZE],
  ...[R.QUEUE_SEL, R.QUEUE_SEL, R.QUEUE_NUM_MAX, R.QUEUE_NUM, R.QUEUE_NUM, L.QUEUE_ALIGN, L.QUEUE_ALIGN],
  ...[L.QUEUE_PFN, L.QUEUE_PFN, R.QUEUE_READY, R.QUEUE_NOTIFY, R.INTERRUPT_STATUS, R.INTERRUPT_ACK, R.STATUS],
  ...[R.QUEUE_DESC_LOW, R.QUEUE_DESC_HIGH, R.QUEUE_DRIVER_LOW, R.QUEUE_DRIVER_HIGH, R.QUEUE_DEVICE_LOW],
  ...[R.QUEUE_DEVICE_HIGH, R.SHM_SEL, R.SHM_LEN_LOW, R.SHM_LEN_HIGH, R.SHM_BASE_LOW, R.SHM_BASE_HIGH],
  ...[R.QUEUE_RESET, R.CONFIG_GENERATION],
];

/** An access that no driver has to make at that point: any register of either version, any width, odd offsets. */
export function strayMmioLegacy(d: Driver): void {
  const { dice } = d;
  if (dice.chance(0.15)) return strayConfig(d);
  if (dice.chance(0.08)) return strayNotify(d);
  if (dice.chance(0.05)) return modernQueue(d);
  let off: number = dice.pick(KNOWN);
  if (dice.chance(0.05)) off += dice.int(0, 3);
  const width = dice.chance(0.1) ? dice.pick([1, 2] as const) : 4;
  if (dice.chance(0.5)) return d.read("mmio", off, width);
  const value = strayValue(d, off);
  d.write("mmio", off, width, value);
  if (width !== 4) return;
  if (off === L.QUEUE_PFN && value === 0 || off === R.STATUS && (value & 0xff) === 0) d.forget();
  if (off === L.GUEST_PAGE_SIZE) d.pageSize = value;
}
/** What a driver of version 2 writes for the selected queue: it changes nothing. */
function modernQueue(d: Driver): void {
  const { desc, driver, device } = ringPlace(d.dice.int(0, 1), 8);
  [desc, driver, device].forEach((at, i) => d.setArea(i as 0 | 1 | 2, at));
  d.enable(1);
  d.read("mmio", R.QUEUE_READY, 4);
}
function strayValue(d: Driver, off: number): number {
  const { dice } = d;
  switch (off) {
    case R.DRIVER_FEATURES:
      return dice.pick([0, 1 << 29, 1 << 28, 2, 1 << 15, 1 << 30, 0xffff_ffff]) >>> 0;
    case L.GUEST_PAGE_SIZE:
      return dice.pick([0, 1, PAGE, PAGE, LARGE_PAGE, 0x8000_0000, 0x1100, 0xffff_ffff]);
    case L.QUEUE_ALIGN:
      return dice.pick([0, 1, 4, 64, PAGE, PAGE, 24, 3]);
    case L.QUEUE_PFN:
      return dice.pick([0, 1, Ram.legacy / PAGE, Ram.big / PAGE, Ram.legacy, Ram.size / PAGE, NOWHERE]);
    default:
      return mmioValue(d, off);
  }
}
