import { physAddr } from "../../../arch/addresses.ts";
import { RamDeviceMemory } from "../../../arch/device_memory.ts";
import type { MsiMessage, Platform, Width } from "../../../arch/platform.ts";
import type { DriverContext, LineMode, Log } from "../../../drivers/context.ts";
import { DeviceAlloc, type FrameSource } from "../../../mm/device_alloc.ts";
import { DeviceHeap } from "../../../mm/device_heap.ts";
import { NO_TRACE } from "../../../spec/trace.ts";

/** Registers of a window or of a BAR; offsets in bytes. */
export interface FakeRegisters {
  read(offset: number, width: number): number;
  write(offset: number, width: number, value: number): void;
}

/** A PCI function with a hand-made configuration space. */
export class FakeFunction {
  readonly cfg = new DataView(new ArrayBuffer(256));
  /** Writable bits of each BAR; the rest reads as set in `cfg`. */
  readonly barMasks = [0, 0, 0, 0, 0, 0];
  readonly bars = new Map<number, FakeRegisters>();
  /** Writes to BARs while the function decoded memory or I/O. */
  barWritesWhileDecoding = 0;
  msixControl: number | undefined;

  constructor(vendor: number, device: number, readonly slot: number, readonly fn = 0) {
    this.cfg.setUint16(0, vendor, true);
    this.cfg.setUint16(2, device, true);
  }
  /** A memory BAR of `size` bytes (a power of two). */
  memoryBar(index: number, size: number, regs: FakeRegisters, wide = false, prefetchable = false): void {
    this.bars.set(index, regs);
    this.barMasks[index] = size >= 2 ** 32 ? 0 : (~(size - 1)) >>> 0;
    this.cfg.setUint32(0x10 + 4 * index, (wide ? 4 : 0) | (prefetchable ? 8 : 0), true);
    if (wide) this.barMasks[index + 1] = size >= 2 ** 32 ? (~(size / 2 ** 32 - 1)) >>> 0 : 0xffff_ffff;
  }
  ioBar(index: number, size: number): void {
    this.barMasks[index] = (~(size - 1)) >>> 0;
    this.cfg.setUint32(0x10 + 4 * index, 1, true);
  }
  address(index: number): number {
    const low = this.cfg.getUint32(0x10 + 4 * index, true);
    const high = (low & 7) === 4 ? this.cfg.getUint32(0x14 + 4 * index, true) : 0;
    return high * 2 ** 32 + ((low & ~15) >>> 0);
  }
  read(offset: number, width: Width): number {
    if (width === 1) return this.cfg.getUint8(offset);
    return width === 2 ? this.cfg.getUint16(offset, true) : this.cfg.getUint32(offset, true);
  }
  write(offset: number, width: Width, value: number): void {
    if (offset === 4 && width === 2) return this.cfg.setUint16(4, value & 0x407, true);
    if (offset === 0x3c && width === 1) return this.cfg.setUint8(0x3c, value);
    if (offset === this.msixControl && width === 2) {
      const fixed = this.cfg.getUint16(offset, true) & 0x3fff;
      return this.cfg.setUint16(offset, fixed | value & 0xc000, true);
    }
    const index = (offset - 0x10) / 4;
    if (width !== 4 || !Number.isInteger(index) || index < 0 || index > 5) return;
    if (this.cfg.getUint16(4, true) & 3) this.barWritesWhileDecoding++;
    const mask = this.barMasks[index];
    const fixed = this.cfg.getUint32(offset, true) & ~mask & 15;
    this.cfg.setUint32(offset, ((value & mask) | fixed) >>> 0, true);
  }
}

const RAM = 4 << 20;

/** RAM, fake PCI functions and fake windows. Time moves on by 1 µs a `relax`, and `onRelax` runs. */
export class FakePlatform implements Platform {
  readonly name = "fake";
  machine = "q35";
  readonly bytes = new Uint8Array(RAM);
  readonly ram = [{ base: 0, bytes: this.bytes }];
  readonly memoryMap = [{ base: 1 << 20, length: RAM - (1 << 20), kind: "usable" as const }];
  readonly commandLine = "";
  readonly trace = NO_TRACE;
  readonly exitCode = undefined;
  readonly functions: FakeFunction[] = [];
  readonly windows: { base: number; length: number; regs: FakeRegisters }[] = [];
  readonly ports = new Map<number, number>();
  onRelax: () => void = () => {};
  relaxed = 0;
  private selected = 0;

