import { Msix, PciCapId, PciCfg, PciCommand } from "../../../spec/pci.ts";
import { CommonCfg as C, NO_VECTOR } from "../../../spec/virtio/pci.ts";
import { IsrBits } from "../../../spec/virtio/status.ts";
import { DriverError } from "./ground.ts";
import type { PciTransport } from "./pci.ts";

/** PIIX3 of QEMU's `pc`: PIRQRC[A:D] lead to IRQs 10, 11, 10, 11, as SeaBIOS sets them. */
const PIIX3_SLOT = 1, PIIX3_PIRQRC = 0x60, PIIX3_ROUTES = 0x0b0a_0b0a;

/** MSI-X, or INTx, of one function (PCI 3.0, 6.8; virtio 1.4, 4.1.5.1.2). */
export class PciInterrupts {
  private vectors: number[] = [];
  /** Offset of the MSI-X capability, address of its table, number of its entries; 0 without. */
  capability = 0;
  table = 0;
  size = 0;

  constructor(readonly transport: PciTransport) {
    const { fn } = transport;
    this.capability = fn.capabilities(PciCapId.MSIX)[0] ?? 0;
    if (this.capability === 0) return;
    const table = fn.read(this.capability + Msix.TABLE, 4);
    this.table = (fn.bars.get(table & 7) ?? 0) + (table & ~7);
    this.size = (fn.read(this.capability + Msix.CONTROL, 2) & 0x7ff) + 1;
  }

  open(queues: number, handler: (isr: number) => void): void {
    const { interruptKind } = this.transport;
    if (interruptKind === "msix") this.openMsix(queues, handler);
    else if (interruptKind === "line") this.openLine(handler);
  }

  openMsix(queues: number, handler: (isr: number) => void): void {
    if (this.capability === 0) throw new DriverError("the device has no MSI-X");
    this.control(Msix.ENABLE | Msix.FUNCTION_MASK);
    const entries = Math.min(this.size, 1 + queues);
    for (let entry = 0; entry < entries; entry++) {
      const reasons = this.reasonsOf(entry, entries);
      const vector = this.transport.ground.interrupts.allocateVector(
        `student ${entry}`,
        () => handler(reasons),
      );
      this.vectors.push(vector);
      this.program(entry, vector);
    }
    this.control(Msix.ENABLE);
    this.setConfigVector(0);
  }
  /** Entry 0 tells of the configuration, the others of queues; one entry alone tells of both. */
  reasonsOf(entry: number, entries: number): number {
    if (entries === 1) return IsrBits.CONFIG | IsrBits.QUEUE;
    return entry === 0 ? IsrBits.CONFIG : IsrBits.QUEUE;
  }
  control(bits: number): void {
    const { fn } = this.transport;
    const at = this.capability + Msix.CONTROL;
    fn.write(at, 2, fn.read(at, 2) & ~(Msix.ENABLE | Msix.FUNCTION_MASK) | bits);
  }
  /** Fills an entry of the table, and unmasks it. */
  program(entry: number, vector: number): void {
    const { address, data } = this.transport.ground.platform.msiMessage(vector);
    const at = this.table + Msix.ENTRY_SIZE * entry;
    this.transport.store(at, 4, address % 2 ** 32);
    this.transport.store(at + 4, 4, Math.floor(address / 2 ** 32));
    this.transport.store(at + 8, 4, data);
    this.unmask(at);
  }
  unmask(at: number): void {
    this.transport.store(at + 12, 4, 0);
  }
  setConfigVector(entry: number): void {
    this.transport.write(C.CONFIG_MSIX_VECTOR, 2, entry);
    this.check(C.CONFIG_MSIX_VECTOR);
  }
  /** Tells the device which entry belongs to the selected queue. */
  assign(queue: number): void {
    if (this.transport.interruptKind !== "msix") return;
    this.transport.write(C.QUEUE_MSIX_VECTOR, 2, this.entryOf(queue));
    this.check(C.QUEUE_MSIX_VECTOR);
  }
  entryOf(queue: number): number {
    return Math.min(1 + queue, this.vectors.length - 1);
  }
  /** The device answers with NO_VECTOR if it cannot. */
  check(register: number): void {
    if (this.transport.read(register, 2) === NO_VECTOR) {
      throw new DriverError("the device has no vector left");
    }
  }

  openLine(handler: (isr: number) => void): void {
    const { fn, ground } = this.transport;
    const line = this.line();
    // Level triggered, active low, and shared with other functions (PCI 3.0, 2.2.6).
    ground.interrupts.installLine(line, { trigger: "level", polarity: "low" }, "student", () => {
      const isr = this.transport.acknowledge();
      if (isr !== 0) handler(isr);
      return isr !== 0;
    });
    fn.write(PciCfg.COMMAND, 2, fn.read(PciCfg.COMMAND, 2) & ~PciCommand.INTX_DISABLE);
  }
  /** The IOAPIC pin: q35 turns PIRQ E to H by the slot, pc PIRQ A to D by the slot less one. */
  line(): number {
    const { fn, ground } = this.transport;
    const pin = fn.read(PciCfg.INTERRUPT_PIN, 1);
    if (ground.platform.machine === "q35") return 20 + (fn.slot + pin - 1) % 4;
    this.transport.functionAt(PIIX3_SLOT).write(PIIX3_PIRQRC, 4, PIIX3_ROUTES);
    return (PIIX3_ROUTES >>> (8 * ((fn.slot + pin - 2) & 3))) & 0xff;
  }

  close(): void {
    if (this.transport.interruptKind === "msix") this.control(0);
    for (const vector of this.vectors) this.transport.ground.interrupts.freeVector(vector);
    this.vectors = [];
    const { fn } = this.transport;
    fn.write(PciCfg.COMMAND, 2, fn.read(PciCfg.COMMAND, 2) | PciCommand.INTX_DISABLE);
  }
}
