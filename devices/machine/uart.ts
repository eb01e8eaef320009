import { NO_TRACE, type TraceSink } from "../../spec/trace.ts";
import type { EventQueue } from "../events.ts";
import type { IoHandler, IrqLine } from "../bus.ts";
import type { Chardev, ChardevFrontend } from "../chardev.ts";

const FIFO_SIZE = 16;
const Ier = { DATA: 1, TRANSMIT: 2, LINE: 4, MODEM: 8 } as const;
const Iir = { NONE: 1, TRANSMIT: 2, DATA: 4, LINE: 6, TIMEOUT: 0x0c, FIFO: 0xc0 } as const;
const Lsr = { DATA: 1, OVERRUN: 2, ERRORS: 0x1e, THR_EMPTY: 0x20, EMPTY: 0x40 } as const;
const FCR_ENABLE = 1;
const MCR_LOOP = 0x10;
const LCR_DLAB = 0x80;
/** Four characters of 10 bits at 115200 baud: after so long without a read, less than the trigger level is told, too. */
const TIMEOUT = 347_222;

/**
 * A 16550A UART between a chardev and an interrupt line (QEMU's `isa-serial`): both FIFOs, divisor, trigger levels, all
 * interrupt sources but the modem's. What is sent leaves at once, so the transmitter is always empty when looked at.
 */
export class Uart implements IoHandler, ChardevFrontend {
  private ier = 0;
  private iir: number = Iir.NONE;
  private fcr = 0;
  private lcr = 0;
  private mcr = 8;
  private lsr: number = Lsr.THR_EMPTY | Lsr.EMPTY;
  private scratch = 0;
  private divisor = 12;
  private trigger = 1;
  /** The receiver buffer of a UART without FIFO. */
  private received = 0;
  private transmitPending = false;
  private timeoutPending = false;
  private cancelTimeout: (() => void) | undefined;
  declare private readonly fifo: number[];
  /** The byte being sent: one array for all, as a guest's log is thousands of them. */
  declare private readonly sent: Uint8Array;

  /** @param chardev the host's end; without one, what is sent is lost and nothing is received. */
  constructor(
    readonly name: string,
    private readonly irq: IrqLine,
    private readonly events: EventQueue,
    private readonly chardev: Chardev | undefined,
    private readonly trace: TraceSink = NO_TRACE,
  ) {
    this.fifo = [];
    this.sent = new Uint8Array(1);
    chardev?.attach(this);
  }

  canReceive(): number {
    if ((this.mcr & MCR_LOOP) !== 0) return 0;
    return (this.fcr & FCR_ENABLE) !== 0 ? FIFO_SIZE - this.fifo.length : 1 - this.fifo.length;
  }

  receive(bytes: Uint8Array): void {
    const fifo = (this.fcr & FCR_ENABLE) !== 0;
    for (const byte of bytes) {
      const full = this.fifo.length >= (fifo ? FIFO_SIZE : 1);
      if (full) this.lsr |= Lsr.OVERRUN;
      // An overrun leaves the FIFO as it is; without FIFO the new character takes the old one's place.
      if (!fifo) {
        this.fifo.length = 0;
        this.received = byte;
      }
      if (!full || !fifo) this.fifo.push(byte);
    }
    if (this.fifo.length > 0) {
      this.lsr |= Lsr.DATA;
      this.startTimeout();
    }
    this.update();
  }

  read(offset: number, width: number): number {
    // Registers are bytes: a wider access is so many byte accesses.
    let value = 0;
    for (let i = 0; i < width; i++) {
      const at = (offset + i) & 7;
      const byte = this.readByte(at);
      if (this.trace.on) this.record("read", at, byte);
      value |= byte << (8 * i);
    }
    return value >>> 0;
  }

  write(offset: number, width: number, value: number): void {
    for (let i = 0; i < width; i++) {
      const at = (offset + i) & 7;
      const byte = (value >>> (8 * i)) & 0xff;
      if (this.trace.on) this.record("write", at, byte);
      this.writeByte(at, byte);
    }
  }

  private record(what: "read" | "write", at: number, byte: number): void {
    const two = (n: number) => n.toString(16).padStart(2, "0");
    this.trace.emit({
      ev: "qemu",
      name: `serial_${what}`,
      text: `${what} addr 0x${two(at)} val 0x${two(byte)}`,
    });
  }

  regName(offset: number): string | undefined {
    if ((this.lcr & LCR_DLAB) !== 0 && offset < 2) return ["DLL", "DLM"][offset];
    return ["RBR/THR", "IER", "IIR/FCR", "LCR", "MCR", "LSR", "MSR", "SCR"][offset];
  }

