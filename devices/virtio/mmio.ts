import type { IoHandler, IrqLine, MachineContext } from "../bus.ts";
import { F, featureWord } from "../../spec/virtio/features.ts";
import { LegacyMmioReg, MMIO_MAGIC, MmioReg as R } from "../../spec/virtio/mmio.ts";
import { DeviceStatus } from "../../spec/virtio/status.ts";
import { readAligned, writeAligned } from "./aligned.ts";
import { MAX_QUEUE_SIZE, MAX_QUEUES, type VirtioDevice, type VirtioFrontEnd } from "./device.ts";
import { LegacyMmioQueues } from "./mmio_legacy.ts";
import { QueueRegisterFile } from "./queue_registers.ts";

/** "QEMU", little-endian. */
const VENDOR = 0x554d_4551;
/** Bytes of the window of one transport. */
export const MMIO_WINDOW = 0x200;
const namesOf = (registers: Record<string, number>): Map<number, string> =>
  new Map(Object.entries(registers).map(([name, at]) => [at, name.toLowerCase()]));
const NAMES = namesOf(R);
const LEGACY_NAMES = namesOf(LegacyMmioReg);

/**
 * A virtio-mmio transport (virtio 1.4, 4.2), with or without a device, as QEMU 7.2's: registers answer 32-bit accesses
 * only; other widths read 0 and write nothing outside the configuration. The line shows whether any ISR bit is set.
 *
 * With `legacy` (QEMU's default, `virtio-mmio.force-legacy=on`) it is version 1 (virtio 1.4, 4.2.4), for drivers of before
 * virtio 1.0 only.
 */
export class VirtioMmio implements IoHandler, VirtioFrontEnd {
  /** The interrupt line. Set by the machine. */
  irq: IrqLine | undefined;
  private deviceFeatureSelect = 0;
  private driverFeatureSelect = 0;
  private readonly driverFeatures = [0, 0];
  private queues: QueueRegisterFile | undefined;
  private legacyQueues: LegacyMmioQueues | undefined;
  private plugged: VirtioDevice | undefined;
  private level = false;

  constructor(readonly name: string, readonly legacy: boolean, private readonly ctx: MachineContext) {}

  /** The device behind this transport; undefined: an empty slot, device id 0. */
  get device(): VirtioDevice | undefined {
    return this.plugged;
  }
  /** Plugs a device in. */
  plug(device: VirtioDevice): void {
    if (this.plugged !== undefined) {
      throw new Error(`${this.name} has ${this.plugged.name}, no place for ${device.name}`);
    }
    this.plugged = device;
    this.queues = new QueueRegisterFile(device);
    device.frontEnd = this;
    if (this.legacy) this.legacyQueues = new LegacyMmioQueues(device);
    else device.hostFeatures |= F.VERSION_1;
  }

  interrupt(_vector: number): void {
    // From a device that cannot go on nothing comes, also not that its line falls: only a reset does that (QEMU's
    // virtio_notify_vector).
    if (this.plugged?.broken || this.plugged?.disabled) return;
    const level = this.plugged !== undefined && this.plugged.isr !== 0;
    if (level === this.level) return;
    this.level = level;
    this.irq?.set(level);
  }
  /** Power on again. */
  reset(): void {
    this.plugged?.reset();
    this.queues?.reset();
    this.legacyQueues?.reset();
    this.deviceFeatureSelect = this.driverFeatureSelect = 0;
    this.driverFeatures.fill(0);
  }

  read(offset: number, width: number): number {
    return readAligned(offset, width, this.readRegister);
  }
  write(offset: number, width: number, value: number): void {
    writeAligned(offset, width, value, this.writeRegister);
  }
  regName(offset: number): string | undefined {
    if (offset >= R.CONFIG) return `config+${offset - R.CONFIG}`;
    return NAMES.get(offset) ?? (this.legacy ? LEGACY_NAMES.get(offset) : undefined);
  }

