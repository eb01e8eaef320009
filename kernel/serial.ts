import type { Platform } from "../arch/platform.ts";
import type { ConsoleDevice } from "./console.ts";

/** COM1, a 16550 UART (as Hermit's `arch/x86_64/kernel/serial.rs`): the early console, before a virtio console is up. */
const COM1 = 0x3f8;
/** COM1's interrupt line (ISA IRQ 4). */
export const COM1_IRQ = 4;
const DATA = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCRATCH = 7;
/** Bytes of a 16550's transmit FIFO. */
const FIFO_SIZE = 16;
const LSR_DATA_READY = 0x01, LSR_THR_EMPTY = 0x20;

/** The serial port as a console device. Absent hardware (scratch register does not hold a value) swallows output. */
export class SerialPort implements ConsoleDevice {
  readonly name = "COM1";
  readonly present: boolean;
  onInput: (() => void) | undefined = undefined;

  constructor(private readonly platform: Platform) {
    platform.portWrite(COM1 + SCRATCH, 1, 0x5a);
    this.present = platform.portRead(COM1 + SCRATCH, 1) === 0x5a;
    if (!this.present) return;
    platform.portWrite(COM1 + IER, 1, 0);
    platform.portWrite(COM1 + LCR, 1, 0x80);
    platform.portWrite(COM1 + DATA, 1, 1);
    platform.portWrite(COM1 + IER, 1, 0);
    platform.portWrite(COM1 + LCR, 1, 0x03);
    platform.portWrite(COM1 + FCR, 1, 0x07);
    platform.portWrite(COM1 + MCR, 1, 0x0b);
  }

  /** Lets received bytes raise IRQ 4. */
  enableInterrupts(): void {
    if (this.present) this.platform.portWrite(COM1 + IER, 1, 0x01);
  }
  /** The interrupt handler; false when the UART has nothing to say. */
  handleInterrupt(): boolean {
    if (!this.readReady()) return false;
    this.onInput?.();
    return true;
  }
  readReady(): boolean {
    return this.present && (this.platform.portRead(COM1 + LSR, 1) & LSR_DATA_READY) !== 0;
  }
  read(target: Uint8Array): number {
    let n = 0;
    while (n < target.length && this.readReady()) target[n++] = this.platform.portRead(COM1 + DATA, 1);
    return n;
  }
  write(bytes: Uint8Array): number {
    if (!this.present) return bytes.length;
    for (let i = 0; i < bytes.length; i++) {
      // An empty transmitter has room for a whole FIFO: one look for 16 bytes.
      if (i % FIFO_SIZE === 0) {
        while ((this.platform.portRead(COM1 + LSR, 1) & LSR_THR_EMPTY) === 0) this.platform.relax();
      }
      this.platform.portWrite(COM1 + DATA, 1, bytes[i]);
    }
    return bytes.length;
  }
  flush(): void {}
}
