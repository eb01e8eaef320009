import type { IoHandler } from "../bus.ts";
import type { TraceSink } from "../../spec/trace.ts";

/** Where the local APIC's registers lie, and where messages that raise vectors are written to. */
export const LAPIC_BASE = 0xfee0_0000;
/** Bytes of the window: 4 KiB of registers, the rest takes messages only (PCI 3.0, 6.8; Intel SDM 3A, 11.11). */
export const LAPIC_SIZE = 0x10_0000;

const SVR_ENABLE = 0x100;
const REGISTERS: Record<number, string> = {
  0x02: "ID",
  0x03: "VERSION",
  0x08: "TPR",
  0x0a: "PPR",
  0x0b: "EOI",
  0x0d: "LDR",
  0x0e: "DFR",
  0x0f: "SVR",
  0x28: "ESR",
  0x30: "ICR_LOW",
  0x31: "ICR_HIGH",
};

/**
 * The local APIC of the one CPU, as QEMU models it: requests (IRR), those in service (ISR), task priority, EOI. A
 * level-triggered vector's end of interrupt is told to the IOAPICs. The timer is not modelled: its registers keep what is
 * written and never fire, as the guest's timers run on the platform's `idle(until)`.
 */
export class Lapic implements IoHandler {
  readonly name = "apic";
  declare private readonly irr: Uint32Array;
  declare private readonly isr: Uint32Array;
  declare private readonly tmr: Uint32Array;
  declare private readonly lvt: Uint32Array;
  declare private readonly icr: Uint32Array;
  private id = 0;
  private tpr = 0;
  private svr = 0xff;
  private logicalId = 0;
  private destFormat = 0xf;
  private esr = 0;
  private initialCount = 0;
  private divide = 0;

  /** @param onEoi told of the end of each level-triggered vector. */
  constructor(private readonly trace: TraceSink, private readonly onEoi: (vector: number) => void) {
    this.irr = new Uint32Array(8);
    this.isr = new Uint32Array(8);
    this.tmr = new Uint32Array(8);
    this.icr = new Uint32Array(2);
    this.lvt = new Uint32Array(6).fill(0x1_0000);
    // The boot CPU's LINT0 comes up as ExtINT (QEMU's apic_designate_bsp).
    this.lvt[3] = 0x700;
  }

  /** A message on the bus: from a device (MSI) or an IOAPIC. Without this CPU among its destinations it is lost. */
  message(address: number, data: number): void {
    const dest = (address >>> 12) & 0xff;
    const logical = (address & 4) !== 0;
    this.deliver(dest, logical, (data >>> 8) & 7, data & 0xff, (data & 0x8000) !== 0);
  }

  /** Whether a vector would be taken now. */
  pending(): boolean {
    return this.candidate() >= 0;
  }

  /** Moves the highest pending vector into service and returns it; -1 when none may be taken. */
  acknowledge(): number {
    const vector = this.candidate();
    if (vector < 0) return -1;
    clear(this.irr, vector);
    set(this.isr, vector);
    if (this.trace.on) this.trace.emit({ ev: "interrupt", vector });
    return vector;
  }

  read(offset: number, width: number): number {
    if (width < 4) return 0;
    const index = (offset >>> 4) & 0xff;
    switch (index) {
      case 0x02:
        return (this.id << 24) >>> 0;
      case 0x03:
        return 0x0005_0014;
      case 0x08:
        return this.tpr;
      case 0x0a:
        return this.priority();
      case 0x0d:
        return (this.logicalId << 24) >>> 0;
      case 0x0e:
        return ((this.destFormat << 28) | 0xfff_ffff) >>> 0;
      case 0x0f:
        return this.svr;
      case 0x28:
        return this.esr;
      case 0x30:
      case 0x31:
        return this.icr[index & 1];
      case 0x38:
        return this.initialCount;
      case 0x3e:
        return this.divide;
    }
    if (index >= 0x10 && index < 0x18) return this.isr[index & 7];
    if (index >= 0x18 && index < 0x20) return this.tmr[index & 7];
    if (index >= 0x20 && index < 0x28) return this.irr[index & 7];
    if (index >= 0x32 && index < 0x38) return this.lvt[index - 0x32];
    return 0;
  }

