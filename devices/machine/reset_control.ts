import type { IoHandler } from "../bus.ts";

/** The port of the reset control register: one byte, in the middle of the PCI address register. */
export const RESET_CONTROL_PORT = 0xcf9;
const RESET = 4;

/**
 * The reset control register (82371SB, 2.5.2; ICH9, 13.7.5): the kind of reset reads back. Asking for a reset does nothing:
 * a guest's machine is not started anew here.
 */
export class ResetControl implements IoHandler {
  readonly name = "reset-control";
  private value = 0;

  /**
   * @param kept bits that stay.
   * @param wide a wider access is one access, not so many of a byte (as QEMU's ICH9; its PIIX3 repeats the byte).
   */
  constructor(private readonly kept: number, private readonly wide: boolean) {}

  read(_offset: number, width: number): number {
    return this.wide ? this.value : this.value * [0, 1, 0x101, 0, 0x101_0101][width];
  }
  write(_offset: number, width: number, value: number): void {
    for (let i = 0; i < (this.wide ? 1 : width); i++) {
      const byte = (value >>> (8 * i)) & 0xff;
      if ((byte & RESET) === 0) this.value = byte & this.kept;
    }
  }
  regName(): string {
    return "RESET_CONTROL";
  }
}
