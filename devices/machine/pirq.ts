import type { IrqLine } from "../bus.ts";

/**
 * The chipset's PCI interrupt routing: INTx lines of all slots come together on a few PIRQ lines (several devices on
 * one line are wired together: it is asserted while any of them asserts it), and the chipset leads each to a line of the
 * interrupt controller.
 */
export class PirqRouter {
  declare private readonly asserted: Int32Array;

  /**
   * @param count PIRQ lines: 4 on the PIIX3, 8 on the ICH9.
   * @param pirqOf which of them INTA to INTD (0 to 3) of a slot goes to.
   * @param changed called when a PIRQ line changes.
   */
  constructor(
    count: number,
    private readonly pirqOf: (slot: number, intx: number) => number,
    private readonly changed: (pirq: number) => void,
  ) {
    this.asserted = new Int32Array(count);
  }

  /** The line of a function, for INTA (0) to INTD (3). */
  line(slot: number, intx = 0): IrqLine {
    const pirq = this.pirqOf(slot, intx);
    let own = false;
    return {
      set: (level) => {
        if (level === own) return;
        own = level;
        this.asserted[pirq] += level ? 1 : -1;
        this.changed(pirq);
      },
    };
  }

  level(pirq: number): boolean {
    return this.asserted[pirq] > 0;
  }

  get count(): number {
    return this.asserted.length;
  }
}
