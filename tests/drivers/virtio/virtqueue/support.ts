import type { PhysAddr } from "../../../../arch/addresses.ts";
import { type Barrier, BARRIER_NAMES, RamDeviceMemory } from "../../../../arch/device_memory.ts";
import { AllocError, DeviceAlloc, type FrameSource, PAGE_SIZE } from "../../../../mm/device_alloc.ts";
import { DeviceHeap } from "../../../../mm/device_heap.ts";
import { F } from "../../../../spec/virtio/features.ts";
import type { ComCfg, NotifCfg, VqCfgHandler } from "../../../../drivers/virtio/transport/mod.ts";
import { VirtqError } from "../../../../drivers/virtio/error.ts";
import {
  AvailBufferToken,
  BufferElem,
  createVirtq,
  DeviceVec,
  type PackedVq,
  type SplitVq,
} from "../../../../drivers/virtio/virtqueue/mod.ts";

/** Memory that lists the barriers executed. */
export class BarrierMemory extends RamDeviceMemory {
  readonly barriers: string[] = [];
  override barrier(kind: Barrier): void {
    this.barriers.push(BARRIER_NAMES[kind]);
  }
}

/** Frames first fit from `base`. */
export class Frames implements FrameSource {
  private readonly taken: boolean[];
  constructor(private readonly base: number, length: number) {
    this.taken = new Array(length / PAGE_SIZE).fill(false);
  }
  allocate(length: number): PhysAddr {
    const n = length / PAGE_SIZE;
    for (let at = 0, run = 0; at < this.taken.length; at++) {
      run = this.taken[at] ? 0 : run + 1;
      if (run < n) continue;
      this.taken.fill(true, at - n + 1, at + 1);
      return (this.base + (at - n + 1) * PAGE_SIZE) as PhysAddr;
    }
    throw new AllocError(`no ${n} frames left`);
  }
  free(start: PhysAddr, length: number): void {
    const at = (start - this.base) / PAGE_SIZE;
    this.taken.fill(false, at, at + length / PAGE_SIZE);
  }
}

export interface Rig<Q> {
  vq: Q;
  memory: BarrierMemory;
  bytes: Uint8Array;
  view: DataView;
  alloc: DeviceAlloc;
  heap: DeviceHeap;
  /** Values given to `notifyDev`. */
  notified: number[];
  /** Register accesses: `size 4`, `desc 0x100000`, ... */
  registers: string[];
  hooks: { onNotify(): void; onRelax(): void };
  /** Offsets of the areas in `view`. */
  desc: number;
  driver: number;
  device: number;
}

export interface RigOptions {
  size?: number;
  offered?: number;
  features?: bigint;
  memoryBytes?: number;
  base?: number;
}

const CAREFUL = Deno.env.get("CAREFUL") === "1";

/** A queue over an arena, with registers that only record. */
export function rig(kind: "split", options?: RigOptions): Rig<SplitVq>;
export function rig(kind: "packed", options?: RigOptions): Rig<PackedVq>;
export function rig(kind: "split" | "packed", options?: RigOptions): Rig<SplitVq | PackedVq>;
export function rig(kind: "split" | "packed", options: RigOptions = {}): Rig<SplitVq | PackedVq> {
  const base = options.base ?? 0x10_0000;
  const length = options.memoryBytes ?? 0x40_0000;
  const bytes = new Uint8Array(length);
  const memory = new BarrierMemory(base, bytes);
  const alloc = new DeviceAlloc(memory, new Frames(base, length), CAREFUL ? 0x10_0000_0000 : 0, 0xa5);
  const heap = new DeviceHeap(alloc);
  const notified: number[] = [];
  const registers: string[] = [];
  const hooks = { onNotify() {}, onRelax() {} };
  const note = (what: string) => void registers.push(what);
  const handler: VqCfgHandler = {
    vqIndex: 1,
    setVqSize(max) {
      const size = Math.min(max, options.offered ?? 32768);
      note(`size ${size}`);
      return size;
    },
    setRingAddr: (a) => note(`desc 0x${a.toString(16)}`),
    setDrvCtrlAddr: (a) => note(`driver 0x${a.toString(16)}`),
    setDevCtrlAddr: (a) => note(`device 0x${a.toString(16)}`),
    notifOff: () => 0,
    enableQueue: () => note("enable"),
    resetQueue: () => note("reset"),
  };
  const comCfg = { deviceName: "test device", selectVq: (i: number) => i === 1 ? handler : undefined };
  const notifCfg: NotifCfg = {
    notifCtrl: () => ({
      enableNotifData: () => note("notification data"),
      notifyDev(_vqn, next) {
        notified.push(next);
        hooks.onNotify();
      },
    }),
  };
  const env = { alloc, indirect: heap, deviceName: "test device", relax: () => hooks.onRelax() };
  const features = (options.features ?? 0n) | F.VERSION_1 | (kind === "packed" ? F.RING_PACKED : 0n);
  const vq = createVirtq(comCfg as unknown as ComCfg, notifCfg, options.size ?? 4, 1, features, env);
  const [desc, driver, device] = vq.snapshot().areas.map((a) => a.phys - base);
  const view = new DataView(bytes.buffer);
  return { vq, memory, bytes, view, alloc, heap, notified, registers, hooks, desc, driver, device };
}

