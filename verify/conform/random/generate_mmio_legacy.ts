import { LegacyMmioReg as L, MmioReg as R } from "../../../spec/mod.ts";
import { PAGE } from "../driver/mod.ts";
import type { Driver } from "./driver.ts";
import { legacyFeatures } from "./generate_legacy.ts";
import { strayAccess } from "./generate_registers.ts";
import { anySize, SLIP, usefulQueues } from "./generate_setup.ts";
import { frameIn } from "./generate_net.ts";
import { legacyPlace, Ram } from "./program.ts";

/** Most entries of a ring that lies where legacy drivers have theirs. */
const MOST_ENTRIES = 256;
/** Larger pages than this have all rings in one place. */
export const LARGE_PAGE = 0x8000;
/** A page where nothing is, whatever its size: no RAM, no ROM, no device. */
export const NOWHERE = 0x4000_0001;
/** How often a network driver starts before it has queues. */
const EARLY = 0.1;

/** Brings a version 1 transport up (virtio 1.4, 4.2.4), with a slip here and there. */
export function bringUpMmioLegacy(d: Driver): void {
  const { dice } = d;
  const slip = (p = SLIP) => dice.chance(p);
  if (dice.chance(0.1)) { for (const off of [R.MAGIC_VALUE, R.VERSION, R.DEVICE_ID]) d.read("mmio", off, 4); }
  if (dice.chance(0.3)) d.setStatus(0);
  if (!slip()) d.setStatus(1);
  if (slip()) strayAccess(d);
  if (!slip()) d.setStatus(3);
  negotiateMmioLegacy(d);
  if (!slip()) setPageSize(d);
  const early = slip(d.target.device === "net" ? EARLY : SLIP);
  if (early) d.setStatus(7);
  if (early && d.target.device === "net" && dice.chance(0.5)) frameIn(d);
  for (const q of usefulQueues(d)) {
    setUpMmioLegacyQueue(d, q);
    if (slip()) strayAccess(d);
  }
  if (!early && !slip(0.02)) d.setStatus(slip(0.05) ? 15 : 7);
}

/** Features: the first word, which takes effect at once; the second one is not taken. */
export function negotiateMmioLegacy(d: Driver): void {
  const { dice } = d;
  if (dice.chance(0.2)) {
    for (const word of dice.pick([[0], [1], [0, 1], [2]])) {
      d.write("mmio", R.DEVICE_FEATURES_SEL, 4, word);
      d.read("mmio", R.DEVICE_FEATURES, 4);
    }
  }
  const low = legacyFeatures(d);
  // A selection that the driver forgets is that of the last driver.
  if (dice.chance(0.05)) d.setFeatures(1, dice.pick([1, 4, 0xffff_ffff]));
  else if (dice.chance(0.1)) return d.write("mmio", R.DRIVER_FEATURES, 4, low);
  d.setFeatures(0, low);
  if (dice.chance(0.05)) d.setFeatures(dice.pick([1, 2, 0xffff_ffff]), dice.u32());
}

/** GuestPageSize: the lowest bit that is set counts. */
function setPageSize(d: Driver): void {
  const { dice } = d;
  const value = dice.weighted<() => number>([
    [12, () => PAGE],
    [6, () => dice.pick([1, 16, 256, 512, 1024, 2048])],
    [2, () => dice.pick([2 * PAGE, 2 * PAGE, 2 * PAGE, 4 * PAGE, LARGE_PAGE])],
    [2, () => dice.pick([0, 0x1100, 0xffff, 0x1800, 0x3000])],
    [1, () => dice.pick([0x1_0000, 0x8000_0000, 0x10_0000])],
  ])();
  d.write("mmio", L.GUEST_PAGE_SIZE, 4, value);
  d.pageSize = value;
}
/** Bytes of the pages that QueuePFN counts. */
function pageOf(d: Driver): number {
  return d.pageSize === 0 ? 1 : (d.pageSize & -d.pageSize) >>> 0;
}
function setAlign(d: Driver, q: number): void {
  const { dice } = d;
  const value = dice.weighted<() => number>([
    [10, () => PAGE],
    [8, () => dice.pick([4, 16, 64, 128, 256, 1024])],
    [2, () => dice.pick([8, 24, 100, 2048])],
    [1, () => dice.pick([0, 1, 2, 3, 2 * PAGE])],
  ])();
  d.write("mmio", L.QUEUE_ALIGN, 4, value);
  if (value !== 0) d.aligns.set(q, value);
}

