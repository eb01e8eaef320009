import { type Barrier, BARRIER_NAMES, type DeviceMemory } from "../../arch/device_memory.ts";
import type { AllocatedMemory, AllocWatcher } from "../../mm/device_alloc.ts";
import { F } from "../../spec/virtio/features.ts";
import type { TraceEvent, TraceSink } from "../../spec/trace.ts";
import { applyAccess, type RegisterEvents } from "./decode/apply.ts";
import type { Target } from "./decode/address_map.ts";
import { throughWindow } from "./decode/config_window.ts";
import { commonRegister, mmioRegister } from "./decode/registers.ts";
import type { Access, BufferView } from "./events.ts";
import type { MemoryWatcher } from "./memory.ts";
import type { DeviceState } from "./model/device_state.ts";
import { type GuestBytes, PendingMemory, ShadowMemory } from "./model/guest_memory.ts";
import { MachineState } from "./model/machine_state.ts";
import { PackedRing } from "./model/packed_ring.ts";
import type { QueueState } from "./model/queue_state.ts";
import type { RingEvents } from "./model/ring_state.ts";
import { SplitRing } from "./model/split_ring.ts";
import type { Report } from "./report.ts";
import { Reports } from "./reports.ts";
import type { Rule } from "./rule.ts";
import { Watchers } from "./watchers.ts";

/** `report` goes on after a violation; `stop` ends the run at the first, with the machine as it is. */
export type StrictMode = "report" | "stop";

/** A violation in mode `stop`. Once it was thrown, whatever the guest does next throws it again. */
export class StrictStop extends Error {
  override name = "StrictStop";
  constructor(readonly report: Report) {
    super(`stopped by rule ${report.rule}: ${report.found}`);
  }
}

/** How a machine is watched. */
export interface StrictOptions {
  readonly rules: readonly Rule[];
  readonly mode?: StrictMode;
  /** `simulated`, `qemu`; `trace` for a recorded run, whose memory is what its records say. */
  readonly platform: string;
  /** The machine's memory; not for a recorded run. */
  readonly memory?: GuestBytes;
  readonly onReport?: (report: Report) => void;
  /** Where each report goes as an event, so that it stands in the recording behind what broke the rule. */
  readonly sink?: TraceSink;
}

/**
 * Watches a machine and names each rule that is broken. It is a trace sink for what the machine says, and told of what
 * the driver does with device memory by a `WatchedDeviceMemory`; a recorded run needs its trace only, and shows less:
 * what a driver read is not in it.
 */
export class Strict implements TraceSink, MemoryWatcher, AllocWatcher {
  readonly on = true;
  /** Virtual time; set once there is a machine. */
  clock: () => number = () => 0;
  private readonly machine: MachineState;
  private readonly reportsOf: Reports;
  private readonly watchers: Watchers;
  private readonly shadow: ShadowMemory | undefined;
  private readonly memory: PendingMemory;
  private stopped: StrictStop | undefined;
  private ended = false;
  private cleaning = false;

  constructor(private readonly options: StrictOptions) {
    const recorded = options.platform === "trace";
    this.shadow = recorded ? new ShadowMemory() : undefined;
    const memory = this.shadow ?? options.memory;
    if (memory === undefined) throw new TypeError("a machine that runs is watched with its memory");
    this.memory = new PendingMemory(memory);
    this.machine = new MachineState(options.platform, this.memory, () => this.clock());
    this.reportsOf = new Reports(this.machine, (report) => this.onReport(report));
    this.watchers = new Watchers(
      options.rules,
      this.machine,
      (rule, finding) => this.reportsOf.add(rule, finding),
    );
  }

  /** Writes are told before they are done: a real device does not wait. */
  get early(): boolean {
    return this.options.platform === "qemu";
  }
  /** What was found, oldest first. */
  get reports(): readonly Report[] {
    return this.reportsOf.all;
  }
  /** Findings beyond those that are kept. */
  get dropped(): number {
    return this.reportsOf.dropped;
  }
  get violations(): number {
    return this.reports.filter((r) => r.level === "violation").length;
  }
  /** The machine as rules see it. */
  get model(): MachineState {
    return this.machine;
  }

  /** Memory is what this shows from here on: the drivers' device memory. */
  looksThrough(memory: DeviceMemory): void {
    this.options.memory?.through?.(memory);
  }
  /** The run is over. `stuck`: nothing could ever have woken the guest. */
  end(how: "ended" | "stuck"): void {
    if (this.ended || this.stopped !== undefined) return;
    this.ended = true;
    this.watchers.tell("end", how);
    this.check();
  }

