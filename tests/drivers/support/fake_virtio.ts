import type { FakePlatform, FakeRegisters } from "./fake_platform.ts";
import { FakeFunction } from "./fake_platform.ts";

/** A queue as the fake device knows it. */
export interface FakeQueue {
  max: number;
  size: number;
  vector: number;
  enabled: boolean;
  /** Addresses in bytes: desc, driver, device. */
  areas: [number, number, number];
  /** Values written as notifications. */
  notified: number[];
  resets: number;
}

/** The registers of a virtio device, without anything behind them; misbehaves as its fields say. */
export class FakeVirtio {
  status = 0;
  driverFeatures = 0n;
  isr = 0;
  generation = 0;
  configVector = 0xffff;
  readonly queues: FakeQueue[];
  readonly config = new DataView(new ArrayBuffer(16));
  /** Status values written, in order. */
  readonly statusWrites: number[] = [];
  /** `true`: FEATURES_OK does not stick. */
  refuseFeatures = false;
  /** Status bits that a reset leaves. */
  stuckStatus = 0;
  /** Reads of status until a reset is done. */
  resetDelay = 0;
  /** Vectors at and above this are refused. */
  vectorLimit = 16;
  /** The configuration changes with every read of it. */
  restless = false;
  onNotify: (queue: number) => void = () => {};
  private select = [0, 0, 0];
  private pendingReset = 0;

  constructor(readonly offered: bigint, queueSizes: number[]) {
    this.queues = queueSizes.map((max) => ({
      max,
      size: max,
      vector: 0xffff,
      enabled: false,
      areas: [0, 0, 0],
      notified: [],
      resets: 0,
    }));
  }
  get queue(): FakeQueue | undefined {
    return this.queues[this.select[2]];
  }
  readStatus(): number {
    if (this.pendingReset > 0 && --this.pendingReset === 0) this.status = this.stuckStatus;
    return this.status;
  }
  writeStatus(value: number): void {
    this.statusWrites.push(value);
    if (value !== 0) {
      this.status = value & ~(this.refuseFeatures ? 8 : 0);
      return;
    }
    if (this.resetDelay > 0) this.pendingReset = this.resetDelay;
    else this.status = this.stuckStatus;
    for (const q of this.queues) Object.assign(q, { size: q.max, enabled: false, areas: [0, 0, 0] });
  }
  readConfig(offset: number, width: number): number {
    if (this.restless) {
      this.generation = this.generation + 1 & 0xff;
      this.config.setUint8(offset, this.generation);
    }
    return width === 1
      ? this.config.getUint8(offset)
      : width === 2
      ? this.config.getUint16(offset, true)
      : this.config.getUint32(offset, true);
  }
  notify(queue: number, value: number): void {
    this.queues[queue]?.notified.push(value);
    this.onNotify(queue);
  }
  private feature(word: number): number {
    return Number((this.offered >> BigInt(32 * word)) & 0xffff_ffffn);
  }

  /** The common configuration structure of PCI. */
  readonly common: FakeRegisters = {
    read: (offset) => {
      const q = this.queue;
      switch (offset) {
        case 0x04:
          return this.feature(this.select[0]);
        case 0x10:
          return this.configVector;
        case 0x12:
          return this.queues.length;
        case 0x14:
          return this.readStatus();
        case 0x15:
          return this.generation;
        case 0x18:
          return q?.size ?? 0;
        case 0x1a:
          return q?.vector ?? 0xffff;
        case 0x1e:
          return this.select[2];
        default:
          return 0;
      }
    },
    write: (offset, width, value) => {
      const q = this.queue;
      if (offset === 0) this.select[0] = value;
      else if (offset === 8) this.select[1] = value;
      else if (offset === 0x0c) this.setDriverFeatures(value);
      else if (offset === 0x10) this.configVector = value < this.vectorLimit ? value : 0xffff;
      else if (offset === 0x14) this.writeStatus(value);
      else if (offset === 0x16) this.select[2] = value;
      else if (q === undefined) return;
      else if (offset === 0x18) q.size = value;
      else if (offset === 0x1a) q.vector = value < this.vectorLimit ? value : 0xffff;
      else if (offset === 0x1c) q.enabled = value === 1;
      else if (offset === 0x3a) q.resets++;
      else if (offset >= 0x20 && offset < 0x38) {
        if (width !== 4) throw new Error(`64-bit register written with width ${width}`);
        setHalf(q.areas, offset - 0x20 >> 3, (offset & 4) !== 0, value);
      }
    },
  };

