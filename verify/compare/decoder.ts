import { F, featuresFromWords } from "../../spec/virtio/features.ts";
import { VirtioId, virtioIdName } from "../../spec/virtio/ids.ts";
import { type QueueRef, type Recording } from "./recording.ts";
import { isPlace, valueText } from "./registers.ts";
import { Rings } from "./rings.ts";

/** Name of a kind of device in a comparison: `virtio-rng`. */
export function typeOf(id: number): string {
  return `virtio-${virtioIdName(id).toLowerCase()}`;
}
/** Virtio id of what QEMU calls a device: `virtio-serial-pci.0`, `virtio-rng`. 0: unknown. */
export function idOfName(name: string): number {
  const word = /^(?:virtio|vhost(?:-user)?)-([a-z]+)/.exec(name)?.[1] ?? "";
  const same: Record<string, string> = { serial: "console", blk: "block" };
  const wanted = same[word] ?? word;
  return Object.entries(VirtioId).find(([key]) => key.toLowerCase() === wanted)?.[1] ?? 0;
}

interface QueueState {
  size: number;
  desc: number;
  driver: number;
  device: number;
}
/** What a driver has told a device so far: the selectors that give a register its meaning. */
interface DeviceState {
  deviceWord: number;
  driverWord: number;
  queue: number;
  accepted: number[];
  queues: Map<number, QueueState>;
  status: number;
  derivedStatus: number;
}

const PER_QUEUE = /^queue_(?!sel|select|notify$)/;

/** Turns register accesses into steps, and follows them so that rings are found. */
export class Decoder {
  private readonly states = new Map<number, DeviceState>();
  private readonly refs = new Map<string, QueueRef & { readonly index: number }>();
  readonly rings: Rings;
  /** The status register's last write that no line of the device has answered yet. */
  private statusWrite: { device: number; value: number } | undefined;
  /** Names and pointers of which it is known whose they are. */
  private readonly met = new Set<number>();
  /** A queue was enabled; its descriptors are at this address. */
  onEnable: (address: string, device: number, queue: number) => void = () => {};

  constructor(readonly out: Recording, readonly options: { readonly selects: boolean } = { selects: true }) {
    this.rings = new Rings(out);
  }

  state(device: number): DeviceState {
    const root = this.out.root(device);
    let s = this.states.get(root);
    if (s === undefined) {
      s = {
        deviceWord: 0,
        driverWord: 0,
        queue: 0,
        accepted: [0, 0, 0, 0],
        queues: new Map(),
        status: 0,
        derivedStatus: 0,
      };
      this.states.set(root, s);
    }
    return s;
  }
  queueState(device: number, queue: number): QueueState {
    const { queues } = this.state(device);
    let q = queues.get(queue);
    if (q === undefined) queues.set(queue, q = { size: 0, desc: 0, driver: 0, device: 0 });
    return q;
  }
  /** The queue `n` of a device. */
  refOf(device: number, n: number): QueueRef & { readonly index: number } {
    const key = `${this.out.root(device)}.${n}`;
    let ref = this.refs.get(key);
    if (ref === undefined) this.refs.set(key, ref = this.out.newRef(device, n));
    return ref;
  }

