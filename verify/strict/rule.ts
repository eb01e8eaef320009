import type { Barrier } from "../../arch/device_memory.ts";
import type { LostWake } from "../../spec/trace.ts";
import type {
  Access,
  BufferView,
  ConfigAccess,
  DeviceWrite,
  DriverRead,
  DriverWrite,
  ForeignAccess,
} from "./events.ts";
import type { Evidence, Place } from "./report.ts";
import type { Chain } from "./model/chain.ts";
import type { DeviceModel } from "./model/device.ts";
import type { MachineModel } from "./model/machine.ts";
import type { QueueModel } from "./model/queue.ts";

/** How grave it is: a MUST was broken, a SHOULD was, or it is worth knowing. */
export type Level = "violation" | "warning" | "note";

/**
 * A rule that drivers (or devices) follow: which clauses it stands for, and how a machine is watched for it. One file, one
 * idea; `rules/mod.ts` lists them all.
 */
export interface Rule {
  /** In reports and on the command line: `split-entry-before-index`. Unique. */
  readonly id: string;
  /** Ids of `spec/clauses`. Empty for what is no rule of the specification (a leak). */
  readonly clauses: readonly string[];
  readonly level: Level;
  /** Where the specification says it: `virtio 1.4, 2.7.13.3`. */
  readonly section: string;
  /** The rule in a sentence of our own. */
  readonly title: string;
  /** What a driver's author looks at first. */
  readonly hint: string;
  /** Called once for each machine; what the watcher keeps is its own. */
  watch(scene: Scene): Watcher;
}

/** What a rule sees of a machine. */
export interface Scene {
  readonly machine: MachineModel;
  /** Says that the rule is broken, here and now. The same finding at the same place is counted, not repeated. */
  report(finding: Finding): void;
}

/** What was found. The engine adds rule, time, event number, and the place in the driver's code. */
export interface Finding {
  readonly device?: DeviceModel | undefined;
  readonly queue?: QueueModel | undefined;
  /** What was seen, with its numbers: `queue_size was written with 100`. */
  readonly found: string;
  /** What the rule wants here: `a power of two`. */
  readonly expected: string;
  /** Bytes or registers that show it. */
  readonly evidence?: readonly Evidence[];
  /** Where in the code, if it is not where the driver stands now (a chain was published earlier: `chain.place`). */
  readonly place?: Place | undefined;
}

/**
 * What a rule can listen to. `access`, `config`, `write` and `deviceWrite` come before the model takes the event in: the
 * model shows the state before it. All others come after.
 */
export interface Watcher {
  /** A register of a virtio device is read or written (PCI structures, MSI-X table, virtio-mmio). */
  access?(access: Access): void;
  /** An access outside RAM that leads to no virtio device: interrupt controllers, the UART, nothing. */
  foreign?(access: ForeignAccess): void;
  /** PCI configuration space of any function. */
  config?(access: ConfigAccess): void;
  /** The driver writes device-visible memory. The bytes are there already; `before` has the old ones of short writes. */
  write?(write: DriverWrite): void;
  /** The driver reads device-visible memory. */
  read?(read: DriverRead): void;
  /** A device writes memory (simulated machine only: what a real device writes is not seen, but `used` is). */
  deviceWrite?(write: DeviceWrite): void;
  barrier?(kind: Barrier): void;

  /** Status 0 was written. The model is fresh. */
  reset?(device: DeviceModel): void;
  /** FEATURES_OK was written: `device.accepted` is what the driver wants. */
  featuresOk?(device: DeviceModel): void;
  /** DRIVER_OK was written. */
  driverOk?(device: DeviceModel): void;
  /** A queue was enabled: addresses and size are known, `queue.ring` is there. */
  queueEnabled?(queue: QueueModel): void;
  /** A queue was disabled or reset; `queue.ring` still shows what was in flight. */
  queueStopped?(queue: QueueModel): void;
  /** A chain became visible to the device. */
  published?(queue: QueueModel, chain: Chain): void;
  /** Some chains became visible; all `published` of this write have been told. */
  publishedBatch?(queue: QueueModel, count: number): void;
  /** The device gave a chain back (undefined: it named one that was not in flight). */
  used?(queue: QueueModel, chain: Chain | undefined, id: number, written: number): void;
  /** The driver wrote a notification; `data` is the value written. `queue` undefined: the device has no such queue. */
  notified?(device: DeviceModel, queue: QueueModel | undefined, access: Access): void;

  /** A vector reached the CPU. */
  interrupt?(vector: number): void;
  /**
   * A line of the interrupt controllers changed. `device`: the virtio device, where the line is its own. `source`: the
   * name that the trace gives; undefined for lines of PCI, which several functions share.
   */
  line?(device: DeviceModel | undefined, line: number, level: boolean, source: string | undefined): void;
  /** A device sent a message. */
  message?(device: DeviceModel | undefined, address: number, data: number): void;

  /** Device memory was given out, or taken back (whole allocations, and pieces of them: indirect tables). */
  allocated?(buffer: BufferView): void;
  freed?(buffer: BufferView): void;
  /** Memory that is not allocated was to be freed. */
  freedWrongly?(buffer: BufferView): void;

  /** `lost`: it waits in vain. */
  task?(
    name: string,
    state: "running" | "waiting" | "finished" | "failed" | "cancelled",
    on?: string,
    lost?: LostWake,
  ): void;
  /** The CPU is halted until an interrupt (or a time, in nanoseconds). */
  idle?(until: number | undefined): void;
  /** The machine has ended. `stuck`: nothing could ever wake it. */
  end?(how: "ended" | "stuck"): void;
}
