import { strayAccess } from "./generate_registers.ts";
import type { Driver } from "./driver.ts";
import { frameIn, netFeatures } from "./generate_net.ts";
import { bringUpLegacy, negotiateLegacy, setUpLegacyQueue } from "./generate_legacy.ts";
import { bringUpMmioLegacy, negotiateMmioLegacy, setUpMmioLegacyQueue } from "./generate_mmio_legacy.ts";
import { Ram, ringPlace } from "./program.ts";

/** How often a network driver starts before it has queues, and how often a frame is there before them. */
const EARLY = 0.1, FRAME_FIRST = 0.6;

/** How often something small is done wrong, or something in between, at each point of the bring-up. */
export const SLIP = 0.03;

/** Feature bits of the low word and of the high one. */
const NOTIFY_ON_EMPTY = 1 << 24, ANY_LAYOUT = 1 << 27, INDIRECT = 1 << 28, EVENT_IDX = 1 << 29, BAD = 1 << 30;
const MULTIPORT = 1 << 1, EMERG_WRITE = 1 << 2;
const VERSION_1 = 1, ACCESS_PLATFORM = 2, PACKED = 4, RING_RESET = 1 << 8;

/** Brings the device up as a driver does, with a slip here and there. */
export function bringUp(d: Driver): void {
  const { dice } = d;
  if (d.version1) return bringUpMmioLegacy(d);
  if (d.target.transport === "transitional" && dice.chance(0.5)) return bringUpLegacy(d);
  d.legacy = false;
  d.header = 12;
  const slip = (p = SLIP) => dice.chance(p);
  const perhapsStray = () => {
    if (slip()) strayAccess(d);
  };
  if (dice.chance(0.3)) d.setStatus(0);
  if (!slip()) d.setStatus(1);
  perhapsStray();
  if (!slip()) d.setStatus(3);
  negotiate(d);
  if (!slip()) d.setStatus(slip() ? dice.pick([9, 10, 8, 3, 0x8b, 0x4b, 27]) : 11);
  perhapsStray();
  if (!d.mmio && dice.chance(0.5)) setUpMsix(d);
  const net = d.target.device === "net";
  const early = slip(net ? EARLY : SLIP);
  if (early) d.setStatus(15);
  if (early && net && dice.chance(FRAME_FIRST)) {
    frameIn(d);
    if (dice.chance(0.3)) d.setStatus(15);
  }
  for (const q of usefulQueues(d)) {
    setUpQueue(d, q);
    perhapsStray();
  }
  if (!early && !slip(0.02)) d.setStatus(15);
}

/** Features: mostly sensible ones. */
export function negotiate(d: Driver): void {
  const { dice } = d;
  if (d.version1) return negotiateMmioLegacy(d);
  if (d.legacy) return negotiateLegacy(d);
  if (dice.chance(0.15)) {
    for (const word of [0, 1]) {
      if (d.mmio) {
        d.write("mmio", 0x14, 4, word);
        d.read("mmio", 0x10, 4);
      } else {
        d.write("common", 0x00, 4, word);
        d.read("common", 0x04, 4);
      }
    }
  }
  let low = 0, high = 0;
  d.eventIdx = dice.chance(0.5);
  d.indirect = dice.chance(0.7);
  d.packed = d.target.packed && dice.chance(0.93);
  if (d.eventIdx) low |= EVENT_IDX;
  if (d.indirect) low |= INDIRECT;
  low |= deviceFeatures(d);
  if (dice.chance(0.96)) high |= VERSION_1;
  if (d.packed) high |= PACKED;
  if (dice.chance(0.5)) high |= RING_RESET;
  if (dice.chance(0.05)) low |= dice.pick([NOTIFY_ON_EMPTY, ANY_LAYOUT, BAD, 1, dice.u32()]);
  if (dice.chance(0.04)) high |= dice.pick([ACCESS_PLATFORM, PACKED, 8, 16, 64, dice.u32()]);
  const words: [number, number][] = [[0, low], [1, high]];
  if (dice.chance(0.3)) words.reverse();
  if (dice.chance(0.02)) words.push([2, dice.u32()]);
  for (const [word, value] of words) d.setFeatures(word, value);
  if (dice.chance(0.1)) {
    if (d.mmio) d.read("mmio", 0x20, 4);
    else d.read("common", 0x0c, 4);
  }
}

/** Features of the device's own kind: the low word. */
export function deviceFeatures(d: Driver): number {
  const { dice } = d;
  if (d.target.device === "net") return netFeatures(d);
  if (d.target.device !== "serial") return 0;
  d.multiport = dice.chance(0.6);
  return (d.multiport ? MULTIPORT : 0) | (dice.chance(0.3) ? EMERG_WRITE : 0);
}

