import { IOAPIC_BASE } from "../machine/ioapic.ts";
import type { Qtest } from "./qtest.ts";

const INDEX = 0x00, DATA = 0x10, EOI = 0x40;
const LEVEL = 1 << 15, REMOTE_IRR = 1 << 14;
/** Any vector: it ends in the local APIC of a CPU that sleeps for ever. */
const VECTOR = 0x34;

/**
 * Looks at one line of an IOAPIC that QEMU does not report (it reports those of one device only): the real IOAPIC is
 * set up as if for a level-triggered line, and its remote IRR then says whether the line is up (82093AA, 3.2.4; the EOI
 * register is version 0x20's).
 */
export class LineProbe {
  constructor(private readonly qtest: Qtest, readonly pin: number) {
    qtest.send(`writel ${IOAPIC_BASE + INDEX} ${0x10 + 2 * pin}`);
    qtest.send(`writel ${IOAPIC_BASE + DATA} ${VECTOR | LEVEL}`);
  }
  /** Whether the line is up now. Two round trips. */
  up(): boolean {
    this.qtest.send(`writel ${IOAPIC_BASE + EOI} ${VECTOR}`);
    return (this.qtest.sendForNumber(`readl ${IOAPIC_BASE + DATA}`) & REMOTE_IRR) !== 0;
  }
}
