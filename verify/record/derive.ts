import type { Chunk, Strings } from "./columns.ts";
import { KIND, KINDS } from "./kinds.ts";
import type {
  ChardevState,
  DeviceState,
  LineState,
  MachineState,
  MessageState,
  NetdevState,
  PciState,
  RedirectionState,
  RegisterState,
  TaskState,
  VectorState,
} from "./state.ts";
import { copyVirtio, queueOf, type TrackedVirtio, trackedVirtio, VIRTIO_REGISTERS } from "./virtio.ts";

/** Ended tasks that are still listed. */
const ENDED_TASKS = 32;

/**
 * All of a machine's state but its memory, as it follows from the events so far. `apply` is told of each event in order;
 * `copy` makes a key frame; `state` is the answer to a question.
 */
export class Derived {
  private machine = "";
  private memory = 0;
  private commandLine = "";
  private root = -1;
  private running = "";
  private counts = new Float64Array(KINDS.length);
  private devices: readonly DeviceState[] = [];
  private virtio = new Map<string, TrackedVirtio>();
  // Entries of these are never changed in place, so that a copy shares them.
  private registers = new Map<string, RegisterState>();
  private pci = new Map<string, PciState>();
  private lines = new Map<number, LineState>();
  private vectors = new Map<number, VectorState>();
  private messages = new Map<string, MessageState>();
  private tasks = new Map<string, TaskState>();
  private netdevs = new Map<string, NetdevState>();
  private chardevs = new Map<string, ChardevState>();

  constructor(private readonly strings: Strings) {}

  copy(): Derived {
    const d = new Derived(this.strings);
    d.machine = this.machine;
    d.memory = this.memory;
    d.commandLine = this.commandLine;
    d.root = this.root;
    d.running = this.running;
    d.counts = this.counts.slice();
    d.devices = this.devices;
    for (const [name, v] of this.virtio) d.virtio.set(name, copyVirtio(v));
    d.registers = new Map(this.registers);
    d.pci = new Map(this.pci);
    d.lines = new Map(this.lines);
    d.vectors = new Map(this.vectors);
    d.messages = new Map(this.messages);
    d.tasks = new Map(this.tasks);
    d.netdevs = new Map(this.netdevs);
    d.chardevs = new Map(this.chardevs);
    return d;
  }

  /** About how many bytes a copy takes. */
  get bytes(): number {
    const entries = this.registers.size + this.lines.size + this.vectors.size + this.messages.size +
      this.tasks.size + this.pci.size;
    return 2000 + 40 * entries + 1000 * this.virtio.size;
  }