/** Size, alignment, place of a queue, mostly in this order. */
export function setUpMmioLegacyQueue(d: Driver, q: number): void {
  const { dice } = d;
  const slip = (p: number) => dice.chance(p);
  if (!slip(0.01)) d.select(slip(0.02) ? dice.pick([q + 1, 1023, 1024, 0xffff]) : q);
  if (slip(0.3)) d.read("mmio", R.QUEUE_NUM_MAX, 4);
  if (slip(0.2)) d.read("mmio", L.QUEUE_PFN, 4);
  let size = d.queues.get(q)?.size ?? d.fullSize(q);
  if (!slip(0.1)) {
    size = anySize(d);
    d.setSize(size);
  }
  if (slip(0.03)) d.setSize(dice.pick([0, 1025, 2048, 0xffff, 0x8000_0000]));
  if (!slip(0.2)) setAlign(d, q);
  place(d, q, size);
  if (slip(0.1)) d.read("mmio", dice.pick([L.QUEUE_PFN, R.QUEUE_NUM_MAX, R.QUEUE_READY]), 4);
}

/** Says where the selected queue lies, and sets up the driver's side of it. */
function place(d: Driver, q: number, size: number): void {
  const { dice } = d;
  const page = pageOf(d);
  const areas = legacyPlace(q, size, d.aligns.get(q), unusualPlace(q, size, page));
  d.ring(q, size, areas);
  let frame = Math.floor(areas.desc / page);
  if (dice.chance(0.02)) {
    frame = dice.pick([frame + 1, Ram.size / page, Ram.size / page - 1, 0, NOWHERE, 1]);
  }
  if (!dice.chance(0.01)) d.write("mmio", L.QUEUE_PFN, 4, frame);
  if (frame >>> 0 === 0) d.forget();
}

/** Where large rings are, and those that begin on a large page; undefined: where all are. */
function unusualPlace(q: number, size: number, page: number): number | undefined {
  if (page > LARGE_PAGE) return Ram.rings;
  if (size > MOST_ENTRIES) return Ram.big;
  return page > PAGE ? Ram.rings + (q * page) % (Ram.bigEnd - Ram.rings) : undefined;
}

/** Size, alignment, page size or place of a queue that lies somewhere already. */
export function movedQueue(d: Driver): void {
  const { dice } = d;
  const queue = d.anyQueue();
  if (queue === undefined) return;
  const { q, desc } = queue;
  d.select(q);
  const again = (size: number) => d.ring(q, size, legacyPlace(q, size, d.aligns.get(q), desc));
  dice.weighted<() => void>([
    [4, () => {
      const size = dice.chance(0.8) ? Math.min(anySize(d), MOST_ENTRIES) : queue.size;
      d.setSize(size);
      if (dice.chance(0.9)) again(size);
    }],
    [4, () => {
      setAlign(d, q);
      if (dice.chance(0.9)) again(queue.size);
    }],
    [3, () => {
      setPageSize(d);
      d.read("mmio", L.QUEUE_PFN, 4);
      if (dice.chance(0.4)) place(d, q, queue.size);
    }],
    [2, () => place(d, q, queue.size)],
    [1, () => {
      d.write("mmio", L.QUEUE_PFN, 4, 0);
      d.forget();
      if (dice.chance(0.3)) d.read("mmio", L.QUEUE_PFN, 4);
      if (dice.chance(0.7)) bringUpMmioLegacy(d);
    }],
  ])();
  if (dice.chance(0.3)) d.notify(q);
}