/** Queues worth setting up, lowest first. */
export function usefulQueues(d: Driver): number[] {
  const { dice, target } = d;
  if (target.device === "rng") return dice.chance(0.98) ? [0] : [];
  if (target.device === "net") return dice.chance(0.9) ? [0, 1, 2] : [dice.int(0, 2)];
  const queues = dice.chance(0.9) ? [0, 1] : [dice.int(0, 1)];
  if (d.multiport) {
    queues.push(2, 3);
    if (dice.chance(0.6)) queues.push(4, 5);
    if (dice.chance(0.05)) queues.push(6, 7);
  } else if (dice.chance(0.1)) queues.push(dice.int(2, target.queues - 1));
  return queues;
}

/** A size for a queue: mostly small, so that rings go round. */
export function anySize(d: Driver): number {
  const { dice } = d;
  return dice.weighted<() => number>([
    [60, () => dice.pick([1, 2, 4, 8])],
    [20, () => dice.pick([3, 5, 6, 7])],
    [12, () => dice.pick([16, 32, 64])],
    [3, () => dice.pick([128, 256, 1000, 1023, 1024])],
  ])();
}

/** Writes a queue's registers and sets up the driver's side of it. */
export function setUpQueue(d: Driver, q: number): void {
  const { dice } = d;
  if (d.version1) return setUpMmioLegacyQueue(d, q);
  if (d.legacy) return setUpLegacyQueue(d, q);
  const slip = (p: number) => dice.chance(p);
  if (!slip(0.01)) d.select(slip(0.02) ? dice.pick([q + 1, 1023, 1024, 0xffff]) : q);
  if (slip(0.1)) readQueue(d);
  let size = anySize(d);
  const before = d.queues.get(q);
  if (before !== undefined && slip(0.9)) {
    // Set up again without a reset: a smaller ring than before would end QEMU.
    size = before.size;
    d.setSize(size);
  } else if (slip(0.04)) {
    // The size that stands there already.
    size = d.fullSize(q);
    if (d.mmio || slip(0.5)) d.setSize(size);
  } else d.setSize(size);
  if (slip(0.03)) d.setSize(dice.pick([0, 1025, 2048, 0xffff, 0x8000]));
  const place = ringPlace(q, size);
  if (slip(0.03)) {
    const which = dice.pick(["desc", "driver", "device"] as const);
    place[which] = dice.pick([
      () => place[which] + dice.pick([1, 2, 4, 8, 12]),
      () => 0,
      () => Ram.size - dice.pick([4, 16, 32, 0]),
      () => Ram.size + dice.pick([0, 4096, 2 ** 32]),
    ])();
  }
  const areas: [0 | 1 | 2, number][] = [[0, place.desc], [1, place.driver], [2, place.device]];
  for (const [which, address] of areas) if (!slip(0.005)) d.setArea(which, address);
  if (d.msix && !slip(0.1)) {
    d.write("common", 0x1a, 2, slip(0.05) ? dice.pick([2, 3, 0xffff, 0x100]) : dice.int(0, 1));
  }
  if (d.msix && slip(0.2)) d.read("common", 0x1a, 2);
  d.ring(q, size, place);
  if (!slip(0.02)) d.enable(slip(0.01) ? dice.pick([0, 2, 0xffff, 0x101]) : 1);
  if (slip(0.05)) readQueue(d);
}

/** Reads what a queue's registers say. */
export function readQueue(d: Driver): void {
  const { dice } = d;
  if (d.mmio) {
    for (const off of dice.chance(0.5) ? [0x34, 0x44] : [dice.pick([0x34, 0x44, 0x38, 0x80])]) {
      d.read("mmio", off, 4);
    }
    return;
  }
  const all: [number, 2 | 4][] = [
    [0x18, 2],
    [0x1a, 2],
    [0x1c, 2],
    [0x1e, 2],
    [0x20, 4],
    [0x24, 4],
    [0x28, 4],
    [0x30, 4],
  ];
  for (let n = dice.int(1, 4); n > 0; n--) {
    const [off, width] = dice.pick(all);
    d.read("common", off, width);
  }
}

/** MSI-X: entries whose messages go to the mailbox, enabled, perhaps masked. */
export function setUpMsix(d: Driver): void {
  const { dice } = d;
  for (let v = 0; v < d.target.vectors; v++) {
    d.write("msix", 16 * v, 4, Ram.mailbox + 4 * v);
    d.write("msix", 16 * v + 8, 4, 0x5a00 + v);
    d.write("msix", 16 * v + 12, 4, dice.chance(0.2) ? 1 : 0);
  }
  d.write("cfg", 0x98 + 2, 2, dice.chance(0.1) ? 0xc000 : 0x8000);
  d.msix = true;
  if (!dice.chance(0.9)) return;
  if (d.legacy) d.write("legacy", 20, 2, dice.int(0, 1));
  else d.write("common", 0x10, 2, dice.int(0, 1));
}
