import { type PhysAddr, physAddr } from "../../arch/addresses.ts";
import { type Barrier, BARRIER_NAMES, RamDeviceMemory } from "../../arch/device_memory.ts";
import { AllocError, DeviceAlloc, type FrameSource, PAGE_SIZE } from "../../mm/device_alloc.ts";
import { type IndirectAlloc, IndirectTable } from "../../mm/device_heap.ts";
import type { ComCfg, NotifCfg, NotifCtrl, VqCfgHandler } from "../../drivers/virtio/transport/mod.ts";
import type { Trace } from "./schema.ts";

/** Device memory that writes down the barriers. */
export class RecordingMemory extends RamDeviceMemory {
  constructor(base: number, readonly ram: Uint8Array, private readonly log: string[]) {
    super(base, ram);
  }
  override barrier(kind: Barrier): void {
    this.log.push(BARRIER_NAMES[kind]);
  }
}

/** Units of a fixed size, first fit from a base: pages for device memory, 16 bytes for indirect tables. */
export class FirstFit {
  private readonly taken = new Set<number>();
  private lowest = 0;

  constructor(
    private readonly base: number,
    private readonly length: number,
    private readonly unit: number,
  ) {}
  allocate(bytes: number): number {
    const need = Math.max(1, Math.ceil(bytes / this.unit)), units = Math.floor(this.length / this.unit);
    for (let at = this.lowest; at + need <= units; at++) {
      let n = 0;
      while (n < need && !this.taken.has(at + n)) n++;
      if (n === need) {
        for (let k = 0; k < need; k++) this.taken.add(at + k);
        if (at === this.lowest) this.lowest = at + need;
        return this.base + at * this.unit;
      }
      at += n;
    }
    throw new AllocError(`${bytes} bytes do not fit into the ${this.length} bytes of the trace's memory`);
  }
  free(start: number, bytes: number): void {
    const at = (start - this.base) / this.unit;
    for (let k = 0; k < Math.max(1, Math.ceil(bytes / this.unit)); k++) this.taken.delete(at + k);
    this.lowest = Math.min(this.lowest, at);
  }
}

/** A written queue register, as the traces name them. */
export interface ConfigWrite {
  reg: string;
  value: string;
}
export interface SentNotification {
  width: number;
  value: number;
  next: number;
}

/** The world around one queue: memory at the trace's addresses, registers and a notifier that write everything down. */
export class ReplayWorld {
  readonly barriers: string[] = [];
  readonly configWrites: ConfigWrite[] = [];
  readonly notifications: SentNotification[] = [];
  /** Indirect tables in the order in which they were asked for, since last cleared. */
  readonly tables: IndirectTable[] = [];
  readonly ringAddr = { desc: 0, driver: 0, device: 0 };
  readonly memory: RecordingMemory;
  readonly heap: RecordingMemory;
  readonly alloc: DeviceAlloc;
  readonly indirect: IndirectAlloc;
  readonly comCfg: ComCfg;
  readonly notifCfg: NotifCfg;
  onNotify: () => void = () => {};

  constructor(trace: Trace) {
    const base = Number(trace.arena_base), length = Number(trace.arena_len);
    this.memory = new RecordingMemory(base, new Uint8Array(length), this.barriers);
    const pages = new FirstFit(base, length, PAGE_SIZE);
    const frames: FrameSource = {
      allocate: (n) => physAddr(pages.allocate(n)),
      free: (start, n) => pages.free(start, n),
    };
    this.alloc = new DeviceAlloc(this.memory, frames);
    const heapBase = Number(trace.heap_base), heapLength = Number(trace.heap_len);
    this.heap = new RecordingMemory(heapBase, new Uint8Array(heapLength), this.barriers);
    const units = new FirstFit(heapBase, heapLength, 16);
    this.indirect = {
      allocate: (bytes) => {
        const phys = physAddr(units.allocate(bytes));
        const table = new IndirectTable(this.heap, phys - heapBase, phys, bytes);
        this.tables.push(table);
        return table;
      },
      free: (table) => units.free(table.phys, table.length),
    };
    this.comCfg = this.makeComCfg(trace);
    this.notifCfg = { notifCtrl: () => this.makeNotifCtrl() };
  }

  /** The bytes at a physical address, if they are within the trace's memory. */
  bytes(phys: number, length: number): Uint8Array | undefined {
    for (const memory of [this.memory, this.heap]) {
      const at = phys - memory.base;
      if (at >= 0 && at + length <= memory.size) return memory.ram.subarray(at, at + length);
    }
    return undefined;
  }

  private write(reg: string, value: number): void {
    this.configWrites.push({ reg, value: "0x" + value.toString(16) });
  }

  private makeComCfg(trace: Trace): ComCfg {
    let size = trace.device_max_size;
    const address = (reg: string, area: keyof ReplayWorld["ringAddr"]) => (addr: PhysAddr): void => {
      this.ringAddr[area] = addr;
      this.write(reg, addr);
    };
    const handler: VqCfgHandler = {
      vqIndex: trace.queue_index,
      setVqSize: (max) => {
        if (max <= size) this.write("queue_size", max);
        return size = Math.min(size, max);
      },
      setRingAddr: address("queue_desc", "desc"),
      setDrvCtrlAddr: address("queue_driver", "driver"),
      setDevCtrlAddr: address("queue_device", "device"),
      notifOff: () => 0,
      enableQueue: () => this.write("queue_enable", 1),
      resetQueue: () => this.write("queue_reset", 1),
    };
    const unused = (): never => {
      throw new Error("a virtqueue has no business with this register");
    };
    return {
      deviceName: `trace ${trace.name}`,
      selectVq: (index) => index === trace.queue_index && size > 0 ? handler : undefined,
      readDeviceFeatures: unused,
      writeDriverFeatures: unused,
      deviceStatus: unused,
      resetDev: unused,
      ackDev: unused,
      setDrv: unused,
      featuresOk: unused,
      checkFeatures: unused,
      drvOk: unused,
      setFailed: unused,
      doesDeviceNeedReset: () => false,
      configGeneration: unused,
    } as ComCfg;
  }

  private makeNotifCtrl(): NotifCtrl {
    let withData = false;
    return {
      enableNotifData: () => {
        withData = true;
      },
      notifyDev: (vqn, next) => {
        const value = withData ? (vqn | (next << 16)) >>> 0 : vqn;
        this.notifications.push({ width: withData ? 4 : 2, value, next });
        this.onNotify();
      },
    };
  }
}
