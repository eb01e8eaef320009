import {
  type Kind,
  type Lane,
  type LaneSteps,
  StepList,
  type TraceDevice,
  TraceInputError,
  type Vocabulary,
} from "./steps.ts";

/** Steps that are kept of one file; 17 bytes each. */
export const MAX_STEPS = 20_000_000;

/** Things left out that are counted one by one. */
const MAX_NAMES = 1000;

const LANES: readonly Lane[] = [
  "driver",
  "status",
  "notify",
  "device",
  "interrupt",
  "message",
  "config",
  "barrier",
];
/** Lanes whose steps other lanes already say, for files that have no records of their own for them. */
const DERIVED = LANES.length;

/** A queue that a file speaks of. Which one it is, and of which device, may be said only later. */
export interface QueueRef {
  device: number;
  queue: number | undefined;
  /** Buffers that the device has taken, by the file's name of them, oldest first. */
  readonly taken: string[];
}
interface Recorded {
  alias: string;
  type: string | undefined;
  /** Virtio id; 0: not known. */
  id: number;
  /** Another entry that turned out to be the same device. */
  same: number;
  skip: boolean;
}

/** Collects the steps of a file while names of devices and queues are still being found out. */
export class Recording {
  private readonly devices: Recorded[] = [];
  private readonly refs: QueueRef[] = [];
  private readonly steps = new StepList();
  private device = new Int16Array(1024);
  private lane = new Uint8Array(1024);
  private ref = new Int32Array(1024);
  /** Records that are no steps, by what they are. */
  readonly leftOut = new Map<string, number>();

  constructor(readonly file: string, readonly vocabulary: Vocabulary) {}

  newDevice(alias: string, type?: string, id = 0): number {
    if (this.devices.length === 1000) {
      throw new TraceInputError(`${this.file}: speaks of more than 1000 devices (the last: ${alias})`);
    }
    this.devices.push({ alias, type, id, same: this.devices.length, skip: false });
    return this.devices.length - 1;
  }
  /** Follows `same` to the entry that stands for the device. */
  root(device: number): number {
    while (this.devices[device].same !== device) device = this.devices[device].same;
    return device;
  }
  entry(device: number): Recorded {
    return this.devices[this.root(device)];
  }
  /** What is a pointer in one line and a register's device in another is one device. */
  unite(named: number, nameless: number): void {
    const to = this.root(named), from = this.root(nameless);
    if (to === from) return;
    this.devices[from].same = to;
    this.devices[to].type ??= this.devices[from].type;
  }

  newRef(device: number, queue: number | undefined): QueueRef & { readonly index: number } {
    const ref = { device, queue, taken: [], index: this.refs.length };
    this.refs.push(ref);
    return ref;
  }

  leaveOut(what: string, count = 1): void {
    // A file may have any number of names in it.
    if (this.leftOut.size >= MAX_NAMES && !this.leftOut.has(what)) what = "others";
    this.leftOut.set(what, (this.leftOut.get(what) ?? 0) + count);
  }

  /**
   * @param ref index of a {@link QueueRef}, which then says the device, or -1.
   * @param derived the step repeats another one, and counts only if the file has none of its own in that lane.
   */
  add(
    at: { device: number; lane: Lane; ref: number; line: number; derived?: boolean },
    kind: Kind,
    text: string,
    name: string,
    value?: number,
  ): void {
    const n = this.steps.length;
    if (n === MAX_STEPS) {
      throw new TraceInputError(
        `${this.file}:${at.line}: more than ${MAX_STEPS} steps of virtio devices: too many to keep; cut the trace into pieces`,
      );
    }
    const id = at.device < 0 ? 0 : this.entry(at.device).id;
    this.steps.add(this.vocabulary.id(kind, text, name, value, id), at.line);
    if (n === this.device.length) this.grow();
    this.device[n] = at.device;
    this.lane[n] = LANES.indexOf(at.lane) + (at.derived ? DERIVED : 0);
    this.ref[n] = at.ref;
  }

  /** Sorts the steps into devices and lanes. `own`: lanes of which the file has records, so that derived ones are dropped. */
  finish(own: (lane: Lane) => boolean): TraceDevice[] {
    const lanes = new Map<string, { device: number; lane: LaneSteps }>();
    let nowhere = 0;
    for (let i = 0; i < this.steps.length; i++) {
      const code = this.lane[i], lane = LANES[code % DERIVED];
      if (code >= DERIVED && own(lane)) continue;
      const ref = this.ref[i] < 0 ? undefined : this.refs[this.ref[i]];
      const device = ref?.device ?? this.device[i];
      if (device < 0) {
        nowhere++;
        continue;
      }
      const root = this.root(device);
      const key = `${root} ${lane} ${ref?.queue ?? (ref === undefined ? "" : `?${this.ref[i]}`)}`;
      let found = lanes.get(key);
      if (found === undefined) {
        found = { device: root, lane: { lane, queue: ref?.queue, steps: new StepList() } };
        lanes.set(key, found);
      }
      found.lane.steps.add(this.steps.info[i], this.steps.line[i]);
    }
    if (nowhere > 0) this.leaveOut("steps of queues that no line gives to a device", nowhere);
    return this.sorted([...lanes.values()]);
  }

  private sorted(lanes: { device: number; lane: LaneSteps }[]): TraceDevice[] {
    const found = new Map<number, TraceDevice>();
    for (const { device, lane } of lanes) {
      const { type, alias, skip } = this.devices[device];
      if (skip) {
        this.leaveOut("accesses to virtio-mmio slots without a device", lane.steps.length);
        continue;
      }
      if (!found.has(device)) found.set(device, { type, alias, lanes: [] });
      found.get(device)!.lanes.push(lane);
    }
    for (const { lanes } of found.values()) {
      lanes.sort((a, b) =>
        LANES.indexOf(a.lane) - LANES.indexOf(b.lane) || (a.queue ?? 1e6) - (b.queue ?? 1e6)
      );
    }
    return [...found.values()];
  }

  private grow(): void {
    const double = <T extends Int16Array | Uint8Array | Int32Array>(from: T, to: T): T => {
      to.set(from as unknown as ArrayLike<number>);
      return to;
    };
    this.device = double(this.device, new Int16Array(2 * this.device.length));
    this.lane = double(this.lane, new Uint8Array(2 * this.lane.length));
    this.ref = double(this.ref, new Int32Array(2 * this.ref.length));
  }
}