  private readonly readRegister = (offset: number, width: number): number => {
    const d = this.plugged;
    if (offset === R.MAGIC_VALUE && (width === 4 || d === undefined)) return MMIO_MAGIC % 2 ** (8 * width);
    if (d === undefined) {
      const value = offset === R.VERSION ? this.version : offset === R.VENDOR_ID ? VENDOR : 0;
      return value % 2 ** (8 * width);
    }
    if (offset >= R.CONFIG) return d.configRead(offset - R.CONFIG, width);
    if (width !== 4) return 0;
    switch (offset) {
      case R.VERSION:
        return this.version;
      case R.DEVICE_ID:
        return d.id;
      case R.VENDOR_ID:
        return VENDOR;
      case R.DEVICE_FEATURES:
        if (this.legacy) return this.deviceFeatureSelect ? 0 : featureWord(d.hostFeatures, 0);
        return featureWord(d.hostFeatures & ~d.legacyFeatures, this.deviceFeatureSelect);
      case R.QUEUE_NUM_MAX:
        return d.queues[d.queueSelect] === undefined ? 0 : MAX_QUEUE_SIZE;
      case LegacyMmioReg.QUEUE_PFN:
        return this.legacyQueues?.page ?? 0;
      case R.QUEUE_READY:
        return this.legacy ? 0 : this.queues!.selected.enabled;
      case R.INTERRUPT_STATUS:
        return d.isr;
      case R.STATUS:
        return d.status;
      case R.SHM_LEN_LOW:
      case R.SHM_LEN_HIGH:
        // No shared memory region (virtio 1.4, 4.2.2.1).
        return 0xffff_ffff;
      case R.CONFIG_GENERATION:
        return this.legacy ? 0 : d.generation;
      default:
        return 0;
    }
  };
  private readonly writeRegister = (offset: number, width: number, value: number): void => {
    const d = this.plugged;
    if (d === undefined) return;
    if (offset >= R.CONFIG) return d.configWrite(offset - R.CONFIG, width, value);
    if (width !== 4) return;
    switch (offset) {
      case R.DEVICE_FEATURES_SEL:
        this.deviceFeatureSelect = value ? 1 : 0;
        return;
      case R.DRIVER_FEATURES_SEL:
        this.driverFeatureSelect = value ? 1 : 0;
        return;
      case R.QUEUE_SEL:
        return this.queues!.select(value);
      case R.INTERRUPT_ACK:
        d.isr &= ~value;
        return this.interrupt(0);
      case R.STATUS:
        return this.writeStatus(d, value & 0xff);
      case R.QUEUE_NOTIFY:
        return this.notify(d, value);
      default:
        if (this.legacy) this.writeLegacy(d, offset, value);
        else this.writeModern(d, offset, value);
    }
  };

  private get version(): number {
    return this.legacy ? 1 : 2;
  }
  private writeStatus(d: VirtioDevice, status: number): void {
    if (!this.legacy && (status & DeviceStatus.FEATURES_OK) !== 0) {
      d.setFeatures((BigInt(this.driverFeatures[1]) << 32n) | BigInt(this.driverFeatures[0]));
    }
    d.setStatus(status);
    if (d.status === 0) {
      d.reset();
      // As in QEMU, a driver finds what it wrote for its queues before.
      this.queues!.disable();
    }
  }
  private writeModern(d: VirtioDevice, offset: number, value: number): void {
    const queues = this.queues!;
    switch (offset) {
      case R.DRIVER_FEATURES:
        this.driverFeatures[this.driverFeatureSelect] = value;
        return;
      case R.QUEUE_NUM:
        return queues.setNum(value);
      case R.QUEUE_READY:
        if (value !== 0) queues.enable();
        else queues.selected.enabled = 0;
        return;
      case R.QUEUE_RESET:
        // QEMU 7.2 has no such register here; the specification does (virtio 1.4, 4.2.2).
        if (value !== 1 || !d.negotiated(F.RING_RESET)) return;
        d.resetQueue(d.queueSelect);
        queues.selected.enabled = 0;
        return;
      case R.QUEUE_DESC_LOW:
      case R.QUEUE_DESC_HIGH:
      case R.QUEUE_DRIVER_LOW:
      case R.QUEUE_DRIVER_HIGH:
      case R.QUEUE_DEVICE_LOW:
      case R.QUEUE_DEVICE_HIGH:
        queues.selected.areas[((offset - R.QUEUE_DESC_LOW) >> 4) * 2 + ((offset & 4) >> 2)] = value;
        return;
    }
  }
  private writeLegacy(d: VirtioDevice, offset: number, value: number): void {
    if (offset !== R.DRIVER_FEATURES) this.legacyQueues?.write(offset, value);
    else if (this.driverFeatureSelect === 0) d.setFeatures(BigInt(value));
  }
  private notify(d: VirtioDevice, value: number): void {
    // With NOTIFICATION_DATA the upper half says how far the driver is (virtio 1.4, 4.2.3.3).
    const queue = d.negotiated(F.NOTIFICATION_DATA) ? value & 0xffff : value;
    if (queue >= MAX_QUEUES) return;
    if (this.ctx.trace.on) this.ctx.trace.emit({ ev: "notify", dev: d.name, queue, data: value });
    d.notifyQueue(queue);
  }
}