  /** The registers of MMIO version 2. */
  mmio(deviceId: number, version = 2, magic = 0x7472_6976): FakeRegisters {
    const ids: Record<number, number> = { 0: magic, 4: version, 8: deviceId, 12: 0x554d_4551 };
    return {
      read: (offset, width) => {
        if (offset >= 0x100) return this.readConfig(offset - 0x100, width);
        if (width !== 4) throw new Error(`register ${offset} read with width ${width}`);
        const q = this.queue;
        switch (offset) {
          case 0x10:
            if (this.select[0] > 1) throw new Error("feature word above 1");
            return this.feature(this.select[0]);
          case 0x34:
            return q?.max ?? 0;
          case 0x44:
            return q?.enabled ? 1 : 0;
          case 0x60:
            return this.isr;
          case 0x70:
            return this.readStatus();
          case 0xfc:
            return this.generation;
          default:
            return ids[offset] ?? 0;
        }
      },
      write: (offset, width, value) => {
        if (width !== 4) throw new Error(`register ${offset} written with width ${width}`);
        const q = this.queue;
        if (offset === 0x14) this.select[0] = value;
        else if (offset === 0x24) this.select[1] = value;
        else if (offset === 0x20) this.setDriverFeatures(value);
        else if (offset === 0x30) this.select[2] = value;
        else if (offset === 0x50) this.notify(value & 0xffff, value);
        else if (offset === 0x64) this.isr &= ~value;
        else if (offset === 0x70) this.writeStatus(value);
        else if (q === undefined) return;
        else if (offset === 0x38) q.size = value;
        else if (offset === 0x44) q.enabled = value === 1;
        else if (offset === 0xc0) q.resets++;
        else if (offset >= 0x80 && offset < 0xa8) {
          setHalf(q.areas, (offset - 0x80) >> 4, (offset & 4) !== 0, value);
        }
      },
    };
  }
  private setDriverFeatures(word: number): void {
    const shift = BigInt(32 * this.select[1]);
    this.driverFeatures &= ~(0xffff_ffffn << shift);
    this.driverFeatures |= BigInt(word >>> 0) << shift;
  }
}

function setHalf(areas: number[], index: number, high: boolean, value: number): void {
  const old = areas[index];
  areas[index] = high ? value * 2 ** 32 + old % 2 ** 32 : Math.floor(old / 2 ** 32) * 2 ** 32 + value;
}

/** One entry for the capability list of {@link fakeVirtioFunction}. Raw bytes, `next` is filled in. */
export interface FakeCap {
  at: number;
  bytes: number[];
}

/** The bytes of a virtio capability. */
export function virtioCap(
  type: number,
  bar: number,
  offset: number,
  length: number,
  extra: number[] = [],
): number[] {
  const le = (n: number) => [n & 255, n >>> 8 & 255, n >>> 16 & 255, n >>> 24 & 255];
  return [9, 0, 16 + extra.length, type, bar, 0, 0, 0, ...le(offset), ...le(length), ...extra];
}

/** Offsets of the structures in the fake's BAR 4. */
export const BAR4 = { COMMON: 0x0, ISR: 0x1000, DEVICE: 0x2000, NOTIFY: 0x3000, SIZE: 0x4000 } as const;

/** The list that QEMU 7.2's modern devices have. */
export const QEMU_CAPS: FakeCap[] = [
  { at: 0x98, bytes: [0x11, 0, 1, 0, 1, 0, 0, 0, 1, 8, 0, 0] },
  { at: 0x84, bytes: virtioCap(5, 0, 0, 0, [0, 0, 0, 0]) },
  { at: 0x70, bytes: virtioCap(2, 4, BAR4.NOTIFY, 0x1000, [4, 0, 0, 0]) },
  { at: 0x60, bytes: virtioCap(4, 4, BAR4.DEVICE, 0x1000) },
  { at: 0x50, bytes: virtioCap(3, 4, BAR4.ISR, 0x1000) },
  { at: 0x40, bytes: virtioCap(1, 4, BAR4.COMMON, 0x1000) },
];

/** Puts a fake device on the bus of `platform`. BAR 1 is the MSI-X table, BAR 4 the structures. */
export function fakeVirtioFunction(
  platform: FakePlatform,
  device: FakeVirtio,
  options: { id?: number; slot?: number; caps?: FakeCap[]; multiplier?: number } = {},
): { fn: FakeFunction; table: DataView } {
  const fn = new FakeFunction(0x1af4, options.id ?? 0x1044, options.slot ?? 1);
  const caps = options.caps ?? QEMU_CAPS;
  fn.cfg.setUint16(6, 0x10, true);
  fn.cfg.setUint8(0x3d, 1);
  caps.forEach((cap, i) => {
    fn.cfg.setUint8(i === 0 ? 0x34 : caps[i - 1].at + 1, cap.at);
    cap.bytes.forEach((b, k) => k !== 1 && fn.cfg.setUint8(cap.at + k, b));
    if (cap.bytes[0] === 0x11) fn.msixControl = cap.at + 2;
  });
  const table = new DataView(new ArrayBuffer(4096));
  fn.memoryBar(1, 4096, {
    read: (offset) => table.getUint32(offset, true),
    write: (offset, _width, value) => table.setUint32(offset, value, true),
  });
  const multiplier = options.multiplier ?? 4;
  fn.memoryBar(
    4,
    BAR4.SIZE,
    {
      read: (offset, width) => {
        if (offset < BAR4.ISR) return device.common.read(offset, width);
        if (offset >= BAR4.NOTIFY) return 0;
        if (offset >= BAR4.DEVICE) return device.readConfig(offset - BAR4.DEVICE, width);
        const isr = device.isr;
        device.isr = 0;
        return isr;
      },
      write: (offset, width, value) => {
        if (offset < BAR4.ISR) device.common.write(offset, width, value);
        else if (offset >= BAR4.NOTIFY) device.notify((offset - BAR4.NOTIFY) / multiplier, value);
      },
    },
    true,
    true,
  );
  platform.functions.push(fn);
  return { fn, table };
}