  emit(event: TraceEvent): void {
    this.check();
    this.machine.event++;
    switch (event.ev) {
      case "mmio_read":
      case "mmio_write":
        return this.access(event.addr, false, event.width, event.value, event.ev === "mmio_write");
      case "port_read":
      case "port_write":
        return this.access(event.port, true, event.width, event.value, event.ev === "port_write");
      case "pci_cfg_read":
      case "pci_cfg_write":
        return this.config(event);
      case "mem_write":
        return this.memoryWrite(event);
      case "barrier":
        if (this.shadow !== undefined) {
          this.watchers.tell("barrier", BARRIER_NAMES.indexOf(event.kind as never) as Barrier);
        }
        return;
      case "irq_line":
        return this.watchers.tell(
          "line",
          this.machine.deviceNamed(event.dev),
          event.line,
          event.level,
          event.dev,
        );
      case "msi":
        return this.watchers.tell("message", this.machine.deviceNamed(event.dev), event.addr, event.data);
      case "interrupt":
        return this.watchers.tell("interrupt", event.vector);
      case "task_switch":
        return this.watchers.tell("task", event.task, "running");
      case "task_wait":
        return this.watchers.tell("task", event.task, "waiting", event.on, event.lost);
      case "task_end":
        return this.watchers.tell("task", event.task, event.how);
      case "idle":
        return this.watchers.tell("idle", event.until);
      case "stuck":
        return this.end("stuck");
      case "machine":
        if (event.machine === "microvm") this.machine.hasSlots();
        if (this.shadow !== undefined) this.shadow.size = event.memory;
        return;
      case "device":
        return this.machine.named(event.place, event.name);
      case "pci_function":
        return this.machine.addFunction(event.bdf, event.dev, fromHex(event.hex), fromHex(event.mask));
    }
  }

  driverWrote(address: number, length: number, before: number | undefined): void {
    if (this.cleaning) return;
    this.check();
    const { machine } = this;
    machine.deviceActs = false;
    const part = machine.partAt(address);
    this.watchers.tell("write", { address, length, before, part });
    machine.allocations.wrote(address, length);
    const ring = (part?.queue as QueueState | undefined)?.ring;
    if (part?.area === "driver" || ring?.kind === "packed") ring?.syncAvailable();
    this.check();
  }
  driverWrites(address: number, bytes: Uint8Array, before: number | undefined): void {
    this.memory.expect(address, bytes);
    try {
      this.driverWrote(address, bytes.length, before);
    } finally {
      this.memory.settle();
    }
  }
  driverReads(address: number, length: number, value: number | undefined): void {
    this.check();
    const { machine } = this;
    machine.deviceActs = false;
    const part = machine.partAt(address);
    const ring = (part?.queue as QueueState | undefined)?.ring;
    if (part?.area === "device" || ring?.kind === "packed") ring?.syncUsed();
    this.watchers.tell("read", { address, length, value, part });
    this.check();
  }
  driverBarrier(kind: Barrier): void {
    this.check();
    this.watchers.tell("barrier", kind);
  }
  allocated(memory: AllocatedMemory, piece: boolean): void {
    const buffer = viewOf(memory, piece);
    this.machine.allocations.allocated(buffer);
    this.watchers.tell("allocated", buffer);
  }
  freed(memory: AllocatedMemory, piece: boolean): void {
    const buffer = viewOf(memory, piece);
    this.watchers.tell("freed", buffer);
    this.machine.allocations.released(buffer);
    this.check();
  }
  freedWrongly(memory: AllocatedMemory, piece: boolean): void {
    this.watchers.tell("freedWrongly", viewOf(memory, piece));
    this.check();
  }
  housekeeping(now: boolean): void {
    this.cleaning = now;
  }

  private check(): void {
    if (this.stopped !== undefined) throw this.stopped;
  }
  private record(report: Report): void {
    const { sink } = this.options;
    if (!sink?.on) return;
    const { rule, level, found, device, queue } = report;
    sink.emit({
      ...{ ev: "rule", rule, level, found, report: JSON.stringify(report) },
      ...device === undefined ? {} : { dev: device },
      ...queue === undefined ? {} : { queue },
    });
    this.machine.event++;
  }
  private onReport(report: Report): void {
    this.record(report);
    this.options.onReport?.(report);
    if (this.options.mode !== "stop" || report.level !== "violation") return;
    this.stopped ??= new StrictStop(report);
  }