  write(offset: number, width: number, value: number): void {
    if (width < 4) return;
    const index = (offset >>> 4) & 0xff;
    // Register 0 and all beyond the first 4 KiB take messages: registers and messages share the address.
    if (offset > 0xfff || index === 0) return this.message(LAPIC_BASE + offset, value);
    switch (index) {
      case 0x02:
        this.id = value >>> 24;
        break;
      case 0x08:
        this.tpr = value & 0xff;
        break;
      case 0x0b:
        this.endOfInterrupt();
        break;
      case 0x0d:
        this.logicalId = value >>> 24;
        break;
      case 0x0e:
        this.destFormat = value >>> 28;
        break;
      case 0x0f:
        this.svr = value & 0x1ff;
        break;
      case 0x30:
        this.icr[0] = value;
        this.interprocessor(value);
        break;
      case 0x31:
        this.icr[1] = value;
        break;
      case 0x38:
        this.initialCount = value;
        break;
      case 0x3e:
        this.divide = value & 0xb;
        break;
      default:
        if (index >= 0x32 && index < 0x38) this.lvt[index - 0x32] = value;
    }
  }

  regName(offset: number): string | undefined {
    if (offset > 0xfff || offset < 0x10) return "MSI";
    const index = offset >>> 4;
    if (index >= 0x10 && index < 0x18) return `ISR${index & 7}`;
    if (index >= 0x18 && index < 0x20) return `TMR${index & 7}`;
    if (index >= 0x20 && index < 0x28) return `IRR${index & 7}`;
    return REGISTERS[index];
  }

  private endOfInterrupt(): void {
    const vector = highest(this.isr);
    if (vector < 0) return;
    clear(this.isr, vector);
    if (has(this.tmr, vector)) this.onEoi(vector);
  }

  private interprocessor(low: number): void {
    const shorthand = (low >>> 18) & 3;
    // "All but self" reaches nobody: there is one CPU.
    if (shorthand === 3) return;
    const dest = shorthand === 0 ? this.icr[1] >>> 24 : 0xff;
    this.deliver(
      dest,
      shorthand === 0 && (low & 0x800) !== 0,
      (low >>> 8) & 7,
      low & 0xff,
      (low & 0x8000) !== 0,
    );
  }

  private deliver(dest: number, logical: boolean, mode: number, vector: number, level: boolean): void {
    // Fixed and lowest priority are the same with one CPU; SMI, NMI, INIT and start-up mean nothing to this guest.
    if (mode > 1 || !(logical ? this.isLogicalDest(dest) : dest === 0xff || dest === this.id)) return;
    set(this.irr, vector);
    if (level) set(this.tmr, vector);
    else clear(this.tmr, vector);
  }

  private isLogicalDest(dest: number): boolean {
    if (this.destFormat === 0xf) return (dest & this.logicalId) !== 0;
    return (dest & 0xf0) === (this.logicalId & 0xf0) && (dest & this.logicalId & 0xf) !== 0;
  }

  /** The processor priority: the higher of the task's and of what is in service (Intel SDM 3A, 11.8.3.1). */
  private priority(): number {
    const service = Math.max(highest(this.isr), 0) & 0xf0;
    return (this.tpr & 0xf0) >= service ? this.tpr : service;
  }

  private candidate(): number {
    if ((this.svr & SVR_ENABLE) === 0) return -1;
    const vector = highest(this.irr);
    const priority = this.priority();
    // Vector 0 counts as none, as in QEMU.
    if (vector <= 0 || (priority !== 0 && (vector & 0xf0) <= (priority & 0xf0))) return -1;
    return vector;
  }
}

function highest(bits: Uint32Array): number {
  for (let i = 7; i >= 0; i--) if (bits[i] !== 0) return i * 32 + 31 - Math.clz32(bits[i]);
  return -1;
}
const set = (bits: Uint32Array, n: number) => bits[n >>> 5] |= 1 << (n & 31);
const clear = (bits: Uint32Array, n: number) => bits[n >>> 5] &= ~(1 << (n & 31));
const has = (bits: Uint32Array, n: number) => (bits[n >>> 5] & (1 << (n & 31))) !== 0;
