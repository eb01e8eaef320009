import { RamDeviceMemory } from "../../arch/device_memory.ts";
import { describeTokens, tokenize } from "../../devices/description.ts";
import { createMachine, type Machine } from "../../devices/machine/mod.ts";
import { type Pace, type WallClock, WallPace } from "../../devices/machine/pace.ts";
import { boot, type Kernel } from "../../kernel/mod.ts";
import type { DeviceAlloc } from "../../mm/device_alloc.ts";
import { Recorder } from "../../verify/record/mod.ts";
import { Owners, tee, TracedDeviceMemory, tracedPageTables } from "../../verify/trace/mod.ts";
import type { Progress, Setup } from "../lib/protocol.ts";
import { splitWords } from "../lib/words.ts";
import { pageNetworks } from "./networks.ts";
import { type StrictRun, strictRun } from "./strict.ts";
import { type InputGate, TypedChardev, type TypedInput } from "./typed_chardev.ts";

/** Milliseconds that the machine runs before messages have their turn. */
const SLICE = 8;

/** What a run needs of the world around it. */
export interface RunHost {
  readonly clock: WallClock;
  /** Milliseconds since some moment. */
  now(): number;
  /** Resolves when messages have had their turn. */
  breathe(): Promise<void>;
  /** Something about {@link Run.machine} has changed. */
  changed(): void;
  /** Bound on the recording, in bytes. */
  readonly limit?: number;
}

/**
 * One machine from its boot on, recorded. It runs in slices on its own; while it idles its time is the wall clock's. With
 * `replay` it first runs as fast as it can to event `until`, with the input that came before it.
 */
export class Run implements InputGate, Pace {
  readonly recorder: Recorder;
  readonly kernel: Kernel;
  /** What was accepted on the command line but means nothing. */
  readonly ignored: readonly string[];
  /** Input so far. */
  readonly inputs: TypedInput[] = [];
  status: Progress["machine"] = "running";
  exitCode: number | undefined;
  failure: string | undefined;
  private readonly machine: Machine;
  private readonly strict: StrictRun | undefined;
  private readonly chardevs = new Map<string, TypedChardev>();
  private readonly wall: WallPace;
  private readonly pending: TypedInput[];
  private readonly until: number;
  private held = false;
  private release: (() => void) | undefined;
  private wake: (() => void) | undefined;
  private sliceEnd = 0;
  private dropped = false;

  /** @throws {UsageError} and others for a wrong set-up; their messages are sentences. */
  constructor(
    setup: Setup,
    private readonly host: RunHost,
    replay?: { inputs: readonly TypedInput[]; until: number },
  ) {
    const { tokens, words } = tokenize(splitWords(setup.words));
    if (words.length > 0) throw new Error(`'${words[0]}': a word without an option`);
    const desc = describeTokens(tokens);
    const mmio = desc.machine === "microvm";
    if (mmio !== (setup.transport === "mmio")) {
      throw new Error(
        `-machine ${desc.machine} has ${mmio ? "virtio-mmio" : "PCI"} devices only, ` +
          `and this kernel is built for ${mmio ? "PCI" : "virtio-mmio"}`,
      );
    }
    this.ignored = desc.ignored;
    this.pending = replay?.inputs.filter((i) => i.length <= replay.until) ?? [];
    this.until = replay?.until ?? -1;
    this.recorder = new Recorder(host.limit);
    this.wall = new WallPace(host.clock, () => true);
    for (const { id } of desc.chardevs) this.chardevs.set(id, new TypedChardev(id, this));
    const { recorder } = this;
    let now = () => 0;
    recorder.clock = () => now();
    this.strict = setup.strict ? strictRun(recorder, () => this.machine) : undefined;
    const trace = this.strict === undefined ? recorder : tee([recorder, this.strict.sink]);
    this.machine = createMachine(desc, {
      chardevs: this.chardevs,
      netdevs: pageNetworks(desc),
      seed: setup.seed,
      trace,
      latency: setup.latency,
      pace: this,
    });
    now = () => this.machine.now();
    const owners = new Owners();
    const args = splitWords(setup.args);
    const onDeviceAlloc = (made: DeviceAlloc) => void (owners.alloc = made);
    const deviceMemory = (base: number, bytes: Uint8Array<ArrayBufferLike>) =>
      new TracedDeviceMemory(new RamDeviceMemory(base, bytes), trace, owners.at);
    this.kernel = boot(this.machine, {
      app: setup.app,
      ...(args.length > 0 ? { appArgs: args } : {}),
      careful: setup.careful,
      ...this.strict?.boot(deviceMemory, onDeviceAlloc) ?? { deviceMemory, onDeviceAlloc },
      pageTableMemory: (base, bytes) => tracedPageTables(new RamDeviceMemory(base, bytes), trace),
    });
  }