  private readByte(offset: number): number {
    switch (offset) {
      case 0:
        return (this.lcr & LCR_DLAB) !== 0 ? this.divisor & 0xff : this.readData();
      case 1:
        return (this.lcr & LCR_DLAB) !== 0 ? this.divisor >> 8 : this.ier;
      case 2: {
        const iir = this.iir;
        if ((iir & 0xf) === Iir.TRANSMIT) {
          this.transmitPending = false;
          this.update();
        }
        return iir;
      }
      case 3:
        return this.lcr;
      case 4:
        return this.mcr;
      case 5: {
        const lsr = this.lsr;
        this.lsr &= ~Lsr.OVERRUN;
        if (lsr !== this.lsr) this.update();
        return lsr;
      }
      case 6:
        return this.modemStatus();
      default:
        return this.scratch;
    }
  }

  /** Carrier, data set ready, clear to send; in loop back, what the modem control register says. */
  private modemStatus(): number {
    if ((this.mcr & MCR_LOOP) === 0) return 0xb0;
    return (this.mcr & 0x0c) << 4 | (this.mcr & 2) << 3 | (this.mcr & 1) << 5;
  }

  private readData(): number {
    // Without FIFO there is always a character to read, the last one.
    const byte = this.fifo.shift() ?? ((this.fcr & FCR_ENABLE) !== 0 ? 0 : this.received);
    if (this.fifo.length === 0) this.lsr &= ~Lsr.DATA;
    else this.startTimeout();
    this.timeoutPending = false;
    this.update();
    if ((this.mcr & MCR_LOOP) === 0) this.chardev?.acceptInput();
    return byte;
  }

  private writeByte(offset: number, value: number): void {
    switch (offset) {
      case 0:
        if ((this.lcr & LCR_DLAB) !== 0) this.divisor = (this.divisor & 0xff00) | value;
        else this.transmit(value);
        break;
      case 1:
        if ((this.lcr & LCR_DLAB) !== 0) {
          this.divisor = (this.divisor & 0xff) | value << 8;
        } else {
          const newly = value & ~this.ier & Ier.TRANSMIT;
          this.ier = value & 0xf;
          if (newly !== 0) this.transmitPending = true;
          this.update();
        }
        break;
      case 2:
        this.writeFifoControl(value);
        break;
      case 3:
        this.lcr = value;
        break;
      case 4:
        this.mcr = value & 0x1f;
        if ((value & MCR_LOOP) === 0) this.chardev?.acceptInput();
        break;
      case 7:
        this.scratch = value;
    }
  }

  private transmit(byte: number): void {
    const sent = this.sent;
    sent[0] = byte;
    if ((this.mcr & MCR_LOOP) !== 0) this.receive(sent);
    else this.chardev?.write(sent);
    this.transmitPending = true;
    this.update();
  }

  private writeFifoControl(value: number): void {
    const changed = ((value ^ this.fcr) & FCR_ENABLE) !== 0;
    if (changed || (value & 2) !== 0) {
      this.fifo.length = 0;
      this.lsr &= ~Lsr.DATA;
      this.timeoutPending = false;
      this.cancelTimeout?.();
    }
    this.fcr = value & 0xc9;
    this.trigger = (value & FCR_ENABLE) !== 0 ? [1, 4, 8, 14][value >> 6] : 1;
    this.update();
    if (this.canReceive() > 0) this.chardev?.acceptInput();
  }

  private startTimeout(): void {
    this.cancelTimeout?.();
    this.cancelTimeout = undefined;
    if ((this.fcr & FCR_ENABLE) === 0) return;
    this.cancelTimeout = this.events.schedule(TIMEOUT, () => {
      this.cancelTimeout = undefined;
      if (this.fifo.length === 0) return;
      this.timeoutPending = true;
      this.update();
    });
  }

  /** The highest of the causes becomes IIR, and the line follows (16550, "Interrupt Identification Register"). */
  private update(): void {
    let cause: number = Iir.NONE;
    if ((this.ier & Ier.LINE) !== 0 && (this.lsr & Lsr.ERRORS) !== 0) cause = Iir.LINE;
    else if ((this.ier & Ier.DATA) !== 0 && this.timeoutPending) cause = Iir.TIMEOUT;
    else if ((this.ier & Ier.DATA) !== 0 && this.fifo.length >= this.trigger) cause = Iir.DATA;
    else if ((this.ier & Ier.TRANSMIT) !== 0 && this.transmitPending) cause = Iir.TRANSMIT;
    this.iir = cause | ((this.fcr & FCR_ENABLE) !== 0 ? Iir.FIFO : 0);
    this.irq.set(cause !== Iir.NONE);
  }
}
