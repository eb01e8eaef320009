import type { World } from "../world.ts";
import { Cap, Registers } from "./places.ts";
import type { Program, Step } from "./program.ts";
import { NetPeer, PEER_BUFFERS } from "./net_peer.ts";
import { DriverRing } from "./ring.ts";
import { drainInput } from "./drain.ts";
import { resetDevice } from "./known_state.ts";
import type { Target } from "./targets.ts";
import { Window } from "./window.ts";

/** What was seen after one step. */
export interface Observation {
  /** What a read gave. */
  value?: number;
  status?: number;
  /** MMIO, where a read of it changes nothing: ISR. */
  isr?: number;
  /** Interrupt lines that changed. */
  lines?: string;
  /** MSI-X messages: `entry:data`. */
  mail?: string;
  /** What the device wrote: `address:bytes`. */
  memory?: string;
  /** What the device wrote to its back end, hexadecimal; frames of a network card with a blank between. */
  output?: string;
  /** The machine is not there any more: why. */
  gone?: string;
  /** After the last step: registers by name. */
  end?: string;
}

/** One machine that runs programs, one after the other. */
export class Rig {
  readonly registers: Registers;
  private readonly window: Window;
  private rings = new Map<number, DriverRing>();
  private gone: string | undefined;
  private used: Program | undefined;
  /** The card at the other end of a network card's cable. */
  private readonly peer: NetPeer | undefined;

  constructor(readonly world: World, readonly target: Target) {
    this.registers = new Registers(world, target);
    this.window = new Window(
      world.memory,
      target.transport === "transitional" || target.transport === "mmio1",
    );
    this.registers.powerOn();
    this.peer = target.device === "net" ? new NetPeer(world, target) : undefined;
    this.peer?.start();
  }

  /** Why this machine cannot be used any more. */
  get broken(): string | undefined {
    return this.gone;
  }

  /**
   * Brings the machine to its known state, runs the program and tells what was seen after each step; the last entry is
   * for the end, where all registers are read.
   *
   * @param patience how often to wait for the device where it may act; more than 1 to rule out a race.
   */
  async run(program: Program, patience = 1): Promise<Observation[]> {
    const seen: Observation[] = [];
    this.world.traced = program.index % 2 === 1;
    try {
      this.reset(patience);
      this.used = program;
      for (const step of program.steps) {
        const o: Observation = {};
        seen.push(o);
        await this.step(step, o, patience);
        if (this.died()) break;
      }
      if (this.gone === undefined) {
        const end: Observation = { end: this.finalState(program) };
        seen.push(end);
        this.observe(end, patience);
        this.died();
      }
    } catch (error) {
      if (!this.died()) this.gone = `${(error as Error).name}: ${(error as Error).message}`;
    }
    if (this.gone !== undefined) {
      if (seen.length === 0) seen.push({});
      seen[seen.length - 1].gone = this.gone;
    }
    return seen;
  }

  private async step(step: Step, o: Observation, patience: number): Promise<void> {
    switch (step.op) {
      case "reg":
        if (step.value === undefined) {
          o.value = this.registers.read(step.at, step.off, step.width);
          this.lines(o);
          return;
        }
        this.registers.write(step.at, step.off, step.width, step.value);
        return this.observe(o, this.target.device !== "rng" || acts(step) ? patience : 0);
      case "ring":
        this.rings.set(step.q, new DriverRing(step, this.window));
        break;
      case "chain":
        this.rings.get(step.q)?.chain(step);
        break;
      case "suppress":
        this.rings.get(step.q)?.suppress(step);
        break;
      case "publish":
        this.rings.get(step.q)?.publish(step.jump ?? 0);
        if (!step.kick) break;
        this.kick(step.q);
        return this.observe(o, patience);
      case "poke":
        this.window.bytes(step.at, Uint8Array.fromHex(step.hex));
        break;
      case "input":
        await this.input(Uint8Array.fromHex(step.hex));
        return this.observe(o, patience);
    }
    // QEMU's serial device looks into its rings for room for input whenever it likes.
    if (this.target.device === "serial") this.observe(o, patience);
  }
  private async input(bytes: Uint8Array): Promise<void> {
    if (this.peer !== undefined) this.peer.send(bytes);
    else await this.world.input(bytes);
  }
  private kick(q: number): void {
    if (this.target.mmio) this.registers.write("mmio", 0x50, 4, q);
    else this.registers.write("notify", q * 4, 2, q);
  }
  private observe(o: Observation, patience: number): void {
    for (let i = 0; i < patience; i++) this.world.settle();
    const output = this.peer === undefined ? this.world.takeOutput().toHex() : this.frames(this.peer);
    o.status = this.registers.status();
    if (this.target.mmio) o.isr = this.registers.read("mmio", 0x60, 4);
    this.lines(o);
    const mail = this.window.takeMail();
    if (mail !== "") o.mail = mail;
    const memory = this.window.takeWrites();
    if (memory !== "") o.memory = memory;
    if (output.length > 0) o.output = output;
  }
  /**
   * What a network card sends, once it sends no more: where a ring's index went far, it sends thousands. The hub keeps the
   * order of what the peer has buffers for, the others it may lose.
   */
  private frames(peer: NetPeer): string {
    const all = peer.take();
    for (let more = all; more.length > 0; more = peer.take()) {
      this.world.settle();
      if (more !== all) all.push(...more);
    }
    return all.length <= PEER_BUFFERS ? all.join(" ") : [...all.slice(0, PEER_BUFFERS), "and more"].join(" ");
  }
  private lines(o: Observation): void {
    const lines = this.world.takeLines();
    if (lines.length > 0) o.lines = lines.join(", ");
  }
  private died(): boolean {
    const { failure } = this.world.platform as { failure?: Error & { kind?: string } };
    if (failure !== undefined) {
      const assertion = /Assertion .* failed/.exec(failure.message)?.[0];
      this.gone = assertion ?? failure.kind ?? failure.name;
    }
    return this.gone !== undefined;
  }

