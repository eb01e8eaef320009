import { hex } from "../../../../arch/addresses.ts";
import type { IoMemory } from "../../../../arch/io_memory.ts";
import { VirtioError } from "../../error.ts";
import type { NotifCfg, NotifCtrl, VqCfgHandler } from "../mod.ts";

/** The notification structure: queue `q` is notified at `queue_notify_off(q) * multiplier` (virtio 1.4, 4.1.4.4). */
export class PciNotifCfg implements NotifCfg {
  constructor(
    private readonly regs: IoMemory,
    private readonly multiplier: number,
    private readonly deviceName: string,
  ) {}

  notifCtrl(handler: VqCfgHandler): NotifCtrl {
    const offset = handler.notifOff() * this.multiplier;
    return new PciNotifCtrl(this.regs, offset, `${this.deviceName} queue ${handler.vqIndex}`);
  }
}

/** Writes a queue's notifications. */
class PciNotifCtrl implements NotifCtrl {
  declare private readonly regs: IoMemory;
  declare private readonly offset: number;
  declare private readonly queueName: string;
  declare private withData: boolean;

  constructor(regs: IoMemory, offset: number, queueName: string) {
    this.regs = regs;
    this.offset = offset;
    this.queueName = queueName;
    this.withData = false;
    this.check(2);
  }
  enableNotifData(): void {
    this.check(4);
    this.withData = true;
  }
  notifyDev(vqn: number, next: number): void {
    if (this.withData) this.regs.write(this.offset, 4, (next << 16 | vqn) >>> 0);
    else this.regs.write(this.offset, 2, vqn);
  }
  /** The notification must lie within the structure (virtio 1.4, 4.1.4.4.1). */
  private check(width: number): void {
    if (this.offset + width > this.regs.length) {
      throw new VirtioError(
        "NoNotifCfg",
        `${this.queueName}: its notification of ${width} bytes at ${
          hex(this.offset)
        } is outside the structure ` +
          `of ${hex(this.regs.length)}`,
      );
    }
  }
}