  apply(c: Chunk, i: number, at: number): void {
    const kind = c.kind[i];
    this.counts[kind]++;
    switch (kind) {
      case KIND.mmio_read:
      case KIND.port_read:
        return this.access(c, i, at, false);
      case KIND.mmio_write:
      case KIND.port_write:
        return this.access(c, i, at, true);
      case KIND.pci_cfg_write:
        return this.configWrite(c, i);
      case KIND.page_table_root:
        this.root = c.a[i];
        return;
      case KIND.notify: {
        const v = this.virtioOf(this.strings.text(c.s1[i]) ?? "");
        if (v !== undefined) queueOf(v, c.a[i]).notifications++;
        return;
      }
      case KIND.irq_line:
        return this.line(c.a[i], c.w[i] === 1, this.strings.text(c.s1[i]) ?? "");
      case KIND.msi:
        return this.message(c.a[i], c.v[i], this.strings.text(c.s1[i]) ?? "");
      case KIND.interrupt: {
        const vector = c.a[i];
        const count = (this.vectors.get(vector)?.count ?? 0) + 1;
        this.vectors.set(vector, { vector, count, last: at });
        return;
      }
      case KIND.task_switch:
        return this.switchTo(c.text(i));
      case KIND.task_wait: {
        const [name, waitingFor] = c.two(i);
        const switches = this.tasks.get(name)?.switches ?? 0;
        this.tasks.set(name, { name, state: "waiting", waitingFor, switches });
        return;
      }
      case KIND.task_end: {
        const [name, how] = c.two(i);
        return this.end(name, how as TaskState["state"]);
      }
      case KIND.input:
      case KIND.output: {
        const chardev = this.strings.text(c.s1[i])!;
        const old = this.chardevs.get(chardev) ?? { chardev, output: 0, input: 0 };
        const bytes = c.payload(i).length;
        const key = kind === KIND.input ? "input" : "output";
        this.chardevs.set(chardev, { ...old, [key]: old[key] + bytes });
        return;
      }
      case KIND.frame_in:
      case KIND.frame_out: {
        const netdev = this.strings.text(c.s1[i])!;
        const n = {
          ...this.netdevs.get(netdev) ?? { netdev, sent: 0, sentBytes: 0, received: 0, receivedBytes: 0 },
        };
        const bytes = c.payload(i).length;
        if (kind === KIND.frame_out) {
          n.sent++;
          n.sentBytes += bytes;
        } else {
          n.received++;
          n.receivedBytes += bytes;
        }
        this.netdevs.set(netdev, n);
        return;
      }
      case KIND.machine:
        this.machine = this.strings.text(c.s1[i])!;
        this.memory = c.a[i];
        this.commandLine = c.text(i);
        return;
      case KIND.device: {
        const name = this.strings.text(c.s1[i])!, place = this.strings.text(c.s2[i])!;
        this.devices = [...this.devices, { driver: c.text(i), name, place }];
        if (place.startsWith("virtio-mmio-bus.")) {
          const bus = place.split(" ")[0];
          this.virtio.set(bus, trackedVirtio(bus, name));
        }
        return;
      }
      case KIND.pci_function: {
        const bytes = c.payload(i), half = bytes.length / 2;
        const dev = this.strings.text(c.s1[i])!, bdf = this.strings.text(c.s2[i])!;
        this.pci.set(bdf, { bdf, dev, config: bytes.slice(0, half), mask: bytes.slice(half) });
        if (dev.startsWith("virtio-")) this.virtioNamed(dev).id = virtioId(bytes);
        return;
      }
    }
  }

  /** After event `at`, whose time is `t`. Nothing in it changes later. */
  state(at: number, t: number): MachineState {
    const counts: Record<string, number> = {};
    this.counts.forEach((n, kind) => {
      if (n > 0) counts[KINDS[kind]] = n;
    });
    return {
      at,
      t,
      machine: this.machine,
      memory: this.memory,
      commandLine: this.commandLine,
      devices: this.devices,
      virtio: [...this.virtio.values()].map((v) => {
        const { featureSelect: _f, driverSelect: _d, queueSelect: _q, ...seen } = copyVirtio(v);
        return seen;
      }),
      registers: [...this.registers.values()],
      pci: [...this.pci.values()],
      lines: [...this.lines.values()],
      vectors: [...this.vectors.values()].sort((a, b) => a.vector - b.vector),
      messages: [...this.messages.values()],
      redirections: this.redirections(),
      tasks: [...this.tasks.values()],
      running: this.running,
      netdevs: [...this.netdevs.values()],
      chardevs: [...this.chardevs.values()],
      pageTableRoot: this.root,
      counts,
    };
  }