  /** One access to a register, by its name in our traces. */
  register(device: number, reg: string, width: number, value: number, write: boolean, line: number): void {
    const at = { device, lane: "driver" as const, ref: -1, line };
    const notify = /^notify\[(\d+)\]$/.exec(reg);
    if (write && (notify !== null || reg === "queue_notify")) {
      return this.kick(device, notify === null ? value & 0xffff : Number(notify[1]), width, value, line);
    }
    this.rings.flush();
    const { id } = this.out.entry(device);
    const s = this.state(device);
    const select = /_sel(ect)?$/.test(reg);
    if (this.options.selects || !select) {
      const word = reg.startsWith("device") ? s.deviceWord : s.driverWord;
      const feature = /^(device|driver)_features?$/.test(reg);
      const name = reg.replace(/\[.*|\+.*/, "");
      const prefix = PER_QUEUE.test(reg) ? `queue ${s.queue} ` : "";
      const text = `${prefix}${reg}${feature ? `[${word}]` : ""}:${width} ${write ? "<-" : "->"} ${
        valueText(reg, value, word, id)
      }`;
      const shown = isPlace(reg) ? undefined : value;
      this.out.add(at, write ? "write" : "read", text, name, shown);
    }
    this.follow(device, s, reg, value, write, line);
  }

  private kick(device: number, queue: number, width: number, value: number, line: number): void {
    this.rings.flush();
    const data = (this.accepted(device) & F.NOTIFICATION_DATA) !== 0n ? ` data 0x${value.toString(16)}` : "";
    this.out.add(
      { device, lane: "driver", ref: -1, line },
      "kick",
      `notify queue ${queue}:${width}${data}`,
      "notification",
      queue,
    );
    const ref = this.refOf(device, queue);
    this.out.add(
      { device, lane: "notify", ref: ref.index, line, derived: true },
      "notify",
      "notified",
      "notification",
    );
  }
  accepted(device: number): bigint {
    return featuresFromWords(this.state(device).accepted);
  }

  /**
   * The device says a status. It does so at once when the register is written: a name or pointer that the first line after
   * the write has is that device's.
   */
  answers(device: number, value: number): void {
    const written = this.statusWrite;
    this.statusWrite = undefined;
    if (written?.value !== value || this.met.has(device)) return;
    this.met.add(device);
    this.out.unite(written.device, device);
  }

  /** A status as the device says it. Only changes are steps: a machine's reset says 0 as often as it likes. */
  status(device: number, value: number, line: number, derived = false): void {
    const s = this.state(device);
    if ((derived ? s.derivedStatus : s.status) === value) return;
    if (derived) s.derivedStatus = value;
    else s.status = value;
    this.out.add(
      { device, lane: "status", ref: -1, line, derived },
      "status",
      `status ${valueText("device_status", value, 0, 0)}`,
      "status",
      value,
    );
  }

  private follow(
    device: number,
    s: DeviceState,
    reg: string,
    value: number,
    write: boolean,
    line: number,
  ): void {
    if (reg === "device_id" && !write) {
      const entry = this.out.entry(device);
      entry.id = value;
      entry.type = value === 0 ? undefined : typeOf(value);
      entry.skip = value === 0;
    } else if (reg === "queue_size" || (write && reg === "queue_num")) {
      this.queueState(device, s.queue).size = value;
    }
    if (!write) return;
    if (reg === "device_feature_select" || reg === "device_features_sel") s.deviceWord = value;
    else if (reg === "driver_feature_select" || reg === "driver_features_sel") s.driverWord = value;
    else if (reg === "driver_feature" || reg === "driver_features") {
      if (s.driverWord < 4) s.accepted[s.driverWord] = value;
    } else if (reg === "queue_select" || reg === "queue_sel") s.queue = value;
    else if (reg === "device_status" || reg === "status") {
      this.statusWrite = { device, value };
      this.status(device, value, line, true);
      if (value === 0) this.reset(device, s);
    } else if ((reg === "queue_enable" || reg === "queue_ready") && value === 1) this.enable(device, s.queue);
    else if (reg === "queue_reset" && value === 1) this.rings.unbind(device, s.queue);
    else this.address(device, s.queue, reg, value);
  }
  private address(device: number, queue: number, reg: string, value: number): void {
    const found = /^queue_(desc|driver|device)(_hi|_high|_low)?$/.exec(reg);
    if (found === null) return;
    const q = this.queueState(device, queue), area = found[1] as "desc";
    const high = found[2]?.startsWith("_hi") ?? false;
    q[area] = high
      ? value * 2 ** 32 + q[area] % 2 ** 32
      : Math.floor(q[area] / 2 ** 32) * 2 ** 32 + value % 2 ** 32;
  }
  private reset(device: number, s: DeviceState): void {
    s.accepted.fill(0);
    for (const n of s.queues.keys()) this.rings.unbind(device, n);
    s.queues.clear();
  }
  /** The queue stands: from here on its areas can be told apart. */
  enable(device: number, queue: number): void {
    const q = this.queueState(device, queue);
    const features = this.accepted(device);
    const ref = this.refOf(device, queue);
    this.onEnable(`0x${q.desc.toString(16)}`, device, queue);
    this.rings.bind(device, queue, ref.index, {
      packed: (features & F.RING_PACKED) !== 0n,
      size: q.size,
      desc: q.desc,
      driver: q.driver,
      device: q.device,
    });
  }
}
