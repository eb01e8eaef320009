import type { Driver } from "./driver.ts";
import { strayLegacy } from "./generate_legacy.ts";
import { strayMmioLegacy } from "./generate_mmio_legacy_stray.ts";
import { Cap } from "./places.ts";
import { Ram } from "./program.ts";

/** Writes and reads that no driver has to make at that point: any register, any width, odd offsets. */
export function strayAccess(d: Driver): void {
  if (d.version1) return strayMmioLegacy(d);
  if (d.mmio) return strayMmio(d);
  const kinds: [number, (d: Driver) => void][] = [
    [40, strayCommon],
    [d.target.device === "rng" ? 4 : 14, strayConfig],
    [4, absentQueue],
    [8, straySpace],
    [8, strayMsix],
    [8, strayWindow],
    [3, (d) => d.read("isr", d.dice.pick([0, 0, 0, 1, 4]), d.dice.pick([1, 1, 2, 4]))],
    [2, (d) => d.write("isr", 0, 1, d.dice.int(0, 3))],
    [4, strayNotify],
    [d.target.transport === "transitional" ? 12 : 0, strayLegacy],
  ];
  d.dice.weighted(kinds)(d);
}

/** Registers of the common configuration: offset, width. */
const COMMON: [number, 1 | 2 | 4][] = [
  [0x00, 4],
  [0x04, 4],
  [0x08, 4],
  [0x0c, 4],
  [0x10, 2],
  [0x12, 2],
  [0x14, 1],
  [0x15, 1],
  [0x16, 2],
  [0x18, 2],
  [0x1a, 2],
  [0x1c, 2],
  [0x1e, 2],
  [0x20, 4],
  [0x24, 4],
  [0x28, 4],
  [0x2c, 4],
  [0x30, 4],
  [0x34, 4],
  [0x38, 2],
  [0x3a, 2],
  [0x3c, 4],
];

function strayCommon(d: Driver): void {
  const { dice } = d;
  let [off, width] = dice.pick(COMMON);
  if (dice.chance(0.15)) width = dice.pick([1, 2, 4]);
  if (dice.chance(0.05)) off += dice.int(0, 3);
  if (dice.chance(0.6)) return d.read("common", off, width);
  d.write("common", off, width, valueFor(d, off));
}
function valueFor(d: Driver, off: number): number {
  const { dice } = d;
  switch (off) {
    case 0x00:
    case 0x08:
      return dice.pick([0, 1, 2, 3, 0xffff_ffff]);
    case 0x10:
    case 0x1a:
      return dice.pick([0, 1, 2, 0xffff, 0x101]);
    case 0x14:
      return dice.pick([0, 1, 3, 7, 11, 15, 15, 0x80, 0x8f, 0x4f, 31, 4]);
    case 0x16:
      return dice.pick([0, 1, 2, 3, 5, 9, 64, 1023, 1024, 0xffff]);
    case 0x18:
      return dice.pick([1, 2, 7, 8, 64, 1024, 1025, 0, 0xffff]);
    case 0x1c:
    case 0x3a:
      return dice.pick([0, 1, 1, 2]);
    case 0x20:
    case 0x28:
    case 0x30:
      return dice.pick([0, Ram.rings, Ram.rings + 0x600, 0x8000_0000 | dice.u32()]);
    case 0x24:
    case 0x2c:
    case 0x34:
      return dice.pick([0, 0, 1, dice.u32()]);
    default:
      return dice.pick([0, 1, dice.u32()]);
  }
}

/** Registers of a queue, and which of them a driver has to write. */
const QUEUE_REGISTERS: readonly [number, 2 | 4][] = COMMON.filter((r): r is [number, 2 | 4] =>
  r[0] >= 0x18 && r[0] !== 0x38
);
/** What has been written for a queue that does not exist. */
function absentQueue(d: Driver): void {
  const { dice } = d;
  d.select(dice.pick([d.target.queues, 64, 1023]));
  for (let n = dice.int(1, 4); n > 0; n--) {
    const [off, width] = dice.pick(QUEUE_REGISTERS);
    d.write("common", off, width, off === 0x1a ? dice.int(0, 1) : valueFor(d, off));
  }
  for (let n = dice.int(1, 3); n > 0; n--) d.read("common", ...dice.pick(QUEUE_REGISTERS));
  if (dice.chance(0.5)) d.select(dice.int(0, d.target.queues - 1));
}

