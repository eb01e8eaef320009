/** Machines on a wire, without any virtio: stacks and sockets over fake cards, on a clock that jumps to what comes next. */
import type { NetDevice, PartialChecksum, ReceivedFrame } from "../../../drivers/net/mod.ts";
import { checksum } from "../../../inet/checksum.ts";
import { parseAddress } from "../../../inet/addresses.ts";
import type { TcpOptions } from "../../../inet/tcp/mod.ts";
import { Executor, type JoinHandle, type Task } from "../../../kernel/executor.ts";
import { Net } from "../../../kernel/net/net.ts";
import { NetStack } from "../../../kernel/net/stack.ts";
import { KernelRandom } from "../../../kernel/random.ts";
import { NO_TRACE } from "../../../spec/trace.ts";

export function ip(text: string): number {
  return parseAddress(text)!;
}
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
/** Bytes that differ everywhere. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0, x = seed | 1; i < length; i++) {
    x = Math.imul(x, 1664525) + 1013904223 | 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

/** What a wire does to frames: shares from 0 to 1. */
export interface Faults {
  loss?: number;
  duplicate?: number;
  reorder?: number;
  corrupt?: number;
}

/** What cards can be like. */
export interface CardOptions {
  /** Frames that it holds before it refuses. */
  room?: number;
  mtu?: number;
  fillsChecksums?: boolean;
  /** Says of what it receives that the checksum was looked at. */
  trusts?: boolean;
}

/** A card on a wire. It takes `room` frames, which leave one after the other. */
export class FakeCard implements NetDevice {
  readonly mtu: number;
  readonly fillsChecksums: boolean;
  broken: Error | undefined;
  onReceive: (() => void) | undefined;
  onWritable: (() => void) | undefined;
  onLinkChange: (() => void) | undefined;
  up = true;
  /** Everything that was sent. */
  readonly sent: Uint8Array[] = [];
  keep = false;
  refusals = 0;
  private readonly received: Uint8Array[] = [];
  private inside = 0;
  private refused = false;

  constructor(
    readonly world: World,
    readonly name: string,
    readonly mac: Uint8Array,
    readonly options: CardOptions,
  ) {
    this.mtu = options.mtu ?? 1500;
    this.fillsChecksums = options.fillsChecksums ?? false;
  }
  linkUp(): boolean {
    return this.up;
  }
  setLink(up: boolean): void {
    this.up = up;
    this.onLinkChange?.();
  }
  transmit(frame: Uint8Array, partial?: PartialChecksum): boolean {
    if (this.broken !== undefined) throw this.broken;
    if (this.inside >= (this.options.room ?? 256)) {
      this.refused = true;
      this.refusals++;
      return false;
    }
    const copy = frame.slice();
    if (partial !== undefined) {
      const at = partial.start + partial.offset, sum = checksum(copy, partial.start, copy.length) || 0xffff;
      copy[at] = sum >>> 8;
      copy[at + 1] = sum;
    }
    if (this.keep) this.sent.push(copy);
    this.inside++;
    this.world.carry(this, copy);
    return true;
  }
  /** The frame is on the wire. */
  left(): void {
    this.inside--;
    if (!this.refused) return;
    this.refused = false;
    this.onWritable?.();
  }
  arrive(frame: Uint8Array): void {
    if (!this.up) return;
    this.received.push(frame);
    this.onReceive?.();
  }
  receive(): ReceivedFrame | undefined {
    const bytes = this.received.shift();
    return bytes && { bytes, checksumValid: this.options.trusts ?? false };
  }
  shutdown(): void {
    this.broken ??= new Error("shut down");
  }
}

export interface MachineOptions extends CardOptions {
  /** `10.0.0.1/24`; without one the machine asks by DHCP, with `none` it does not. */
  address?: string;
  gateway?: string;
  tcp?: TcpOptions;
  /** No card: loopback only. */
  lonely?: boolean;
}

/** A machine: a stack, an executor, sockets. */
export class Machine {
  readonly executor: Executor;
  readonly stack: NetStack;
  readonly net: Net;
  readonly card: FakeCard;
  readonly log: string[] = [];

  constructor(readonly world: World, readonly name: string, index: number, options: MachineOptions) {
    this.executor = new Executor({ now: () => world.now, trace: NO_TRACE });
    this.executor.onFailure = (task, error) => this.log.push(`task ${task} failed: ${error}`);
    this.executor.onLostWake = (task, what) => world.lostWakes.push(`${name}: ${task} waits for ${what}`);
    this.card = new FakeCard(world, name, Uint8Array.of(2, 0, 0, 0, 0, index), options);
    const note = (message: string) => void this.log.push(message);
    const random = new KernelRandom(bytesOf(name));
    this.stack = new NetStack({
      cards: options.lonely ? [] : [this.card],
      random32: random.u32,
      log: { error: note, warn: note, info: note, debug: note, trace: note },
      tcp: options.tcp,
    });
    this.net = new Net(this.stack, this.executor, () => world.relax());
    if (options.lonely) return;
    const [iface] = this.stack.cards;
    if (options.address === undefined) this.stack.dhcp.start(iface, world.now);
    else if (options.address !== "none") {
      const [address, prefix] = options.address.split("/");
      const gateway = options.gateway === undefined ? 0 : ip(options.gateway);
      this.stack.configure(iface, { address: ip(address), prefix: Number(prefix), gateway }, world.now);
    }
    this.net.start();
  }
  spawn<T>(name: string, task: Task<T>): JoinHandle<T> {
    return this.executor.spawn(name, task);
  }
}