  /** Runs until the machine has ended. Never throws: {@link status} tells. */
  async start(): Promise<void> {
    try {
      this.sliceEnd = this.host.now() + SLICE;
      this.exitCode = await this.kernel.run(() => this.turn());
      this.strict?.end();
      this.set("ended");
    } catch (error) {
      if (error === DROPPED) return;
      this.failure = error instanceof Error ? error.message : String(error);
      this.set("failed");
    }
  }
  /** Ends it for good; nothing of it runs any more. */
  drop(): void {
    this.dropped = true;
    this.release?.();
    this.wall.end();
    this.recorder.onEvent = () => {
      throw DROPPED;
    };
  }
  type(chardev: string, bytes: Uint8Array): void {
    const found = this.chardevs.get(chardev);
    if (found === undefined) {
      const known = [...this.chardevs.keys()].join(", ") || "none";
      throw new Error(`no chardev '${chardev}' (possible: ${known})`);
    }
    found.send(bytes);
  }
  hold(held: boolean): void {
    this.held = held;
    if (held) this.set("held");
    else {
      this.set("running");
      this.release?.();
      this.release = undefined;
      for (const c of this.chardevs.values()) c.look();
      this.wake?.();
    }
  }

  // What the chardevs ask.

  due(): TypedInput | undefined {
    const next = this.pending[0];
    if (next === undefined || this.held) return undefined;
    return next.length === this.recorder.length && next.t <= this.machine.now() ? next : undefined;
  }
  taken(): void {
    this.pending.shift();
  }
  open(): boolean {
    return !this.held && !this.replaying;
  }
  record(chardev: string, bytes: Uint8Array): void {
    const { length } = this.recorder;
    this.inputs.push({ chardev, bytes: bytes.slice(), length, t: this.machine.now() });
  }

  // How far time may run while the guest idles.

  horizon(now: number): number {
    if (this.held || this.dropped) return now;
    this.set("running");
    const next = this.pending[0];
    if (next !== undefined && next.length === this.recorder.length) return next.t;
    return this.replaying ? Infinity : this.wall.horizon(now);
  }
  wait(next: number | undefined, wake: () => void): void {
    this.wake = wake;
    if (this.held) return;
    this.set("idle");
    this.wall.wait(next, wake);
  }
  end(): void {
    this.wall.end();
  }

  private get replaying(): boolean {
    return this.pending.length > 0 || this.recorder.length <= this.until;
  }
  private turn(): void | Promise<void> {
    if (this.dropped) throw DROPPED;
    if (this.held) return new Promise<void>((resolve) => this.release = resolve);
    if (this.host.now() < this.sliceEnd) return;
    return this.host.breathe().then(() => {
      this.sliceEnd = this.host.now() + SLICE;
    });
  }
  private set(status: Progress["machine"]): void {
    if (this.status === status || this.status === "ended" || this.status === "failed") return;
    this.status = this.held && status !== "ended" && status !== "failed" ? "held" : status;
    this.host.changed();
  }
}

const DROPPED = new Error("the run was dropped");