/** The device's own configuration. */
export function strayConfig(d: Driver): void {
  const { dice } = d;
  const width = dice.pick([1, 2, 4] as const);
  const off = dice.weighted<number>([[6, dice.pick([0, 2, 4, 8])], [3, dice.int(0, 16)], [
    1,
    dice.pick([0x20, 0xf0, 0x80]),
  ]]);
  const [at, base] = d.mmio
    ? ["mmio" as const, 0x100]
    : d.legacy
    ? ["legacy" as const, d.legacyConfig]
    : ["device" as const, 0];
  if (dice.chance(0.6)) d.read(at, base + off, width);
  else d.write(at, base + off, width, dice.pick([0x41, 0, 0x4241, dice.u32()]));
}

/** PCI configuration space. */
function straySpace(d: Driver): void {
  const { dice } = d;
  if (dice.chance(0.5)) {
    const off = dice.pick([
      0,
      4,
      6,
      8,
      0x0c,
      0x10,
      0x14,
      0x18,
      0x20,
      0x24,
      0x2c,
      0x34,
      0x3c,
      dice.int(0, 0xff),
    ]);
    return d.read("cfg", off, dice.pick([1, 2, 4]));
  }
  const [off, width, value] = dice.pick<[number, 1 | 2 | 4, number]>([
    [0x04, 2, dice.pick([7, 3, 0x407, 0x403, 6, 2, 5, 0, 0xffff])],
    [0x04, 2, 7],
    [0x04, 1, dice.pick([7, 3])],
    [0x0c, 1, dice.u32()],
    [0x3c, 1, dice.u32()],
    [0x3d, 1, 2],
    [0x06, 2, 0xffff],
    [0x34, 1, 0],
    [0x20, 4, 0xffff_ffff],
    [0x24, 4, 0xffff_ffff],
    [0x14, 4, 0xffff_ffff],
    [0x10, 4, 0xffff_ffff],
    [Cap.msix, 4, dice.u32()],
    [Cap.pciCfg, 4, dice.u32()],
  ]);
  d.write("cfg", off, width, value);
}

/** MSI-X: control, entries, pending bits. */
export function strayMsix(d: Driver): void {
  const { dice } = d;
  const v = dice.int(0, d.target.vectors - 1);
  dice.weighted<() => void>([
    [4, () => d.write("msix", 16 * v + 12, 4, dice.pick([0, 0, 1, 1, 2, 3, 0xffff_ffff]))],
    [4, () => d.write("cfg", Cap.msix + 2, 2, dice.pick([0x8000, 0x8000, 0xc000, 0x4000, 0]))],
    [3, () => d.read("msix", 0x800, 4)],
    [2, () => d.read("msix", 16 * v + dice.pick([0, 4, 8, 12]), 4)],
    [1, () => d.read("msix", dice.int(0, 0x30), dice.pick([1, 2, 4]))],
    [1, () => d.read("msix", dice.pick([0x7fc, 0x804, 0x808, 0xffc]), 4)],
    [1, () => d.write("msix", 16 * v + dice.pick([0, 4, 8, 12]), dice.pick([1, 2]), 0)],
    [1, () => d.write("msix", 0x800, 4, dice.u32())],
    [1, () => d.write("msix", 16 * v + 8, 4, dice.u32() | 1)],
    [1, () => d.write("msix", 16 * v, 4, Ram.mailbox + 4 * dice.int(2, 7))],
    [1, () => d.read("cfg", Cap.msix, 4)],
    [2, () => d.write("common", 0x10, 2, dice.pick([0, 1, 0xffff]))],
  ])();
}