  private find(address: number): { regs: FakeRegisters; offset: number } | undefined {
    for (const w of this.windows) {
      if (address >= w.base && address < w.base + w.length) return { regs: w.regs, offset: address - w.base };
    }
    for (const f of this.functions) {
      if ((f.cfg.getUint16(4, true) & 2) === 0) continue;
      for (const [index, regs] of f.bars) {
        const size = (~f.barMasks[index] >>> 0) + 1;
        const offset = address - f.address(index);
        if (offset >= 0 && offset < size) return { regs, offset };
      }
    }
    return undefined;
  }
  mmioRead(address: number, width: Width): number {
    const at = this.find(address);
    return at === undefined ? 2 ** (8 * width) - 1 : at.regs.read(at.offset, width);
  }
  mmioWrite(address: number, width: Width, value: number): void {
    const at = this.find(address);
    at?.regs.write(at.offset, width, value);
  }
  private target(): FakeFunction | undefined {
    if ((this.selected & 0x8000_0000) === 0 || (this.selected >>> 16 & 0xff) !== 0) return undefined;
    const devfn = this.selected >>> 8 & 0xff;
    return this.functions.find((f) => f.slot << 3 === (devfn & 0xf8) && f.fn === (devfn & 7));
  }
  portRead(port: number, width: Width): number {
    if (port < 0xcfc || port > 0xcff) return 2 ** (8 * width) - 1;
    return this.target()?.read((this.selected & 0xfc) + port - 0xcfc, width) ?? 2 ** (8 * width) - 1;
  }
  portWrite(port: number, width: Width, value: number): void {
    if (port === 0xcf8) this.selected = value;
    else if (port >= 0xcfc && port <= 0xcff) {
      this.target()?.write((this.selected & 0xfc) + port - 0xcfc, width, value);
    } else this.ports.set(port, value);
  }
  takeInterrupt(): number {
    return -1;
  }
  msiMessage(vector: number): MsiMessage {
    return { address: 0xfee0_0000, data: vector };
  }
  now(): number {
    return this.relaxed * 1000;
  }
  relax(): void {
    this.relaxed++;
    this.onRelax();
  }
  idle(): void {}
  powerOff(): void {}
}

/** What a test sees of a context: log lines, lines and vectors that were installed. */
export interface TestContext extends DriverContext {
  readonly platform: FakePlatform;
  readonly lines: string[];
  readonly installed: { line: number; mode: LineMode; name: string; handler: () => boolean | void }[];
  readonly vectors: { name: string; handler: () => void }[];
  readonly mapped: number[];
}

/** A context over a fake platform, with frames first fit from 1 MiB on, poisoned and shifted in careful mode. */
export function testContext(
  platform: FakePlatform,
  options: { mmioDevices?: string[]; vqKind?: "split" | "packed" } = {},
): TestContext {
  const lines: string[] = [];
  const log = Object.fromEntries(
    ["error", "warn", "info", "debug", "trace"].map((l) => [l, (m: string) => lines.push(`${l}: ${m}`)]),
  ) as unknown as Log;
  const used = new Set<number>();
  const frames: FrameSource = {
    allocate(length) {
      const n = length / 4096;
      for (let at = 256; at + n <= RAM / 4096; at++) {
        if (Array.from({ length: n }, (_, i) => used.has(at + i)).includes(true)) continue;
        for (let i = 0; i < n; i++) used.add(at + i);
        return physAddr(at * 4096);
      }
      throw new Error("no frames");
    },
    free(start, length) {
      for (let i = 0; i < length / 4096; i++) used.delete(start / 4096 + i);
    },
  };
  const careful = Deno.env.get("CAREFUL") === "1";
  const memory = new RamDeviceMemory(0, platform.bytes);
  const alloc = new DeviceAlloc(memory, frames, careful ? 1 << 30 : 0, careful ? 0xa5 : undefined);
  const installed: TestContext["installed"] = [];
  const vectors: TestContext["vectors"] = [];
  const mapped: number[] = [];
  return {
    platform,
    alloc,
    indirect: new DeviceHeap(alloc),
    interrupts: {
      installLine: (line, mode, name, handler) => void installed.push({ line, mode, name, handler }),
      allocateVector: (name, handler) => 0x40 + vectors.push({ name, handler }),
    },
    paging: {
      identityMap: (phys, length) => {
        for (let at = 0; at < length; at += 4096) mapped.push(phys + at);
      },
    },
    log,
    mmioDevices: options.mmioDevices ?? [],
    vqKind: options.vqKind,
    lines,
    installed,
    vectors,
    mapped,
  };
}
