import type { IoHandler } from "../bus.ts";
import { Msix } from "../../spec/pci.ts";

/** Bytes of the smallest window for table and pending bits. */
const MIN_WINDOW = 0x1000;

/**
 * MSI-X table and pending bits in a window of their own, laid out as QEMU's `msix_init_exclusive_bar`: the table at
 * 0, the pending bits at 2 KiB, or right behind a longer table (PCI 3.0, 6.8.2).
 *
 * The driver writes address, data and mask of each vector; the device sets pending bits while a vector is masked.
 */
export class MsixTable implements IoHandler {
  declare private readonly table: DataView;
  declare private readonly pending: Uint8Array;
  /** How often the device has given each vector to something and not taken it back. */
  declare private readonly uses: Uint32Array;
  /** Offset of the pending bits in the window. */
  readonly pbaOffset: number;
  /** Bytes of the window, a power of two. */
  readonly windowSize: number;
  /** Message control's enable bit. */
  enabled = false;
  /** Message control's function mask bit. */
  functionMask = false;

  /**
   * @param vectors 1 to 2048.
   * @param send Writes a message into the machine.
   */
  constructor(
    readonly name: string,
    readonly vectors: number,
    private readonly send: (address: number, data: number) => void,
  ) {
    const tableSize = vectors * Msix.ENTRY_SIZE;
    this.table = new DataView(new ArrayBuffer(tableSize));
    this.pending = new Uint8Array(Math.ceil(vectors / 64) * 8);
    this.uses = new Uint32Array(vectors);
    this.pbaOffset = Math.max(MIN_WINDOW / 2, tableSize);
    let window = MIN_WINDOW;
    while (window < this.pbaOffset + this.pending.length) window *= 2;
    this.windowSize = window;
    this.reset();
  }

  /** Masks everything and forgets messages and pending bits. */
  reset(): void {
    new Uint8Array(this.table.buffer).fill(0);
    this.pending.fill(0);
    for (let v = 0; v < this.vectors; v++) this.table.setUint32(v * Msix.ENTRY_SIZE + 12, 1, true);
    this.enabled = false;
    this.functionMask = false;
  }
  /** Whether a message of this vector would have to wait now. */
  masked(vector: number): boolean {
    return !this.enabled || this.functionMask || this.entryMasked(vector);
  }
  isPending(vector: number): boolean {
    return (this.pending[vector >> 3] & (1 << (vector & 7))) !== 0;
  }
  /** The device gives a vector to one more of its sources; only vectors in use are ever sent. */
  use(vector: number): void {
    if (vector < this.vectors) this.uses[vector]++;
  }
  /** One source less; with the last one goes what is pending. As in QEMU, who forgets to call it leaves the vector used. */
  unuse(vector: number): void {
    if (vector >= this.vectors || this.uses[vector] === 0) return;
    if (--this.uses[vector] === 0) this.clearPending(vector);
  }
  /** The device was reset. */
  unuseAll(): void {
    this.uses.fill(0);
    this.pending.fill(0);
  }
  /** The device wants this vector: sent at once, or remembered while masked. No such vector: nothing. */
  notify(vector: number): void {
    if (vector >= this.vectors || this.uses[vector] === 0) return;
    if (this.masked(vector)) {
      this.pending[vector >> 3] |= 1 << (vector & 7);
      return;
    }
    const at = vector * Msix.ENTRY_SIZE;
    const address = this.table.getUint32(at + 4, true) * 2 ** 32 + this.table.getUint32(at, true);
    this.send(address, this.table.getUint32(at + 8, true));
  }
  private clearPending(vector: number): void {
    this.pending[vector >> 3] &= ~(1 << (vector & 7));
  }
  /** Message control was written: what became unmasked and is pending goes out now. */
  setControl(enabled: boolean, functionMask: boolean): void {
    this.enabled = enabled;
    this.functionMask = functionMask;
    if (enabled && !functionMask) { for (let v = 0; v < this.vectors; v++) this.flush(v); }
  }

  /** Only 32-bit accesses (a 64-bit one arrives as two); others read 0, as in QEMU. */
  read(offset: number, width: number): number {
    if (width !== 4 || (offset & 3) !== 0) return 0;
    if (offset < this.table.byteLength) return this.table.getUint32(offset, true);
    const at = offset - this.pbaOffset;
    if (at < 0 || at + 4 > this.pending.length) return 0;
    return new DataView(this.pending.buffer).getUint32(at, true);
  }
  write(offset: number, width: number, value: number): void {
    if (width !== 4 || (offset & 3) !== 0 || offset >= this.table.byteLength) return;
    this.table.setUint32(offset, value >>> 0, true);
    this.flush(Math.floor(offset / Msix.ENTRY_SIZE));
  }
  regName(offset: number): string | undefined {
    if (offset < this.table.byteLength) {
      const field = ["address_lo", "address_hi", "data", "control"][(offset >> 2) & 3];
      return `msix[${Math.floor(offset / Msix.ENTRY_SIZE)}].${field}`;
    }
    return offset >= this.pbaOffset ? "msix_pba" : undefined;
  }

  private entryMasked(vector: number): boolean {
    return (this.table.getUint32(vector * Msix.ENTRY_SIZE + 12, true) & 1) !== 0;
  }
  private flush(vector: number): void {
    if (!this.isPending(vector) || this.masked(vector)) return;
    this.clearPending(vector);
    this.notify(vector);
  }
}
