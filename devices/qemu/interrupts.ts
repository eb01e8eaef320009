import type { TraceSink } from "../../spec/trace.ts";
import { AddressSpace } from "../bus.ts";
import { Ioapic, IOAPIC2_BASE, IOAPIC_BASE, IOAPIC_PINS, IOAPIC_SIZE } from "../machine/ioapic.ts";
import { Lapic, LAPIC_BASE, LAPIC_SIZE } from "../machine/lapic.ts";

/**
 * The interrupt controllers of a machine whose CPU is parked: ours stand where QEMU's are. QEMU tells us of its lines
 * as they change; from there on the guest's IOAPIC and local APIC decide.
 */
export class QemuInterrupts {
  readonly lapic: Lapic;
  readonly ioapics: Ioapic[] = [];
  /** The windows of the controllers: accesses to them never reach QEMU. */
  readonly windows = new AddressSpace();
  /** The IOAPIC whose lines QEMU reports: the last one. */
  private readonly reported: Ioapic;

  /** @param second whether the machine has microvm's second IOAPIC, where its virtio-mmio lines are. */
  constructor(private readonly trace: TraceSink, second: boolean) {
    this.lapic = new Lapic(trace, (vector) => {
      for (const ioapic of this.ioapics) ioapic.endOfInterrupt(vector);
    });
    this.windows.map(LAPIC_BASE, LAPIC_SIZE, this.lapic);
    const bases = second ? [IOAPIC_BASE, IOAPIC2_BASE] : [IOAPIC_BASE];
    for (const [i, base] of bases.entries()) {
      const name = `ioapic${i === 0 ? "" : i + 1}`;
      const ioapic = new Ioapic(name, i * IOAPIC_PINS, trace, (address, data) => {
        this.lapic.message(address, data);
      });
      this.ioapics.push(ioapic);
      this.windows.map(base, IOAPIC_SIZE, ioapic);
    }
    this.reported = this.ioapics.at(-1)!;
  }

  /**
   * A line of the reported IOAPIC changed. Pin 0 of the first one twitches with the timer and belongs to no device here;
   * on the second one it is a device's.
   */
  irq(pin: number, level: boolean): void {
    if ((pin > 0 || this.ioapics.length > 1) && pin < IOAPIC_PINS) this.reported.setPin(pin, level);
  }
}