  private access(address: number, ports: boolean, width: number, value: number, write: boolean): void {
    const { machine } = this;
    machine.deviceActs = false;
    const target = machine.target(address, ports);
    if (target === undefined) {
      this.watchers.tell("foreign", { address, ports, width, value, write });
      this.check();
      return;
    }
    this.registerAccess(target, { address, width, value, write });
  }
  private registerAccess(
    { device, space, offset }: Target,
    rest: Pick<Access, "address" | "width" | "value" | "write">,
  ): void {
    const register = space === "common"
      ? commonRegister(offset)
      : space === "mmio"
      ? mmioRegister(offset)
      : space;
    const access: Access = { device, space, register, offset, ...rest };
    this.watchers.tell("access", access);
    applyAccess(device, access, this.registerEvents);
    this.check();
  }
  private config(event: TraceEvent & { ev: "pci_cfg_read" | "pci_cfg_write" }): void {
    const { machine } = this;
    machine.deviceActs = false;
    const { bdf, offset, width, value } = event;
    const write = event.ev === "pci_cfg_write";
    const fn = machine.functions.get(bdf);
    const device = machine.deviceOf(fn);
    this.watchers.tell("config", { bdf, device, offset, width, write, value });
    if (write && fn !== undefined) {
      fn.write(offset, width, value);
      machine.remap();
    }
    const target = fn && device && throughWindow(fn, offset, width);
    if (target) {
      this.registerAccess({ device, ...target }, { address: target.address, width, value, write });
    }
    this.check();
  }
  private memoryWrite(event: TraceEvent & { ev: "mem_write" }): void {
    const { machine, shadow } = this;
    const length = event.hex.length / 2 * (event.repeat ?? 1);
    if (length === 0) return;
    if (event.by === "driver") {
      // Of a machine that runs, its memory has told already.
      if (shadow === undefined) return;
      const before = length <= 4 ? littleEndian(machine.bytes(event.addr, length)) : undefined;
      shadow.write(event.addr, fromHex(event.hex), event.repeat);
      this.driverWrote(event.addr, length, before);
      return;
    }
    shadow?.write(event.addr, fromHex(event.hex), event.repeat);
    machine.deviceActs = true;
    const part = machine.partAt(event.addr);
    this.watchers.tell("deviceWrite", { address: event.addr, length, part });
    machine.allocations.wrote(event.addr, length);
    const ring = (part?.queue as QueueState | undefined)?.ring;
    if (part?.area === "device" || ring?.kind === "packed") ring?.syncUsed();
    machine.deviceActs = false;
    this.check();
  }

  private readonly registerEvents: RegisterEvents = {
    reset: (device) => this.watchers.tell("reset", device),
    featuresOk: (device) => this.watchers.tell("featuresOk", device),
    driverOk: (device) => this.watchers.tell("driverOk", device),
    enable: (queue) => {
      queue.ring = this.makeRing(queue);
      this.watchers.tell("queueEnabled", queue);
      queue.ring.syncAvailable();
    },
    stop: (queue) => this.watchers.tell("queueStopped", queue),
    notified: (device, queue, access) => this.watchers.tell("notified", device, queue, access),
  };

  private makeRing(queue: QueueState): SplitRing | PackedRing {
    const device: DeviceState = queue.device;
    const events: RingEvents = {
      published: (chain) => this.watchers.tell("published", queue, chain),
      publishedBatch: (count) => this.watchers.tell("publishedBatch", queue, count),
      used: (chain, id, written) => this.watchers.tell("used", queue, chain, id, written),
    };
    // Before FEATURES_OK (a driver that is wrong) the features are those written so far.
    const has = (feature: bigint) => ((device.negotiated || device.accepted) & feature) !== 0n;
    const { size, desc, driver, deviceArea } = queue;
    const options = {
      ...{ size, desc, driver, device: deviceArea },
      eventIdx: has(F.EVENT_IDX),
      indirect: has(F.INDIRECT_DESC),
      inOrder: has(F.IN_ORDER),
    };
    const Ring = has(F.RING_PACKED) ? PackedRing : SplitRing;
    return new Ring(this.machine, events, options);
  }
}

function viewOf({ phys, length, owner }: AllocatedMemory, piece: boolean): BufferView {
  return { phys, length, owner, piece };
}
function fromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}
