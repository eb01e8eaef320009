import type { IoHandler, IrqLine } from "../bus.ts";
import type { TraceSink } from "../../spec/trace.ts";
import { LAPIC_BASE } from "./lapic.ts";

/** Pins of an IOAPIC. */
export const IOAPIC_PINS = 24;
/** Where the first IOAPIC's window lies. */
export const IOAPIC_BASE = 0xfec0_0000;
/** Where microvm's second one lies. */
export const IOAPIC2_BASE = 0xfec1_0000;
/** Bytes of a window. */
export const IOAPIC_SIZE = 0x1000;

const VERSION = 0x20;
const REDIRECTION = 0x10;
const MASKED = 0x1_0000;
const LEVEL = 0x8000;
const REMOTE_IRR = 0x4000;
/** Delivery status and remote IRR: a write leaves them. */
const READ_ONLY = 0x5000;
/** What a write to the low half of an entry can change: bits 17 to 31 are kept, too, as in QEMU. */
const WRITABLE = ~READ_ONLY;

/**
 * An IOAPIC as QEMU 7.2 models it (82093AA with version 0x20 and its EOI register). Lines are "asserted" or not: the
 * polarity bit is kept and has no effect, so that a guest which programs INTx as active low sees what it expects.
 *
 * A level line that is still asserted at the end of interrupt raises its vector again.
 */
export class Ioapic implements IoHandler {
  declare readonly name: string;
  /** Told of each line that changes, whether or not the machine is traced. */
  onLine: ((line: number, level: boolean) => void) | undefined;
  private select = 0;
  private id = 0;
  private irr = 0;
  private levels = 0;
  declare private readonly low: Uint32Array;
  declare private readonly high: Uint32Array;

  /**
   * @param firstLine number of pin 0 among the machine's lines (24 for a second IOAPIC), for traces.
   * @param send writes a message on the bus: to the local APIC.
   */
  constructor(
    name: string,
    readonly firstLine: number,
    private readonly trace: TraceSink,
    private readonly send: (address: number, data: number) => void,
  ) {
    this.name = name;
    this.low = new Uint32Array(IOAPIC_PINS).fill(MASKED);
    this.high = new Uint32Array(IOAPIC_PINS);
  }

  /** The input of a pin, for a device. ISA interrupt 0 arrives at pin 2, as in QEMU. */
  line(pin: number, dev?: string): IrqLine {
    return { set: (level) => this.setPin(pin, level, dev) };
  }

  /** Asserts or releases a pin. */
  setPin(input: number, level: boolean, dev?: string): void {
    const pin = input === 0 ? 2 : input;
    const bit = 1 << pin;
    const changed = ((this.levels & bit) !== 0) !== level;
    this.levels = level ? this.levels | bit : this.levels & ~bit;
    if (changed) this.onLine?.(this.firstLine + pin, level);
    if (changed && this.trace.on) {
      this.trace.emit({ ev: "irq_line", line: this.firstLine + pin, level, dev });
      this.trace.emit({
        ev: "qemu",
        name: "ioapic_set_irq",
        text: `vector: ${input} level: ${level ? 1 : 0}`,
      });
    }
    const entry = this.low[pin];
    if ((entry & LEVEL) !== 0) {
      if (!level) {
        this.irr &= ~bit;
        return;
      }
      this.irr |= bit;
      if ((entry & REMOTE_IRR) === 0) this.service();
    } else if (level && (entry & MASKED) === 0) {
      // Each request counts, also one on a line that is still asserted: QEMU's devices request again and again.
      this.irr |= bit;
      this.service();
    }
  }

  /** Whether a pin is asserted. */
  level(pin: number): boolean {
    return (this.levels & (1 << pin)) !== 0;
  }

