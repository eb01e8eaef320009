const PAGE = 4096;
/** Pages that are kept: 64 MiB of guest memory. The oldest are forgotten. */
const MAX_PAGES = 16384;

/** Guest memory as far as a trace shows what was written to it; the rest reads as 0. */
export class ShadowMemory {
  private readonly pages = new Map<number, Uint8Array>();

  write(addr: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const number = Math.floor((addr + done) / PAGE), at = (addr + done) % PAGE;
      const n = Math.min(PAGE - at, bytes.length - done);
      this.page(number).set(bytes.subarray(done, done + n), at);
      done += n;
    }
  }
  /** A little-endian number of up to 8 bytes. */
  read(addr: number, width: number): number {
    let value = 0;
    for (let k = width - 1; k >= 0; k--) {
      const page = this.pages.get(Math.floor((addr + k) / PAGE));
      value = value * 256 + (page?.[(addr + k) % PAGE] ?? 0);
    }
    return value;
  }

  private page(number: number): Uint8Array {
    let page = this.pages.get(number);
    if (page === undefined) {
      if (this.pages.size === MAX_PAGES) this.pages.delete(this.pages.keys().next().value!);
      this.pages.set(number, page = new Uint8Array(PAGE));
    }
    return page;
  }
}
