import { type Areas, F_INDIRECT, F_NEXT, F_WRITE, needEvent, packedNeedEvent } from "./model.ts";

/** A chain as the device finds it in the ring. */
export interface FoundChain {
  id: number;
  ndesc: number;
  indirect: { phys: number; len: number } | undefined;
  segments: { phys: number; len: number; writable: boolean }[];
}
/** A write of the device into an area. */
export interface AreaWrite {
  name: keyof Areas;
  off: number;
  bytes: Uint8Array;
}

const le = (value: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 255);
const u16 = (b: Uint8Array, o: number) => b[o] | (b[o + 1] << 8);
const u32 = (b: Uint8Array, o: number) => (u16(b, o) | (u16(b, o + 2) << 16)) >>> 0;
const u64 = (b: Uint8Array, o: number) => u32(b, o) + u32(b, o + 4) * 2 ** 32;

/** The device's view of one ring: takes chains, makes used entries, knows whether the driver wants an interrupt. */
export class DeviceTrack {
  private availIdx = 0;
  private usedIdx = 0;
  private next = { off: 0, wrap: 1 };
  private used = { off: 0, wrap: 1 };

  constructor(
    private readonly kind: "split" | "packed",
    private readonly size: number,
    private readonly eventIdx: boolean,
    private readonly areas: Areas,
    /** Bytes of an indirect table. */
    private readonly table: (phys: number, len: number) => Uint8Array | undefined,
  ) {}

  pop(): FoundChain | undefined {
    return this.kind === "split" ? this.popSplit() : this.popPacked();
  }

  private popSplit(): FoundChain | undefined {
    const { driver, desc } = this.areas;
    if (u16(driver, 2) === this.availIdx) return undefined;
    const id = u16(driver, 4 + 2 * (this.availIdx % this.size));
    this.availIdx = (this.availIdx + 1) & 0xffff;
    const chain: FoundChain = { id, ndesc: 1, indirect: undefined, segments: [] };
    let table = desc, at = id;
    if (u16(desc, 16 * id + 12) & F_INDIRECT) {
      chain.indirect = { phys: u64(desc, 16 * id), len: u32(desc, 16 * id + 8) };
      table = this.table(chain.indirect.phys, chain.indirect.len) ?? new Uint8Array(0);
      at = 0;
    }
    for (let n = 0; n < 32768 && 16 * at + 16 <= table.length; n++) {
      const flags = u16(table, 16 * at + 12);
      chain.segments.push({
        phys: u64(table, 16 * at),
        len: u32(table, 16 * at + 8),
        writable: (flags & F_WRITE) !== 0,
      });
      if (!(flags & F_NEXT)) break;
      if (chain.indirect === undefined) chain.ndesc++;
      at = u16(table, 16 * at + 14);
    }
    return chain;
  }

  private popPacked(): FoundChain | undefined {
    const { desc } = this.areas;
    const flagsAt = (off: number) => u16(desc, 16 * off + 14);
    if ((flagsAt(this.next.off) & 0x8080) !== (this.next.wrap ? 0x80 : 0x8000)) return undefined;
    const chain: FoundChain = { id: 0, ndesc: 0, indirect: undefined, segments: [] };
    const add = (t: Uint8Array, at: number, flags: number) =>
      chain.segments.push({ phys: u64(t, at), len: u32(t, at + 8), writable: (flags & F_WRITE) !== 0 });
    for (let n = 0; n < this.size; n++) {
      const at = 16 * this.next.off, flags = flagsAt(this.next.off);
      chain.id = u16(desc, at + 12);
      chain.ndesc++;
      if (flags & F_INDIRECT) {
        chain.indirect = { phys: u64(desc, at), len: u32(desc, at + 8) };
        const table = this.table(chain.indirect.phys, chain.indirect.len) ?? new Uint8Array(0);
        for (let o = 0; o + 16 <= table.length; o += 16) add(table, o, u16(table, o + 14));
      } else add(desc, at, flags);
      this.next = this.step(this.next, 1);
      if (!(flags & F_NEXT)) break;
    }
    return chain;
  }

  private step(p: { off: number; wrap: number }, n: number): { off: number; wrap: number } {
    const off = p.off + n;
    return off >= this.size ? { off: off - this.size, wrap: p.wrap ^ 1 } : { off, wrap: p.wrap };
  }

  /** The writes of a used entry, in order; the device's position moves on by `ndesc`. */
  complete(
    id: number,
    len: number,
    ndesc: number,
    wrote: boolean,
  ): { writes: AreaWrite[]; interrupt: boolean } {
    const { driver } = this.areas;
    if (this.kind === "split") {
      const at = 4 + 8 * (this.usedIdx % this.size);
      const old = this.usedIdx;
      this.usedIdx = (old + 1) & 0xffff;
      const interrupt = this.eventIdx
        ? needEvent(u16(driver, 4 + 2 * this.size), this.usedIdx, old)
        : !(u16(driver, 0) & 1);
      const writes: AreaWrite[] = [
        { name: "device", off: at, bytes: le(id, 4) },
        { name: "device", off: at + 4, bytes: le(len, 4) },
        { name: "device", off: 2, bytes: le(this.usedIdx, 2) },
      ];
      return { writes, interrupt };
    }
    const at = 16 * this.used.off, old = this.used;
    this.used = this.step(old, ndesc);
    const mode = u16(driver, 2) & 3, event = u16(driver, 0);
    const interrupt = mode === 0 ||
      (mode === 2 && this.eventIdx &&
        packedNeedEvent(this.size, { off: event & 0x7fff, wrap: event >> 15 }, old, this.used));
    const flags = (old.wrap ? 0x8080 : 0) | (wrote ? F_WRITE : 0);
    const writes: AreaWrite[] = [
      { name: "desc", off: at + 8, bytes: le(len, 4) },
      { name: "desc", off: at + 12, bytes: le(id, 2) },
      { name: "desc", off: at + 14, bytes: le(flags, 2) },
    ];
    return { writes, interrupt };
  }
}
