const PAGE = 4096;

/** A stretch of memory, and what is known of it. */
export interface Area<T> {
  readonly address: number;
  readonly length: number;
  readonly about: T;
}

/** Stretches of memory, found by address. They may overlap. */
export class Areas<T> {
  private readonly pages = new Map<number, Set<Area<T>>>();

  add(address: number, length: number, about: T): void {
    if (length <= 0) return;
    const area = { address, length, about };
    for (let page = Math.floor(address / PAGE); page * PAGE < address + length; page++) {
      let set = this.pages.get(page);
      if (set === undefined) this.pages.set(page, set = new Set());
      set.add(area);
    }
  }
  /** Those that have a byte of [address, address + length). */
  overlapping(address: number, length: number): Area<T>[] {
    if (this.pages.size === 0) return [];
    const found = new Set<Area<T>>();
    for (let page = Math.floor(address / PAGE); page * PAGE < address + length; page++) {
      for (const area of this.pages.get(page) ?? []) {
        if (area.address < address + length && address < area.address + area.length) found.add(area);
      }
    }
    return [...found];
  }
  /** Takes [address, address + length) out; what is left of stretches on either side stays. */
  cut(address: number, length: number): void {
    for (const area of this.overlapping(address, length)) {
      this.remove(area);
      this.add(area.address, address - area.address, area.about);
      const end = area.address + area.length;
      this.add(address + length, end - (address + length), area.about);
    }
  }
  remove(area: Area<T>): void {
    for (let page = Math.floor(area.address / PAGE); page * PAGE < area.address + area.length; page++) {
      const set = this.pages.get(page);
      set?.delete(area);
      if (set?.size === 0) this.pages.delete(page);
    }
  }
  /** Takes out those that a condition names. */
  drop(which: (about: T) => boolean): void {
    for (const set of [...this.pages.values()]) {
      for (const area of [...set]) if (which(area.about)) this.remove(area);
    }
  }
}