let serial = 0;
/** A token with elements of these lengths; each readable byte is the token's serial number. */
export function token(r: { alloc: DeviceAlloc }, send: number[], recv: number[]): AvailBufferToken {
  const mark = ++serial & 0xff;
  return AvailBufferToken.new(
    send.map((n) => BufferElem.vector(DeviceVec.from(r.alloc, new Uint8Array(n).fill(mark), "send"))),
    recv.map((n) => BufferElem.vector(DeviceVec.withCapacity(r.alloc, n, "recv"))),
  );
}

/** The kind of the VirtqError that `f` throws; "none" if it throws nothing. */
export function errorKind(f: () => unknown): string {
  try {
    f();
  } catch (error) {
    if (error instanceof VirtqError) return error.kind;
    throw error;
  }
  return "none";
}

export interface Popped {
  id: number;
  /** Descriptors in the ring. */
  n: number;
  segments: { addr: number; len: number; write: boolean }[];
}

/** A device of few lines, written from the specification alone. */
export interface TinyDevice {
  pop(): Popped | undefined;
  /** Reports `id` as used; `n` descriptors are skipped (packed). `idxBy`: how far idx moves (split). */
  push(id: number, len: number, n?: number, idxBy?: number): void;
}

export function tinyDevice(kind: "split" | "packed", r: Rig<unknown>): TinyDevice {
  return kind === "split" ? new TinySplit(r) : new TinyPacked(r);
}

function segment(view: DataView, at: number, flags: number) {
  const addr = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  return { addr, len: view.getUint32(at + 8, true), write: (flags & 2) !== 0 };
}

class TinySplit implements TinyDevice {
  private last = 0;
  constructor(private readonly r: Rig<unknown>) {}
  private get size() {
    return (this.r.vq as SplitVq).size;
  }
  pop(): Popped | undefined {
    const { view, desc, driver, memory } = this.r;
    if (view.getUint16(driver + 2, true) === this.last) return undefined;
    const id = view.getUint16(driver + 4 + 2 * (this.last % this.size), true);
    this.last = (this.last + 1) & 0xffff;
    const segments: Popped["segments"] = [];
    let at = desc + 16 * id, n = 0, table = -1;
    for (;;) {
      const flags = view.getUint16(at + 12, true);
      if (table < 0) n++;
      if (flags & 4) {
        table = at = segment(view, at, 0).addr - memory.base;
        continue;
      }
      segments.push(segment(view, at, flags));
      if (!(flags & 1)) return { id, n, segments };
      at = (table < 0 ? desc : table) + 16 * view.getUint16(at + 14, true);
    }
  }
  push(id: number, len: number, _n = 1, idxBy = 1): void {
    const { view, device } = this.r;
    const idx = view.getUint16(device + 2, true);
    const at = device + 4 + 8 * (idx % this.size);
    view.setUint32(at, id, true);
    view.setUint32(at + 4, len, true);
    view.setUint16(device + 2, (idx + idxBy) & 0xffff, true);
  }
}

class TinyPacked implements TinyDevice {
  private at = 0;
  private wrap = 1;
  private usedAt = 0;
  private usedWrap = 1;
  constructor(private readonly r: Rig<unknown>) {}
  private get size() {
    return (this.r.vq as PackedVq).size;
  }
  pop(): Popped | undefined {
    const { view, desc, memory } = this.r;
    let flags = view.getUint16(desc + 16 * this.at + 14, true);
    if (((flags >> 7) & 1) !== this.wrap || ((flags >> 15) & 1) === this.wrap) return undefined;
    const segments: Popped["segments"] = [];
    for (let n = 1;; n++) {
      const at = desc + 16 * this.at;
      flags = view.getUint16(at + 14, true);
      if (flags & 4) {
        const table = segment(view, at, 0);
        for (let o = 0; o < table.len; o += 16) {
          const e = table.addr - memory.base + o;
          segments.push(segment(view, e, view.getUint16(e + 14, true)));
        }
      } else segments.push(segment(view, at, flags));
      const id = view.getUint16(at + 12, true);
      if (++this.at === this.size) this.at = 0, this.wrap ^= 1;
      if (!(flags & 1)) return { id, n, segments };
    }
  }
  push(id: number, len: number, n = 1): void {
    const { view, desc } = this.r;
    const at = desc + 16 * this.usedAt;
    view.setUint32(at + 8, len, true);
    view.setUint16(at + 12, id, true);
    view.setUint16(at + 14, this.usedWrap ? 0x8080 : 0, true);
    this.usedAt += n;
    if (this.usedAt >= this.size) this.usedAt -= this.size, this.usedWrap ^= 1;
  }
}

/** Both rings, for tests that hold for either. */
export const KINDS = ["split", "packed"] as const;

/** From now on: offsets of the 16-bit and 32-bit writes, and barriers, in the order of the program. */
export function writesOf(r: Rig<unknown>): (number | string)[] {
  const log: (number | string)[] = [];
  const { memory } = r;
  const writeU16 = memory.writeU16, writeU32 = memory.writeU32;
  memory.writeU16 = (offset, value) => {
    log.push(offset);
    writeU16.call(memory, offset, value);
  };
  memory.writeU32 = (offset, value) => {
    log.push(offset);
    writeU32.call(memory, offset, value);
  };
  memory.barrier = (kind) => void log.push(BARRIER_NAMES[kind]);
  return log;
}