interface WireEvent {
  at: number;
  run: () => void;
}

/** All machines are on one wire; every card hears every frame, and takes what is for it. */
export class World {
  now = 0;
  readonly machines: Machine[] = [];
  readonly cards: FakeCard[] = [];
  readonly lostWakes: string[] = [];
  faults: Faults = {};
  /** Nanoseconds on the wire, and between two frames of one card. */
  latency = 10_000;
  spacing = 1000;
  /** Looks at each frame; false swallows it. */
  filter: ((frame: Uint8Array, from: FakeCard) => boolean) | undefined;
  frames = 0;
  private readonly random: KernelRandom;
  private readonly events: WireEvent[] = [];
  private readonly busyUntil = new Map<FakeCard, number>();

  constructor(readonly seed = 1) {
    this.random = new KernelRandom(Uint8Array.of(seed, seed >>> 8, seed >>> 16));
  }

  machine(name: string, options: MachineOptions = {}): Machine {
    const machine = new Machine(this, name, this.machines.length + 1, options);
    this.machines.push(machine);
    this.cards.push(machine.card);
    return machine;
  }

  relax(): void {
    this.now += 100;
  }

  /** Something happens at a time. */
  at(time: number, run: () => void): void {
    let i = this.events.length;
    while (i > 0 && this.events[i - 1].at > time) i--;
    this.events.splice(i, 0, { at: time, run });
  }

  carry(from: FakeCard, frame: Uint8Array): void {
    this.frames++;
    const leaves = Math.max(this.now, this.busyUntil.get(from) ?? 0) + this.spacing;
    this.busyUntil.set(from, leaves);
    this.at(leaves, () => from.left());
    if (this.filter !== undefined && !this.filter(frame, from)) return;
    const { loss = 0, duplicate = 0, reorder = 0, corrupt = 0 } = this.faults;
    const chance = () => this.random.u32() / 2 ** 32;
    for (const to of this.cards) {
      if (to === from) continue;
      if (chance() < loss) continue;
      const copies = chance() < duplicate ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        const copy = frame.slice();
        if (chance() < corrupt) copy[14 + this.random.below(copy.length - 14)] ^= 1 << this.random.below(8);
        const late = chance() < reorder ? 5 * this.latency * chance() : 0;
        this.at(leaves + this.latency + late, () => to.arrive(copy));
      }
    }
  }

  /** Sends a frame to all cards, as from somebody else. */
  inject(frame: Uint8Array): void {
    for (const card of this.cards) card.arrive(frame.slice());
  }

  /** Runs everything until `done`, or until `patience` ns have passed. Whether `done` was reached. */
  run(done: () => boolean, patience = 600e9): boolean {
    const end = this.now + patience;
    for (let turns = 0; turns < 50_000_000; turns++) {
      let ran = 0;
      for (const { executor } of this.machines) ran += executor.runReady();
      if (done()) return true;
      if (ran > 0 || this.machines.some((m) => m.executor.hasReady())) continue;
      let next = this.events[0]?.at ?? Infinity;
      for (const { executor } of this.machines) next = Math.min(next, executor.nextDeadline() ?? Infinity);
      if (next === Infinity || next > end) return false;
      this.now = Math.max(this.now, next);
      while (this.events.length > 0 && this.events[0].at <= this.now) this.events.shift()!.run();
    }
    throw new Error("the world does not come to rest");
  }

  /** Runs until a task has ended, and gives its result. @throws what it threw */
  finish<T>(handle: JoinHandle<T>, patience?: number): T {
    const ended = this.run(() => handle.state !== "ready" && handle.state !== "waiting", patience);
    if (!ended) throw new Error(`task ${handle.name} still waits for ${this.whatFor(handle.id)}`);
    const waker = { wake() {}, clone: () => waker };
    try {
      return handle.poll(waker) as T;
    } catch (error) {
      throw (error as Error).cause ?? error;
    }
  }
  /** Lets time pass. */
  pass(ns: number): void {
    const end = this.now + ns;
    this.run(() => false, ns);
    this.now = end;
  }

  private whatFor(id: number): string {
    for (const { executor } of this.machines) {
      const task = executor.tasks().find((t) => t.id === id);
      if (task !== undefined) return task.waitingFor;
    }
    return "nothing";
  }
}

/** Two machines, 10.0.0.1 and 10.0.0.2. */
export function pair(options: MachineOptions = {}, seed = 1): { world: World; a: Machine; b: Machine } {
  const world = new World(seed);
  const a = world.machine("a", { address: "10.0.0.1/24", ...options });
  const b = world.machine("b", { address: "10.0.0.2/24", ...options });
  return { world, a, b };
}

/** The code of the SocketError that a task ends with. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return "no error";
}
