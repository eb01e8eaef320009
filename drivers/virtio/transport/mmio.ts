/** virtio over MMIO, version 2 (virtio 1.4, 4.2). */
import { hex, type PhysAddr } from "../../../arch/addresses.ts";
import type { IoMemory } from "../../../arch/io_memory.ts";
import { virtioIdName } from "../../../spec/virtio/ids.ts";
import { MmioReg } from "../../../spec/virtio/mmio.ts";
import type { DriverContext } from "../../context.ts";
import { findMmioDevices, type MmioDevice } from "../../mmio.ts";
import { VirtioError } from "../error.ts";
import { type ComCfgLayout, RegisterComCfg } from "./com_cfg.ts";
import { lineHandler, waitFor, WindowDevCfg } from "./common.ts";
import type {
  InterruptCapability,
  InterruptHandlers,
  IsrStatus,
  NotifCfg,
  NotifCtrl,
  UniCapsColl,
  VirtioDeviceLocation,
  VqCfgHandler,
} from "./mod.ts";

/** The transport of this build. */
export const TRANSPORT = "mmio" as "pci" | "mmio";

/** A virtio-mmio device that was found. */
class MmioVirtioLocation implements VirtioDeviceLocation {
  readonly deviceId: number;
  readonly name: string;
  constructor(readonly found: MmioDevice) {
    this.deviceId = found.deviceId;
    this.name = hex(found.slot.address);
  }
}

/** The devices at the windows of the command line, or at microvm's, in the order of addresses there. */
export function findDevices(ctx: DriverContext): VirtioDeviceLocation[] {
  return findMmioDevices(ctx).map((found) => new MmioVirtioLocation(found));
}

/** The registers of a device. */
export function mapDevice(location: VirtioDeviceLocation, ctx: DriverContext): UniCapsColl {
  if (!(location instanceof MmioVirtioLocation)) {
    throw new VirtioError("DevNotSupported", `${location.name} was not found by the MMIO transport`);
  }
  const { registers, slot, deviceId } = location.found;
  const name = `virtio-${virtioIdName(deviceId).toLowerCase()} at ${location.name}`;
  const comCfg = new MmioComCfg(registers, name);
  printInformation(registers, deviceId, ctx);
  const config = registers.sub(MmioReg.CONFIG, registers.length - MmioReg.CONFIG, `${name} device`);
  return {
    location,
    comCfg,
    notifCfg: new MmioNotifCfg(registers),
    devCfg: new WindowDevCfg(config, () => comCfg.configGeneration(), name),
    interrupt: new MmioInterrupt(registers, slot.irq, ctx),
  };
}

function printInformation(registers: IoMemory, deviceId: number, ctx: DriverContext): void {
  const { log } = ctx;
  const entry = (name: string, value: string) => log.info(`${`${name}:`.padEnd(25)}${value}`);
  const upper = (offset: number) => `0x${registers.read(offset, 4).toString(16).toUpperCase()}`;
  log.info("");
  log.info("================== MMIO REGISTER LAYOUT INFORMATION ==================");
  entry("Device version", upper(MmioReg.VERSION));
  entry("Device ID", virtioIdName(deviceId));
  entry("Vendor ID", upper(MmioReg.VENDOR_ID));
  entry("Interrupt status", upper(MmioReg.INTERRUPT_STATUS));
  entry("Device status", upper(MmioReg.STATUS));
  log.info("=".repeat(70));
  log.info("");
}

/** The registers that both transports have. QEMU's virtio-mmio devices have two feature words; others must not be selected. */
const LAYOUT: ComCfgLayout = {
  deviceFeatureSelect: MmioReg.DEVICE_FEATURES_SEL,
  deviceFeature: MmioReg.DEVICE_FEATURES,
  driverFeatureSelect: MmioReg.DRIVER_FEATURES_SEL,
  driverFeature: MmioReg.DRIVER_FEATURES,
  featureWords: 2,
  status: MmioReg.STATUS,
  generation: MmioReg.CONFIG_GENERATION,
  width: 4,
};

