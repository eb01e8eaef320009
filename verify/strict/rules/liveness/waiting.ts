import { Avail } from "../../../../spec/virtio/split.ts";
import type { RingPart } from "../../events.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Scene, Watcher } from "../../rule.ts";
import { IoApics } from "../basic/_io_apic.ts";
import { MsixTables } from "../pci/_msix_table.ts";
import { together } from "../memory/support.ts";
import { Taken } from "./taken.ts";

/** What is known of a queue besides the model. Counts as `RingModel.published`. */
export interface QueueProgress {
  /** Chains that had been published when the device was notified last. */
  told: number;
  /** Virtual nanoseconds; undefined: not notified. */
  notifiedAt: number | undefined;
  /** The chain that was published last is for the device to fill. */
  receives: boolean;
  /** Most chains that were in flight at once. */
  most: number;
  /** Descriptors, or entries of the available ring, were written since something was published. */
  filled: boolean;
}

/** Who waits for what, followed while the machine runs; `waitForGraph` shows it. */
export class Waiting {
  readonly tasks = new Map<string, { state: string; on: string; since: number }>();
  /** Lines that are asserted, and whose they are. */
  readonly lines = new Map<number, { device: DeviceModel | undefined; since: number }>();
  readonly apics = new IoApics();
  readonly tables = new MsixTables();
  readonly taken = new Taken();
  /** Chains that a device held when it, or the queue, was reset. */
  readonly dropped = new Map<QueueModel, number>();
  private readonly queues = new Map<QueueModel, QueueProgress>();

  constructor(readonly scene: Scene) {}

  get machine(): MachineModel {
    return this.scene.machine;
  }
  progress(queue: QueueModel): QueueProgress {
    let p = this.queues.get(queue);
    if (p === undefined) {
      this.queues.set(queue, p = { told: 0, notifiedAt: undefined, receives: false, most: 0, filled: false });
    }
    return p;
  }

  /** A watcher that follows the machine, and does what `more` says after that. */
  watcher(more: Watcher = {}): Watcher {
    const { machine } = this;
    return together(
      {
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
        queueEnabled: (queue) => {
          this.queues.delete(queue);
          this.dropped.delete(queue);
        },
        queueStopped: (queue) => {
          const held = queue.ring?.inFlight.size ?? 0;
          if (held > 0) this.dropped.set(queue, held);
        },
        published: (queue, chain) => {
          const p = this.progress(queue);
          p.filled = false;
          p.receives = chain.segments.every((s) => s.writable);
          p.most = Math.max(p.most, queue.ring!.inFlight.size);
        },
        write: ({ part }) => {
          if (part !== undefined && (part.area === "desc" || isEntry(part))) {
            this.progress(part.queue).filled = true;
          }
        },
        notified: (_device, queue) => {
          if (queue?.ring === undefined) return;
          const p = this.progress(queue);
          p.told = queue.ring.published;
          p.notifiedAt = machine.time;
        },
      },
      this.taken.watcher,
      more,
    );
  }
}

/** Whether this is an entry of the available ring; what is behind the entries says when interrupts are wanted. */
function isEntry(part: RingPart): boolean {
  const { ring } = part.queue;
  return part.area === "driver" && ring?.kind === "split" && part.offset >= Avail.RING &&
    part.offset < Avail.RING + 2 * ring.size;
}
