import type { DeviceModel } from "../../model/device.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Scene, Watcher } from "../../rule.ts";
import { IoApics } from "../basic/_io_apic.ts";
import { MsixTables } from "../pci/_msix_table.ts";
import { read16, together } from "../memory/support.ts";
import { PackedDesc } from "../../../../spec/virtio/packed.ts";

/** What is known of a queue besides the model. Counts as `RingModel.published`, `RingModel.used`. */
export interface QueueProgress {
  /** Chains that had been published when the device was notified last. */
  told: number;
  /** Used buffers that the driver has seen. */
  seen: number;
  /** Virtual nanoseconds; undefined: not notified. */
  notifiedAt: number | undefined;
}

/** Who waits for what, followed while the machine runs; `waitForGraph` shows it. */
export class Waiting {
  readonly tasks = new Map<string, { state: string; on: string; since: number }>();
  /** Lines that are asserted, and whose they are. */
  readonly lines = new Map<number, { device: DeviceModel | undefined; since: number }>();
  readonly apics = new IoApics();
  readonly tables = new MsixTables();
  private readonly queues = new Map<QueueModel, QueueProgress>();

  constructor(private readonly scene: Scene) {}

  get machine(): MachineModel {
    return this.scene.machine;
  }
  progress(queue: QueueModel): QueueProgress {
    let p = this.queues.get(queue);
    if (p === undefined) this.queues.set(queue, p = { told: 0, seen: 0, notifiedAt: undefined });
    return p;
  }

  /** A watcher that follows the machine, and does what `more` says after that. */
  watcher(more: Watcher = {}): Watcher {
    const { machine } = this;
    return together({
      foreign: (access) => this.apics.foreign(access, () => []),
      access: (access) => this.tables.access(access),
      task: (name, state, on) => {
        if (state === "running" || state === "waiting") {
          this.tasks.set(name, { state, on: on ?? "", since: machine.time });
        } else this.tasks.delete(name);
      },
      line: (device, line, level) => {
        if (level) this.lines.set(line, { device, since: machine.time });
        else this.lines.delete(line);
      },
      queueEnabled: (queue) => void this.queues.delete(queue),
      notified: (_device, queue) => {
        if (queue?.ring === undefined) return;
        const p = this.progress(queue);
        p.told = queue.ring.published;
        p.notifiedAt = machine.time;
      },
      read: (read) => {
        const queue = read.part?.queue;
        const ring = queue?.ring;
        if (ring === undefined) return;
        if (ring.kind === "split") {
          const idx = read.part!.area === "device"
            ? read16(this.scene, read, ring.addressOf("usedIndex"))
            : undefined;
          if (idx !== undefined) {
            this.progress(queue!).seen = ring.used - ((ring.indices.used - idx) & 0xffff);
          }
        } else if (read.part!.area === "desc") {
          const at = ring.addressOf("descriptor", read.part!.offset >> 4) + PackedDesc.FLAGS;
          if (read16(this.scene, read, at) !== undefined) this.progress(queue!).seen = ring.used;
        }
      },
    }, more);
  }
}