/** The window into BAR 4 in configuration space (virtio 1.4, 4.1.4.9). */
function strayWindow(d: Driver): void {
  const { dice } = d;
  const [off, length] = dice.pick<[number, number]>([
    ...COMMON,
    [0x14, 1],
    [0x1000, 1],
    [0x2000, 4],
    [0x2004, 2],
    [0x3000, 2],
    [0x3004, 4],
    [0x3000 + 4 * 1023, 4],
    [0x4000, 4],
    [0x3fff, 1],
  ]);
  if (dice.chance(0.9)) d.write("cfg", Cap.pciCfg + 8, 4, dice.chance(0.05) ? off + 1 : off);
  if (dice.chance(0.9)) {
    d.write("cfg", Cap.pciCfg + 12, 4, dice.chance(0.1) ? dice.pick([0, 1, 2, 3, 4, 8]) : length);
  }
  if (dice.chance(0.3)) d.write("cfg", Cap.pciCfg + 4, 1, dice.pick([4, 0, 1]));
  const data = Cap.pciCfg + 16;
  const width = dice.chance(0.8) && (length === 1 || length === 2 || length === 4)
    ? length
    : dice.pick([1, 2, 4] as const);
  if (dice.chance(0.6)) d.read("cfg", data, width);
  else d.write("cfg", data, width, off < 0x100 ? valueFor(d, off) : dice.u32());
  if (dice.chance(0.2)) d.read("cfg", Cap.pciCfg + dice.pick([4, 8, 12]), 4);
}

/** Notifications to wherever, at any width. */
export function strayNotify(d: Driver): void {
  const { dice } = d;
  const q = dice.pick([0, 0, 1, 2, 3, d.target.queues, 100, 1023]);
  if (d.mmio) d.write("mmio", 0x50, 4, dice.pick([q, q, q, 1024, 0xffff, 0x1_0000 + q]));
  else if (d.legacy) d.write("legacy", 16, dice.pick([2, 2, 1, 4]), dice.pick([q, q, 1024, 0xffff]));
  else {d.write(
      "notify",
      4 * q + dice.pick([0, 0, 0, 1, 2]),
      dice.pick([1, 2, 4]),
      dice.pick([q, 0, dice.u32()]),
    );}
}

function strayMmio(d: Driver): void {
  const { dice } = d;
  const known = [
    ...[0x00, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x20, 0x24, 0x30, 0x34, 0x38, 0x44, 0x50, 0x60, 0x64, 0x70],
    ...[0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0xac, 0xb0, 0xb4, 0xb8, 0xbc, 0xc0, 0xfc, 0x28, 0x3c, 0x40],
  ];
  if (dice.chance(0.15)) return strayConfig(d);
  if (dice.chance(0.08)) return strayNotify(d);
  let off = dice.pick(known);
  if (dice.chance(0.05)) off += dice.int(0, 3);
  const width = dice.chance(0.1) ? dice.pick([1, 2] as const) : 4;
  if (dice.chance(0.55)) return d.read("mmio", off, width);
  d.write("mmio", off, width, mmioValue(d, off));
}
/** A value for a register of virtio-mmio that both versions have, or the second one. */
export function mmioValue(d: Driver, off: number): number {
  const { dice } = d;
  switch (off) {
    case 0x14:
    case 0x24:
      return dice.pick([0, 1, 2, 0xffff_ffff]);
    case 0x30:
      return dice.pick([0, 1, 2, 3, 5, 9, 64, 1023, 1024, 0xffff]);
    case 0x38:
      return dice.pick([1, 2, 7, 8, 64, 1024, 1025, 0, 0xffff]);
    case 0x44:
      return dice.pick([0, 1, 2]);
    case 0x64:
      return dice.pick([1, 2, 3, 0, 4, 0xffff_ffff]);
    case 0x70:
      return dice.pick([0, 1, 3, 7, 11, 15, 15, 0x80, 0x8f, 0x4f, 31, 4, 0x100, 0x10f]);
    case 0x80:
    case 0x90:
    case 0xa0:
      return dice.pick([0, Ram.rings, Ram.rings + 0x600, 0x8000_0000 | dice.u32()]);
    case 0x84:
    case 0x94:
    case 0xa4:
      return dice.pick([0, 0, 1, dice.u32()]);
    case 0x50:
      return 0;
    default:
      return dice.pick([0, 1, dice.u32()]);
  }
}
