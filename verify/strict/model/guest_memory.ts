import type { DeviceMemory } from "../../../arch/device_memory.ts";

/** Guest memory as rules see it. Addresses guest-physical; 0 outside RAM. */
export interface GuestBytes {
  isRam(address: number, length: number): boolean;
  u8(address: number): number;
  copy(address: number, target: Uint8Array): void;
  /** Device memory was made, through which its part of RAM is looked at from here on. */
  through?(memory: DeviceMemory): void;
}

/** Memory of a machine that runs: the RAM itself, or where that is not in this process what the drivers look through. */
export class LiveMemory implements GuestBytes {
  private device: DeviceMemory | undefined;

  constructor(private readonly ram: () => readonly { readonly base: number; readonly bytes: Uint8Array }[]) {}

  through(memory: DeviceMemory): void {
    this.device = memory;
  }
  isRam(address: number, length: number): boolean {
    return this.ram().some((r) => address >= r.base && address + length <= r.base + r.bytes.length);
  }
  u8(address: number): number {
    const { device } = this;
    if (device !== undefined && address >= device.base && address < device.base + device.size) {
      return device.readU8(address - device.base);
    }
    for (const r of this.ram()) {
      if (address >= r.base && address < r.base + r.bytes.length) return r.bytes[address - r.base];
    }
    return 0;
  }
  copy(address: number, target: Uint8Array): void {
    const { device } = this;
    if (
      device !== undefined && address >= device.base && address + target.length <= device.base + device.size
    ) return device.readBytes(address - device.base, target);
    for (const r of this.ram()) {
      if (address < r.base || address + target.length > r.base + r.bytes.length) continue;
      target.set(r.bytes.subarray(address - r.base, address - r.base + target.length));
      return;
    }
    for (let i = 0; i < target.length; i++) target[i] = this.u8(address + i);
  }
}

/** Memory with bytes in it that are on their way: a store that has not been done yet. */
export class PendingMemory implements GuestBytes {
  private address = 0;
  private bytes: Uint8Array | undefined;

  constructor(private readonly inner: GuestBytes) {}

  /** Shows these bytes as stored until {@link settle}. */
  expect(address: number, bytes: Uint8Array): void {
    this.address = address;
    this.bytes = bytes;
  }
  settle(): void {
    this.bytes = undefined;
  }
  isRam(address: number, length: number): boolean {
    return this.inner.isRam(address, length);
  }
  u8(address: number): number {
    const { bytes } = this;
    const at = address - this.address;
    return bytes !== undefined && at >= 0 && at < bytes.length ? bytes[at] : this.inner.u8(address);
  }
  copy(address: number, target: Uint8Array): void {
    this.inner.copy(address, target);
    if (this.bytes === undefined) return;
    for (let i = 0; i < target.length; i++) target[i] = this.u8(address + i);
  }
}

const PAGE = 4096;

/** Memory of a recorded run: what its trace says was written. */
export class ShadowMemory implements GuestBytes {
  private readonly pages = new Map<number, Uint8Array>();
  /** Bytes of RAM from 0 on, as the trace's `machine` record says; the gap below 4 GiB is not known to it. */
  size = Infinity;

  isRam(address: number, length: number): boolean {
    return address + length <= this.size;
  }
  u8(address: number): number {
    return this.pages.get(Math.floor(address / PAGE))?.[address % PAGE] ?? 0;
  }
  copy(address: number, target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) target[i] = this.u8(address + i);
  }
  write(address: number, bytes: Uint8Array, repeat = 1): void {
    for (let i = 0; i < bytes.length * repeat; i++) {
      const number = Math.floor((address + i) / PAGE);
      let page = this.pages.get(number);
      if (page === undefined) this.pages.set(number, page = new Uint8Array(PAGE));
      page[(address + i) % PAGE] = bytes[i % bytes.length];
    }
  }
}