  private access(c: Chunk, i: number, at: number, write: boolean): void {
    const dev = this.strings.text(c.s1[i]);
    const reg = this.strings.text(c.s2[i]);
    if (dev === undefined || reg === undefined) return;
    const value = c.v[i];
    const space = c.kind[i] === KIND.mmio_read || c.kind[i] === KIND.mmio_write ? "memory" : "port";
    const addr = c.a[i], width = c.w[i], access = write ? "write" : "read";
    this.registers.set(`${dev} ${reg}`, { dev, reg, addr, width, value, space, access, at });
    if (space === "port" || !dev.startsWith("virtio-")) return;
    const effect = VIRTIO_REGISTERS.get(reg);
    if (effect === undefined) return;
    // A virtio-mmio transport without a device answers, too.
    if (dev.startsWith("virtio-mmio-bus.") && this.devices.length > 0 && !this.virtio.has(dev)) return;
    effect(this.virtioNamed(dev), value, write);
  }
  private configWrite(c: Chunk, i: number): void {
    const fn = this.pci.get(this.strings.text(c.s2[i])!);
    if (fn === undefined) return;
    const config = fn.config.slice();
    for (let k = 0; k < c.w[i]; k++) {
      const at = c.a[i] + k;
      const mask = fn.mask[at];
      config[at] = (config[at] & ~mask) | (Math.floor(c.v[i] / 2 ** (8 * k)) & mask);
    }
    this.pci.set(fn.bdf, { ...fn, config });
  }
  private line(line: number, level: boolean, dev: string): void {
    const old = this.lines.get(line);
    const rises = (old?.rises ?? 0) + (level && old?.level !== true ? 1 : 0);
    this.lines.set(line, { line, level, dev, rises });
    const v = this.virtio.get(dev);
    if (v !== undefined && level) v.interrupts++;
  }
  private message(addr: number, data: number, dev: string): void {
    const key = `${dev} ${addr} ${data}`;
    this.messages.set(key, { dev, addr, data, count: (this.messages.get(key)?.count ?? 0) + 1 });
    const v = this.virtio.get(dev);
    if (v !== undefined) v.interrupts++;
  }
  private switchTo(name: string): void {
    const before = this.tasks.get(this.running);
    if (before?.state === "running") this.tasks.set(before.name, { ...before, state: "ready" });
    const switches = (this.tasks.get(name)?.switches ?? 0) + 1;
    this.tasks.set(name, { name, state: "running", waitingFor: "", switches });
    this.running = name;
  }
  private end(name: string, state: TaskState["state"]): void {
    const switches = this.tasks.get(name)?.switches ?? 0;
    this.tasks.set(name, { name, state, waitingFor: "", switches });
    const ended = [...this.tasks.values()].filter((t) =>
      t.state === "finished" || t.state === "failed" || t.state === "cancelled"
    );
    if (ended.length > ENDED_TASKS) this.tasks.delete(ended[0].name);
  }
  private redirections(): RedirectionState[] {
    const found = new Map<number, RedirectionState>();
    for (const r of this.registers.values()) {
      const m = /^REDIR(\d+)_(LOW|HIGH)$/.exec(r.reg);
      if (m === null || r.access !== "write") continue;
      const unit = Number(/^ioapic(\d*)$/.exec(r.dev)?.[1] || 1);
      const line = (unit - 1) * 24 + Number(m[1]);
      let entry = found.get(line);
      if (entry === undefined) found.set(line, entry = { line, low: 0x1_0000, high: 0 });
      if (m[2] === "LOW") entry.low = r.value;
      else entry.high = r.value;
    }
    return [...found.values()].sort((a, b) => a.line - b.line);
  }
  private virtioNamed(name: string): TrackedVirtio {
    let v = this.virtio.get(name);
    if (v === undefined) this.virtio.set(name, v = trackedVirtio(name, name));
    return v;
  }
  private virtioOf(device: string): TrackedVirtio | undefined {
    const v = this.virtio.get(device);
    if (v !== undefined) return v;
    for (const each of this.virtio.values()) if (each.device === device) return each;
    return undefined;
  }
}

/** A transitional function says what it is by its subsystem id, others by their device id (virtio 1.4, 4.1.2). */
function virtioId(config: Uint8Array): number {
  const device = config[2] | config[3] << 8;
  return device >= 0x1040 ? device - 0x1040 : config[0x2e] | config[0x2f] << 8;
}