  /** The local APIC has ended a level-triggered vector. */
  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      const entry = this.low[pin];
      if ((entry & 0xff) !== vector || (entry & LEVEL) === 0 || (entry & REMOTE_IRR) === 0) continue;
      this.low[pin] = entry & ~REMOTE_IRR;
      this.qemu("ioapic_clear_remote_irr", () => `clear remote irr for pin ${pin} vector ${vector}`);
      if ((entry & MASKED) === 0 && (this.irr & (1 << pin)) !== 0) this.service();
    }
  }

  read(offset: number, width: number): number {
    const value = this.readRegister(offset, width);
    this.qemu("ioapic_mem_read", () => this.access("read", offset, width) + ` retval ${hex(value)}`);
    return value;
  }
  private access(what: string, offset: number, width: number): string {
    return `ioapic mem ${what} addr ${hex(offset & 0xff)} regsel: ${hex(this.select)} size ${hex(width)}`;
  }
  private readRegister(offset: number, width: number): number {
    if ((offset & 0xff) === 0) return this.select;
    if ((offset & 0xff) !== 0x10 || width !== 4) return 0;
    switch (this.select) {
      case 0:
      case 2:
        return this.id << 24;
      case 1:
        return VERSION | (IOAPIC_PINS - 1) << 16;
    }
    const pin = (this.select - REDIRECTION) >> 1;
    if (pin < 0 || pin >= IOAPIC_PINS) return 0;
    return (this.select & 1) !== 0 ? this.high[pin] : this.low[pin];
  }

  write(offset: number, width: number, value: number): void {
    this.qemu("ioapic_mem_write", () => this.access("write", offset, width) + ` val ${hex(value)}`);
    switch (offset & 0xff) {
      case 0:
        this.select = value & 0xff;
        break;
      case 0x10:
        if (width === 4) this.writeSelected(value);
        break;
      case 0x40:
        if (width === 4) this.endOfInterrupt(value & 0xff);
    }
  }

  regName(offset: number): string | undefined {
    switch (offset & 0xff) {
      case 0:
        return "IOREGSEL";
      case 0x10: {
        const pin = (this.select - REDIRECTION) >> 1;
        if (pin >= 0 && pin < IOAPIC_PINS) return `REDIR${pin}_${this.select & 1 ? "HIGH" : "LOW"}`;
        return ["ID", "VERSION", "ARB"][this.select] ?? "IOWIN";
      }
      case 0x40:
        return "EOI";
    }
    return undefined;
  }

  private writeSelected(value: number): void {
    if (this.select === 0) {
      this.id = (value >>> 24) & 0xf;
      return;
    }
    const pin = (this.select - REDIRECTION) >> 1;
    if (pin < 0 || pin >= IOAPIC_PINS) return;
    if ((this.select & 1) !== 0) {
      this.high[pin] = value;
    } else {
      this.low[pin] = (value & WRITABLE) | (this.low[pin] & READ_ONLY);
      // A pin made edge-triggered forgets its remote IRR: guests end an interrupt by hand this way.
      if ((value & LEVEL) === 0) this.low[pin] &= ~REMOTE_IRR;
    }
    this.service();
  }

  private service(): void {
    for (let pin = 0; pin < IOAPIC_PINS; pin++) {
      const bit = 1 << pin;
      const entry = this.low[pin];
      if ((this.irr & bit) === 0 || (entry & MASKED) !== 0) continue;
      if ((entry & LEVEL) === 0) {
        this.irr &= ~bit;
      } else {
        if ((entry & REMOTE_IRR) !== 0) continue;
        this.low[pin] = entry | REMOTE_IRR;
        this.qemu("ioapic_set_remote_irr", () => `set remote irr for pin ${pin}`);
      }
      const logical = (entry & 0x800) !== 0 ? 4 : 0;
      const dest = this.high[pin] >>> 24;
      this.send(LAPIC_BASE + dest * 0x1000 + logical, entry & (0xff | 0x700 | LEVEL));
    }
  }

  private qemu(name: string, text: () => string): void {
    if (this.trace.on) this.trace.emit({ ev: "qemu", name, text: text() });
  }
}

const hex = (n: number) => "0x" + (n >>> 0).toString(16);
