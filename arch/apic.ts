import { type PhysAddr } from "./addresses.ts";
import type { Platform } from "./platform.ts";

/** Where QEMU's machines have their IOAPICs, and the first line of each (QEMU 7.2: the second one only on microvm). */
const IO_APICS = [{ address: 0xfec0_0000, firstLine: 0 }, { address: 0xfec1_0000, firstLine: 24 }] as const;

// Registers of the 82093AA IOAPIC, 3.1 and 3.2: an index window and a data window.
const INDEX = 0x00;
const DATA = 0x10;
const VERSION = 0x01;
const REDIRECTION = 0x10;
const ACTIVE_LOW = 1 << 13;
const LEVEL = 1 << 15;
const MASKED = 1 << 16;

/** One I/O APIC: interrupt lines in, vectors to the CPU out. Line numbers are the machine's, not the pin's. */
export class IoApic {
  private constructor(
    private readonly platform: Platform,
    private readonly address: number,
    readonly firstLine: number,
    /** How many lines it has. */
    readonly lines: number,
    /** Its version register's low byte: 0x11 or 0x20. */
    readonly version: number,
  ) {}

  /** Those that answer: a version of all ones or zero is nobody. */
  static find(platform: Platform): IoApic[] {
    const found: IoApic[] = [];
    for (const { address, firstLine } of IO_APICS) {
      platform.mmioWrite((address + INDEX) as PhysAddr, 4, VERSION);
      const value = platform.mmioRead((address + DATA) as PhysAddr, 4) >>> 0;
      if (value === 0xffff_ffff || value === 0) continue;
      found.push(new IoApic(platform, address, firstLine, ((value >>> 16) & 0xff) + 1, value & 0xff));
    }
    return found;
  }

  maskAll(): void {
    for (let pin = 0; pin < this.lines; pin++) this.write(REDIRECTION + 2 * pin, MASKED);
  }

  mask(line: number): void {
    this.write(REDIRECTION + 2 * (line - this.firstLine), MASKED);
  }

  /** Sends `line` to the boot CPU as `vector`, unmasked. */
  route(line: number, vector: number, level: boolean, activeLow: boolean): void {
    const register = REDIRECTION + 2 * (line - this.firstLine);
    // The destination first: the low half unmasks the line.
    this.write(register + 1, 0);
    this.write(register, vector | (activeLow ? ACTIVE_LOW : 0) | (level ? LEVEL : 0));
  }

  private write(register: number, value: number): void {
    this.platform.mmioWrite((this.address + INDEX) as PhysAddr, 4, register);
    this.platform.mmioWrite((this.address + DATA) as PhysAddr, 4, value);
  }
}

// Registers of the local APIC (Intel SDM 3A, table 10-1).
const LAPIC = 0xfee0_0000;
const EOI = (LAPIC + 0xb0) as PhysAddr;
const SPURIOUS = (LAPIC + 0xf0) as PhysAddr;
const SOFTWARE_ENABLE = 0x100;

/** The boot CPU's local APIC. */
export class LocalApic {
  constructor(private readonly platform: Platform) {}

  /** Switches it on; `spurious` is the vector for interrupts that went away. */
  enable(spurious: number): void {
    this.platform.mmioWrite(SPURIOUS, 4, SOFTWARE_ENABLE | spurious);
  }

  /** Ends the interrupt in service, and lets a level line that is still asserted come again. */
  endOfInterrupt(): void {
    this.platform.mmioWrite(EOI, 4, 0);
  }
}
