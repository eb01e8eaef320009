import type { AddressSpace, IoHandler, Mapping } from "../bus.ts";

/** What a base address register asks for (PCI 3.0, 6.2.5.1). */
export type BarKind = "io" | "mem32" | "mem64";

/** Largest address that is mapped: what a double holds exactly and a processor can name. */
const ADDRESS_LIMIT = 2 ** 52;

/**
 * One base address register and the window behind it. The register's bytes live in the function's configuration
 * space; this object knows the type bits and size, and maps the window while decoding is on.
 */
export class PciBar {
  private mapping: Mapping | undefined;
  private mappedAt = -1;

  /**
   * @param index Which register, 0 to 5; a 64-bit one takes the next as well.
   * @param size Bytes, a power of two; at least 4 for ports and 16 for memory.
   */
  constructor(
    readonly index: number,
    readonly kind: BarKind,
    readonly size: number,
    readonly prefetchable: boolean,
    readonly handler: IoHandler,
  ) {
    const least = kind === "io" ? 4 : 16;
    if (!Number.isInteger(Math.log2(size)) || size < least) {
      throw new Error(
        `BAR ${index} of ${handler.name}: size ${size} is not a power of two of at least ${least}`,
      );
    }
  }

  /** The low bits that say what kind of register this is; they are read-only. */
  get typeBits(): number {
    return this.kind === "io" ? 1 : (this.kind === "mem64" ? 4 : 0) | (this.prefetchable ? 8 : 0);
  }
  /** Where the window is now; undefined while it is not decoded. */
  get address(): number | undefined {
    return this.mappedAt < 0 ? undefined : this.mappedAt;
  }

  /**
   * Moves the window to what the register and COMMAND say. As in QEMU (pci_bar_address), address 0, a window that
   * wraps and one that ends at the very top of 32 bits are not decoded: those are values in the middle of sizing.
   */
  update(low: number, high: number, decode: boolean, memory: AddressSpace, ports: AddressSpace): void {
    const masked = (low & ~(this.size - 1) & (this.kind === "io" ? ~3 : ~15)) >>> 0;
    const base = this.kind === "mem64" ? high * 2 ** 32 + masked : masked;
    const last = base + this.size - 1;
    const top = this.kind === "mem64" ? ADDRESS_LIMIT : 0xffff_ffff;
    const at = decode && base !== 0 && last < top ? base : -1;
    if (at === this.mappedAt) return;
    this.mapping?.remove();
    this.mapping = at < 0
      ? undefined
      : (this.kind === "io" ? ports : memory).map(at, this.size, this.handler);
    this.mappedAt = at;
  }
}
