import type { BufferView } from "../events.ts";

const PAGE = 4096;
/** Freed allocations that are remembered. */
const REMEMBERED = 4096;

/** Device memory that is given out, and which of its bytes were ever written. */
export class Allocations {
  private readonly live = new Map<number, BufferView>();
  private readonly pieces = new Map<number, BufferView>();
  private readonly byPage = new Map<number, BufferView>();
  private readonly freed = new Map<number, BufferView>();
  private readonly written = new Map<number, Uint8Array>();
  /** Whether anybody tells of allocations at all. */
  known = false;

  get all(): BufferView[] {
    return [...this.live.values(), ...this.pieces.values()];
  }
  allocated(buffer: BufferView): void {
    this.known = true;
    for (let page = pageOf(buffer.phys); page * PAGE < buffer.phys + buffer.length; page++) {
      this.freed.delete(page);
      if (!buffer.piece) {
        this.byPage.set(page, buffer);
        this.written.set(page, new Uint8Array(PAGE));
      }
    }
    (buffer.piece ? this.pieces : this.live).set(buffer.phys, buffer);
    if (buffer.piece) this.mark(buffer.phys, buffer.length, 0);
  }
  released(buffer: BufferView): void {
    if (buffer.piece) {
      this.pieces.delete(buffer.phys);
      return;
    }
    this.live.delete(buffer.phys);
    for (let page = pageOf(buffer.phys); page * PAGE < buffer.phys + buffer.length; page++) {
      this.byPage.delete(page);
      this.written.delete(page);
      this.freed.set(page, buffer);
      if (this.freed.size > REMEMBERED) this.freed.delete(this.freed.keys().next().value!);
    }
  }
  at(address: number): BufferView | undefined {
    return this.pieceAt(address) ?? this.byPage.get(pageOf(address));
  }
  freedAt(address: number): BufferView | undefined {
    return this.freed.get(pageOf(address));
  }
  wrote(address: number, length: number): void {
    this.mark(address, length, 1);
  }
  isWritten(address: number, length: number): boolean {
    for (let at = address; at < address + length; at++) {
      const page = this.written.get(pageOf(at));
      if (page === undefined) at = (pageOf(at) + 1) * PAGE - 1;
      else if (page[at % PAGE] === 0) return false;
    }
    return true;
  }

  private pieceAt(address: number): BufferView | undefined {
    for (const piece of this.pieces.values()) {
      if (address >= piece.phys && address < piece.phys + piece.length) return piece;
    }
    return undefined;
  }
  private mark(address: number, length: number, value: number): void {
    for (let at = address; at < address + length;) {
      const end = Math.min(address + length, (pageOf(at) + 1) * PAGE);
      this.written.get(pageOf(at))?.fill(value, at % PAGE, at % PAGE + (end - at));
      at = end;
    }
  }
}

const pageOf = (address: number) => Math.floor(address / PAGE);
