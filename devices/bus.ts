/** Registers of a device model behind a window; offsets from the window's start; any width 1, 2, 4 (8 is split). */
export interface IoHandler {
  /** For traces: `virtio-rng-pci.0`. */
  readonly name: string;
  read(offset: number, width: number): number;
  write(offset: number, width: number, value: number): void;
  /** The register's name at an offset, for traces. */
  regName?(offset: number): string | undefined;
}

/** A window in an address space (MMIO or ports). `remove` takes it away (a BAR moved, decoding off). */
export interface Mapping {
  remove(): void;
}

interface Window {
  base: number;
  size: number;
  handler: IoHandler;
  /** A window mapped later lies, or lay, over a part of it. */
  covered: boolean;
}

/** Windows of devices by address; the last mapped wins where they overlap. Used for MMIO and for ports. */
export class AddressSpace {
  private windows: Window[] = [];
  /** Where the last access went: the next one mostly goes there, too. */
  private last: Window | undefined = undefined;

  map(base: number, size: number, handler: IoHandler): Mapping {
    const window = { base, size, handler, covered: false };
    for (const w of this.windows) {
      if (base < w.base + w.size && w.base < base + size) w.covered = true;
    }
    this.windows.unshift(window);
    this.last = undefined;
    return {
      remove: () => {
        this.last = undefined;
        const i = this.windows.indexOf(window);
        if (i >= 0) this.windows.splice(i, 1);
      },
    };
  }
  /** The window at an address, or undefined. */
  at(address: number): Window | undefined {
    const last = this.last;
    if (last !== undefined && address >= last.base && address < last.base + last.size) return last;
    const windows = this.windows;
    for (let i = 0; i < windows.length; i++) {
      const w = windows[i];
      if (address >= w.base && address < w.base + w.size) {
        if (!w.covered) this.last = w;
        return w;
      }
    }
    return undefined;
  }
  /** A load; all ones where nothing answers. */
  read(address: number, width: number): number {
    const w = this.at(address);
    const ones = width === 4 ? 0xffff_ffff : width === 2 ? 0xffff : 0xff;
    return w === undefined ? ones : (w.handler.read(address - w.base, width) & ones) >>> 0;
  }
  write(address: number, width: number, value: number): void {
    const w = this.at(address);
    w?.handler.write(address - w.base, width, value >>> 0);
  }
}

/** An interrupt line into a controller: level true = asserted. */
export interface IrqLine {
  set(level: boolean): void;
}

/** What a device model needs of its machine. */
export interface MachineContext {
  readonly memory: import("./guest_memory.ts").GuestMemory;
  readonly events: import("./events.ts").EventQueue;
  readonly random: import("./events.ts").Random;
  readonly trace: import("../spec/trace.ts").TraceSink;
  /** ns between a notification and the device acting on it. */
  readonly latency: number;
  /** A message-signalled interrupt written by a device. */
  sendMsi(address: number, data: number, dev: string): void;
}
