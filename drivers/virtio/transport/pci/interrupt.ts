import type { IoMemory } from "../../../../arch/io_memory.ts";
import { PciCommand } from "../../../../spec/pci.ts";
import { NO_VECTOR } from "../../../../spec/virtio/pci.ts";
import type { DriverContext } from "../../../context.ts";
import type { PciDevice } from "../../../pci.ts";
import type { MsixTable } from "../../../pci/msix.ts";
import { VirtioError } from "../../error.ts";
import { lineHandler } from "../common.ts";
import type { InterruptCapability, InterruptHandlers, IsrStatus } from "../mod.ts";
import type { PciComCfg } from "./com_cfg.ts";

/** The ISR status: reading it acknowledges and lowers the line (virtio 1.4, 4.1.4.5). */
export class PciIsrStatus implements IsrStatus {
  constructor(private readonly regs: IoMemory) {}
  acknowledge(): number {
    return this.regs.read(0, 1);
  }
}

/** Table entries in the order of preference: one for each queue, one for all queues, one for everything. */
const LAYOUTS: readonly ((queue: number) => number)[] = [(queue) => 1 + queue, () => 1, () => 0];

/** MSI-X where the device has it and accepts vectors, else INTx. */
export class PciInterrupt implements InterruptCapability {
  kind: "Msix" | "IsrStatus";

  constructor(
    private readonly device: PciDevice,
    private readonly comCfg: PciComCfg,
    private readonly msix: MsixTable | undefined,
    private readonly isr: IsrStatus | undefined,
    private readonly ctx: DriverContext,
  ) {
    this.kind = msix === undefined ? "IsrStatus" : "Msix";
  }

  connect(handlers: InterruptHandlers): void {
    if (this.msix !== undefined) {
      if (this.connectMsix(this.msix, handlers)) {
        this.kind = "Msix";
        return;
      }
      this.ctx.log.warn(`${this.comCfg.deviceName}: refuses MSI-X vectors, falling back to its line`);
    }
    this.connectLine(handlers);
    this.kind = "IsrStatus";
  }

  /** Tries the layouts; nothing is registered before the device has accepted one. */
  private connectMsix(msix: MsixTable, handlers: InterruptHandlers): boolean {
    // Vectors are accepted only while MSI-X is on; the mask keeps half-written entries silent.
    msix.control(true, true);
    const { name, queues } = handlers;
    for (const entryOf of LAYOUTS) {
      const groups = new Map<number, (() => void)[]>([[0, [() => handlers.onConfig()]]]);
      queues.forEach((queue, i) => {
        const group = groups.get(entryOf(i)) ?? [];
        group.push(() => queue.onUsed());
        groups.set(entryOf(i), group);
      });
      if (groups.size > msix.size) continue;
      const accepted = this.comCfg.setConfigVector(0) &&
        queues.every((queue, i) => this.comCfg.setQueueVector(queue.index, entryOf(i)));
      if (!accepted) continue;
      for (const [entry, calls] of groups) {
        const label = groups.size === 1 ? name : `${name} ${entry === 0 ? "config" : "queue"}`;
        const vector = this.ctx.interrupts.allocateVector(label, () => calls.forEach((call) => call()));
        msix.configure(entry, this.ctx.platform.msiMessage(vector));
        this.ctx.log.debug(`Virtio ${label} interrupt handler at vector ${vector}`);
      }
      msix.control(true, false);
      return true;
    }
    this.comCfg.setConfigVector(NO_VECTOR);
    for (const queue of queues) this.comCfg.setQueueVector(queue.index, NO_VECTOR);
    msix.control(false, false);
    return false;
  }

  private connectLine(handlers: InterruptHandlers): void {
    const name = this.comCfg.deviceName;
    if (this.isr === undefined) {
      throw new VirtioError("NoIsrCfg", `${name}: has neither usable MSI-X vectors nor an ISR status`);
    }
    const line = this.device.interruptLine();
    if (line === undefined) {
      throw new VirtioError(
        "NoIsrCfg",
        `${name}: its INTx is not connected (pin ${this.device.interruptPin()})`,
      );
    }
    this.device.setCommand(this.device.command() & ~PciCommand.INTX_DISABLE);
    // PCI INTx is level triggered and active low; several functions may share the line (PCI 3.0, 2.2.6).
    const mode = { trigger: "level", polarity: "low" } as const;
    this.ctx.interrupts.installLine(line, mode, handlers.name, lineHandler(this.isr, handlers));
    this.ctx.log.info(`Virtio interrupt handler at line ${line}`);
  }
}
