import { PAGE, Port as P } from "../driver/mod.ts";
import type { Driver } from "./driver.ts";
import { strayAccess } from "./generate_registers.ts";
import { anySize, deviceFeatures, setUpMsix, SLIP, usefulQueues } from "./generate_setup.ts";
import { legacyPlace, Ram } from "./program.ts";

/** Bits of the low word. */
const NOTIFY_ON_EMPTY = 1 << 24, ANY_LAYOUT = 1 << 27, INDIRECT = 1 << 28, EVENT_IDX = 1 << 29, BAD = 1 << 30;

/** Brings the device up through its ports, as a driver of before virtio 1.0 does, with a slip here and there. */
export function bringUpLegacy(d: Driver): void {
  const { dice } = d;
  const slip = (p = SLIP) => dice.chance(p);
  d.legacy = true;
  if (dice.chance(0.3)) d.setStatus(0);
  if (!slip()) d.setStatus(1);
  if (slip()) strayAccess(d);
  if (!slip()) d.setStatus(3);
  if (!d.msix && dice.chance(0.4)) setUpMsix(d);
  negotiateLegacy(d);
  const early = slip();
  if (early) d.setStatus(7);
  for (const q of usefulQueues(d)) {
    setUpLegacyQueue(d, q);
    if (slip()) strayAccess(d);
  }
  if (!early && !slip(0.02)) d.setStatus(slip(0.05) ? 15 : 7);
}

/** Features of a driver that knows one word of them. */
export function negotiateLegacy(d: Driver): void {
  const { dice } = d;
  if (dice.chance(0.2)) d.read("legacy", P.OFFERED, 4);
  d.write("legacy", P.FEATURES, 4, legacyFeatures(d));
  if (dice.chance(0.2)) d.read("legacy", P.FEATURES, 4);
}

/** What such a driver accepts. */
export function legacyFeatures(d: Driver): number {
  const { dice } = d;
  d.packed = false;
  d.eventIdx = dice.chance(0.5);
  d.indirect = dice.chance(0.7);
  let low = (d.eventIdx ? EVENT_IDX : 0) | (d.indirect ? INDIRECT : 0) | deviceFeatures(d);
  if (dice.chance(0.2)) low |= NOTIFY_ON_EMPTY;
  if (dice.chance(0.05)) low |= dice.pick([ANY_LAYOUT, BAD, 1, dice.u32()]);
  d.header = d.merged ? 12 : 10;
  return low;
}

/** Says where a queue lies; its size is the device's. */
export function setUpLegacyQueue(d: Driver, q: number): void {
  const { dice } = d;
  const slip = (p: number) => dice.chance(p);
  if (!slip(0.01)) d.select(slip(0.02) ? dice.pick([q + 1, 1023, 1024, 0xffff]) : q);
  if (slip(0.3)) d.read("legacy", P.SIZE, 2);
  let size = d.fullSize(q);
  if (slip(0.05)) {
    // A size that only the modern interface can set.
    size = Math.min(anySize(d), 256);
    d.write("common", 0x18, 2, size);
  }
  const place = legacyPlace(q, size);
  let address = place.desc;
  if (slip(0.02)) address = dice.pick([address + PAGE, Ram.size, Ram.size - PAGE, 0, 2 ** 32]);
  d.ring(q, size, place);
  if (!slip(0.01)) d.write("legacy", P.ADDRESS, 4, address / PAGE);
  if (address === 0) d.forget();
  if (d.msix && !slip(0.1)) {
    d.write("legacy", P.QUEUE_VECTOR, 2, slip(0.05) ? dice.pick([2, 3, 0xffff, 0x100]) : dice.int(0, 1));
  }
  if (slip(0.1)) d.read("legacy", dice.pick([P.ADDRESS, P.SIZE, P.SELECT, P.QUEUE_VECTOR]), 2);
}

/** Registers and what may stand in them. */
const WRITES: readonly (readonly [offset: number, width: 1 | 2 | 4, values: readonly number[]])[] = [
  [P.FEATURES, 4, [0, EVENT_IDX, INDIRECT, BAD, 0xffff_ffff, 2, 1 << 15]],
  [P.ADDRESS, 4, [0, Ram.legacy / PAGE, Ram.rings / PAGE, Ram.size / PAGE, 1, 0xffff_ffff]],
  [P.SIZE, 2, [8]],
  [P.SELECT, 2, [0, 1, 2, 3, 5, 1023, 1024]],
  [P.NOTIFY, 2, [0, 1, 2, 3, 64, 1023, 1024, 0xffff]],
  [P.STATUS, 1, [0, 1, 3, 7, 7, 15, 0x83, 0x87, 4]],
  [P.ISR, 1, [0, 1]],
  [P.CONFIG_VECTOR, 2, [0, 1, 2, 0xffff]],
  [P.QUEUE_VECTOR, 2, [0, 1, 2, 0xffff]],
];

/** An access to the ports that no driver has to make at that point: any register, any width, odd offsets. */
export function strayLegacy(d: Driver): void {
  const { dice } = d;
  const width = dice.pick([1, 2, 4] as const);
  if (dice.chance(0.5)) {
    const off = dice.pick([0, 4, 8, 12, 14, 16, 18, 19, 20, 22, 24, 28, 32]);
    return d.read("legacy", off + (dice.chance(0.1) ? 1 : 0), width);
  }
  if (dice.chance(0.15)) {
    return d.write("legacy", d.legacyConfig + dice.int(0, 12), width, dice.u32());
  }
  const [off, own, values] = dice.pick(WRITES);
  const value = dice.pick(values);
  if (dice.chance(0.1)) return d.write("legacy", off + dice.int(0, 3), width, dice.u32());
  if (dice.chance(0.15)) return acrossRegisters(d);
  d.write("legacy", off, own, value);
  if ((off === P.STATUS || off === P.ADDRESS) && value === 0) d.forget();
}

/** One access to two registers: size and selection, selection and notification, status and what is behind ISR. */
function acrossRegisters(d: Driver): void {
  const { dice } = d;
  const off = dice.pick([P.SIZE - 2, P.SELECT, P.STATUS, P.STATUS]);
  const low = off === P.STATUS ? dice.pick([3, 7, 7, 0x83]) : dice.int(0, 2);
  d.write("legacy", off, 4, low + 0x1_0000 * dice.pick([0, 1, 1, 0x4141, 0xffff]));
}