/** Status, features and queues as MMIO registers (virtio 1.4, 4.2.2). */
class MmioComCfg extends RegisterComCfg {
  constructor(regs: IoMemory, deviceName: string) {
    super(regs, deviceName, LAYOUT);
  }
  selectVq(index: number): VqCfgHandler | undefined {
    this.regs.write(MmioReg.QUEUE_SEL, 4, index);
    if (this.regs.read(MmioReg.QUEUE_NUM_MAX, 4) === 0) return undefined;
    return new MmioVqCfgHandler(this.regs, index, this.deviceName);
  }
}

/** One queue's registers. */
class MmioVqCfgHandler implements VqCfgHandler {
  constructor(
    private readonly regs: IoMemory,
    readonly vqIndex: number,
    private readonly deviceName: string,
  ) {}

  setVqSize(max: number): number {
    this.select();
    // Here the device says what it can, and the driver always says what it takes (virtio 1.4, 4.2.3.2).
    const size = Math.min(this.regs.read(MmioReg.QUEUE_NUM_MAX, 4), max);
    this.regs.write(MmioReg.QUEUE_NUM, 4, size);
    return size;
  }
  setRingAddr(addr: PhysAddr): void {
    this.select();
    this.regs.write64(MmioReg.QUEUE_DESC_LOW, addr);
  }
  setDrvCtrlAddr(addr: PhysAddr): void {
    this.select();
    this.regs.write64(MmioReg.QUEUE_DRIVER_LOW, addr);
  }
  setDevCtrlAddr(addr: PhysAddr): void {
    this.select();
    this.regs.write64(MmioReg.QUEUE_DEVICE_LOW, addr);
  }
  notifOff(): number {
    return this.vqIndex;
  }
  enableQueue(): void {
    this.select();
    this.regs.write(MmioReg.QUEUE_READY, 4, 1);
  }
  resetQueue(): void {
    this.select();
    this.regs.write(MmioReg.QUEUE_RESET, 4, 1);
    waitFor(
      this.regs.platform,
      () => this.regs.read(MmioReg.QUEUE_RESET, 4) === 0,
      () => `${this.deviceName}: queue ${this.vqIndex} did not finish its reset`,
    );
  }
  private select(): void {
    this.regs.write(MmioReg.QUEUE_SEL, 4, this.vqIndex);
  }
}

/** All queues are notified through one register (virtio 1.4, 4.2.2). */
class MmioNotifCfg implements NotifCfg {
  constructor(private readonly regs: IoMemory) {}
  notifCtrl(_handler: VqCfgHandler): NotifCtrl {
    return new MmioNotifCtrl(this.regs);
  }
}

class MmioNotifCtrl implements NotifCtrl {
  declare private readonly regs: IoMemory;
  declare private withData: boolean;
  constructor(regs: IoMemory) {
    this.regs = regs;
    this.withData = false;
  }
  enableNotifData(): void {
    this.withData = true;
  }
  notifyDev(vqn: number, next: number): void {
    this.regs.write(MmioReg.QUEUE_NOTIFY, 4, this.withData ? (next << 16 | vqn) >>> 0 : vqn);
  }
}

/** InterruptStatus and InterruptACK (virtio 1.4, 4.2.2). */
class MmioIsrStatus implements IsrStatus {
  constructor(private readonly regs: IoMemory) {}
  acknowledge(): number {
    const status = this.regs.read(MmioReg.INTERRUPT_STATUS, 4);
    if (status !== 0) this.regs.write(MmioReg.INTERRUPT_ACK, 4, status);
    return status;
  }
}

/** The device's line. QEMU's microvm describes it to ACPI as level triggered, active high. */
class MmioInterrupt implements InterruptCapability {
  readonly kind = "IsrStatus";
  constructor(
    private readonly regs: IoMemory,
    private readonly irq: number,
    private readonly ctx: DriverContext,
  ) {}
  connect(handlers: InterruptHandlers): void {
    const mode = { trigger: "level", polarity: "high" } as const;
    const isr = new MmioIsrStatus(this.regs);
    this.ctx.interrupts.installLine(this.irq, mode, handlers.name, lineHandler(isr, handlers));
    this.ctx.log.info(`Virtio interrupt handler at line ${this.irq}`);
  }
}
