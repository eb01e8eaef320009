/** Guest memory as rules see it. Addresses guest-physical; 0 outside RAM. */
export interface GuestBytes {
  isRam(address: number, length: number): boolean;
  u8(address: number): number;
  copy(address: number, target: Uint8Array): void;
}

/** Memory of a machine that runs: the RAM itself. */
export class LiveMemory implements GuestBytes {
  constructor(private readonly ram: () => readonly { readonly base: number; readonly bytes: Uint8Array }[]) {}

  isRam(address: number, length: number): boolean {
    return this.ram().some((r) => address >= r.base && address + length <= r.base + r.bytes.length);
  }
  u8(address: number): number {
    for (const r of this.ram()) {
      if (address >= r.base && address < r.base + r.bytes.length) return r.bytes[address - r.base];
    }
    return 0;
  }
  copy(address: number, target: Uint8Array): void {
    for (const r of this.ram()) {
      if (address < r.base || address + target.length > r.base + r.bytes.length) continue;
      target.set(r.bytes.subarray(address - r.base, address - r.base + target.length));
      return;
    }
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
