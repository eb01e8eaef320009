import { type Barrier, BARRIER_NAMES, type DeviceMemory } from "../../arch/device_memory.ts";
import type { TraceSink } from "../../spec/trace.ts";

/**
 * Memory of page tables that records what is written; reads go through. For `BootOptions.pageTableMemory`.
 */
export function tracedPageTables(inner: DeviceMemory, trace: TraceSink): DeviceMemory {
  return new TracedDeviceMemory(inner, {
    get on() {
      return trace.on;
    },
    emit(event) {
      if (event.ev !== "mem_write") return;
      const { addr, hex, repeat } = event;
      trace.emit({ ev: "page_table_write", addr, hex, ...(repeat === undefined ? {} : { repeat }) });
    },
  });
}

/** Bytes of a write that is read back into a standing buffer. */
const SHORT = 16;

/** Device memory that records what the driver writes and its barriers; reads go through. */
export class TracedDeviceMemory implements DeviceMemory {
  readonly base: number;
  readonly size: number;
  private readonly short: Uint8Array[] = [];

  /** @param areaOf whose memory a guest-physical address is: `virtio-rng queue 0 desc`. */
  constructor(
    private readonly inner: DeviceMemory,
    private readonly trace: TraceSink,
    private readonly areaOf: (phys: number) => string | undefined = () => undefined,
  ) {
    this.base = inner.base;
    this.size = inner.size;
  }
  readU8(offset: number): number {
    return this.inner.readU8(offset);
  }
  readU16(offset: number): number {
    return this.inner.readU16(offset);
  }
  readU32(offset: number): number {
    return this.inner.readU32(offset);
  }
  readBytes(offset: number, target: Uint8Array): void {
    this.inner.readBytes(offset, target);
  }
  writeU8(offset: number, value: number): void {
    this.inner.writeU8(offset, value);
    this.record(offset, 1);
  }
  writeU16(offset: number, value: number): void {
    this.inner.writeU16(offset, value);
    this.record(offset, 2);
  }
  writeU32(offset: number, value: number): void {
    this.inner.writeU32(offset, value);
    this.record(offset, 4);
  }
  writeBytes(offset: number, source: Uint8Array): void {
    this.inner.writeBytes(offset, source);
    this.record(offset, source.length);
  }
  fill(offset: number, length: number, value: number): void {
    this.inner.fill(offset, length, value);
    if (length > 0) this.record(offset, 1, length);
  }
  barrier(kind: Barrier): void {
    this.inner.barrier(kind);
    if (this.trace.on) this.trace.emit({ ev: "barrier", kind: BARRIER_NAMES[kind] });
  }

  private record(offset: number, length: number, repeat?: number): void {
    if (!this.trace.on) return;
    const bytes = this.buffer(length);
    this.inner.readBytes(offset, bytes);
    const hex = bytes.toHex();
    const addr = this.base + offset;
    const area = this.areaOf(addr);
    // Most writes are of this shape: no spreading of objects on the way.
    if (area !== undefined && repeat === undefined) {
      return this.trace.emit({ ev: "mem_write", by: "driver", addr, hex, area });
    }
    this.trace.emit({
      ev: "mem_write",
      by: "driver",
      addr,
      hex,
      ...(area === undefined ? {} : { area }),
      ...(repeat === undefined ? {} : { repeat }),
    });
  }
  /** Room for what is written; short writes share it. */
  private buffer(length: number): Uint8Array {
    if (length > SHORT) return new Uint8Array(length);
    return this.short[length] ??= new Uint8Array(length);
  }
}