  /** All registers that can be read, of the device and of the queues that the program touched. */
  private finalState(program: Program): string {
    const r = this.registers;
    const parts: string[] = [];
    const hex = (name: string, value: number) => parts.push(`${name}=${value.toString(16)}`);
    const queues = new Set([0, ...program.steps.flatMap((s) => s.op === "ring" ? [s.q] : [])]);
    if (this.target.mmio) {
      for (const off of [0x10, 0x60, 0xfc, 0x100, 0x104, 0x108]) {
        hex(`mmio+${off.toString(16)}`, r.read("mmio", off, 4));
      }
      for (const q of queues) {
        r.write("mmio", 0x30, 4, q);
        for (const off of this.target.transport === "mmio1" ? [0x34, 0x40, 0x44] : [0x34, 0x44]) {
          hex(`q${q}+${off.toString(16)}`, r.read("mmio", off, 4));
        }
      }
      return parts.join(" ");
    }
    for (const off of [0x04, Cap.pciCfg + 16, Cap.msix]) {
      hex(`cfg+${off.toString(16)}`, r.read("cfg", off, 4));
    }
    hex("isr", r.read("isr", 0, 1));
    hex("common+15", r.read("common", 0x15, 1));
    for (const off of [0x00, 0x04, 0x08, 0x0c, 0x10, 0x14]) {
      hex(`common+${off.toString(16)}`, r.read("common", off, 4));
    }
    hex("pba", r.read("msix", 0x800, 4));
    if (program.steps.some((s) => s.op === "reg" && s.at === "msix")) {
      for (let off = 0; off < 16 * this.target.vectors; off += 4) {
        hex(`msix+${off.toString(16)}`, r.read("msix", off, 4));
      }
    }
    if (this.target.transport === "transitional") {
      for (const [off, width] of [[4, 4], [18, 1], [20, 4], [24, 4]] as const) {
        hex(`legacy+${off}`, r.read("legacy", off, width));
      }
    }
    for (const q of queues) {
      r.write("common", 0x16, 2, q);
      if (this.target.transport === "transitional") hex(`q${q}+legacy`, r.read("legacy", 8, 4));
      for (const off of [0x18, 0x1a, 0x1c, 0x1e]) hex(`q${q}+${off.toString(16)}`, r.read("common", off, 2));
      for (const off of [0x20, 0x24, 0x28, 0x2c, 0x30, 0x34, 0x38]) {
        hex(`q${q}+${off.toString(16)}`, r.read("common", off, 4));
      }
    }
    return parts.join(" ");
  }

  /** Brings everything back to where it was before the first program. */
  private reset(patience: number): void {
    this.rings = new Map();
    resetDevice(this.registers, this.target, this.used?.steps ?? []);
    if (this.used?.steps.some((s) => s.op === "input")) {
      this.window.clear();
      if (this.peer !== undefined) this.loseFrames();
      else drainInput(this.world, this.registers, this.window, this.target);
      resetDevice(this.registers, this.target, []);
    }
    for (let i = 0; i < patience; i++) this.world.settle();
    this.world.takeLines();
    this.world.takeOutput();
    this.peer?.take();
    this.window.clear();
    this.died();
  }
  /** Frames that wait for a network card are lost as it starts (QEMU asks for them a moment too early). */
  private loseFrames(): void {
    this.registers.setStatus(15);
    this.world.settle();
  }
}

/**
 * Whether the entropy device may go on by itself after this write: then it is waited for. A serial device may at any
 * time: QEMU looks for room for input by itself.
 */
function acts(step: Extract<Step, { op: "reg" }>): boolean {
  const { at, off, width } = step;
  const touches = (from: number, to: number) => off < to && off + width > from;
  if (at === "common") {
    return touches(0x0c, 0x10) || touches(0x14, 0x15) || touches(0x1c, 0x1e) || touches(0x38, 0x40);
  }
  if (at === "mmio") return !touches(0x14, 0x44) && !touches(0x80, 0xa8);
  return true;
}
