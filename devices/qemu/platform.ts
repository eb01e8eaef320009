import type { PhysAddr } from "../../arch/addresses.ts";
import type { MemoryMapEntry, MsiMessage, Platform, RamRegion, Width } from "../../arch/platform.ts";
import { DeadlockError } from "../../spec/deadlock.ts";
import { PCI_CONFIG_ADDRESS, PCI_CONFIG_DATA } from "../../spec/pci.ts";
import { NO_TRACE, type TraceSink } from "../../spec/trace.ts";
import type { MachineDescription } from "../description/types.ts";
import { LAPIC_BASE } from "../machine/lapic.ts";
import { QemuError } from "./error.ts";
import { introduceFunctions } from "./introduce.ts";
import { QemuInterrupts } from "./interrupts.ts";
import { LineProbe } from "./line_probe.ts";
import type { QemuProcess } from "./process.ts";
import { FileMemory, MAILBOX, type SharedRam } from "./ram.ts";
import { hasSecondIoapic, type QemuHost, type QemuParts, startQemu } from "./start.ts";
import type { QemuStdio } from "./stdio.ts";

const READ: Record<Width, string> = { 1: "readb", 2: "readw", 4: "readl" };
const WRITE: Record<Width, string> = { 1: "writeb", 2: "writew", 4: "writel" };
const IN: Record<Width, string> = { 1: "inb", 2: "inw", 4: "inl" };
const OUT: Record<Width, string> = { 1: "outb", 2: "outw", 4: "outl" };
const ONES: Record<Width, number> = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff };

/** Round trips without an event after which an idle guest lets the host sleep, and for how long at a time, in ms. */
const BUSY_ROUNDS = 20;
const NAP = 1, LONGEST_NAP = 10;
/** Milliseconds without any event after which a guest that nothing from outside can wake counts as stuck. */
const STUCK = 5_000;
const DEBUG_EXIT = "isa-debug-exit";
const COM1_IRQ = 4;

/**
 * A real QEMU as the platform: its buses and devices, its RAM; no guest CPU. The guest half runs in this process and
 * makes its accesses over qtest.
 *
 * Time is the host's. Without FFI device memory must be made by {@link QemuPlatform.deviceMemory}.
 */
export class QemuPlatform implements Platform {
  readonly name = "qemu";
  readonly machine: string;
  readonly ram: readonly RamRegion[];
  readonly memoryMap: readonly MemoryMapEntry[];
  readonly commandLine: string;
  readonly trace: TraceSink;
  exitCode: number | undefined;
  /** Set when QEMU went away or hung: the reason. */
  failure: QemuError | undefined;
  private readonly interrupts: QemuInterrupts;
  private readonly started = performance.now();
  private readonly vectors: number[] = [];
  private readonly debugExit: { base: number; end: number } | undefined;
  private readonly com1: LineProbe | undefined;
  private readonly mailbox: FileMemory | DataView;
  private accesses = 0;
  /** What was written to PCI's address port last. */
  private configAddress = 0;
  private closing: Promise<void> | undefined;

  readonly process: QemuProcess;
  private readonly shared: SharedRam;
  private readonly stdio: readonly QemuStdio[];
  private readonly release: () => Promise<void>;
  /** Somebody may send a frame. */
  private readonly networked: boolean;

  private constructor(desc: MachineDescription, parts: QemuParts, private readonly host: QemuHost) {
    const { process, shared } = parts;
    this.process = process;
    this.shared = shared;
    this.stdio = parts.stdio;
    this.release = parts.release;
    this.machine = desc.machine;
    this.networked = desc.netdevs.some((n) => n.type !== "hubport");
    this.commandLine = parts.commandLine;
    this.trace = host.trace ?? NO_TRACE;
    this.ram = shared.ram;
    this.memoryMap = shared.memoryMap;
    this.interrupts = new QemuInterrupts(this.trace, hasSecondIoapic(desc));
    this.mailbox = shared.mapped
      ? new DataView(shared.ram[0].bytes.buffer, MAILBOX, 4096)
      : new FileMemory(MAILBOX, 4096, shared.file, MAILBOX);
    const exit = desc.devices.find((d) => d.driver === DEBUG_EXIT);
    if (exit !== undefined) {
      const base = Number(exit.props.iobase ?? 0x501);
      this.debugExit = { base, end: base + Number(exit.props.iosize ?? 2) };
    }
    process.qtest.onIrq = (line, level) => this.interrupts.irq(line, level);
    if (hasSecondIoapic(desc) && desc.serial[0] !== undefined) {
      this.com1 = new LineProbe(process.qtest, COM1_IRQ);
    }
    if (this.trace.on) this.introduce(desc);
  }

  /**
   * Starts QEMU as the described machine.
   *
   * @throws {UsageError} for what the description cannot mean.
   * @throws {QemuError} if QEMU cannot be started, or refuses; the message has its words.
   */
  static async start(desc: MachineDescription, host: QemuHost): Promise<QemuPlatform> {
    return new QemuPlatform(desc, await startQemu(desc, host), host);
  }

  /** Whether {@link QemuPlatform.ram} is QEMU's own memory. */
  get mapped(): boolean {
    return this.shared.mapped;
  }
  /** Device memory over `size` bytes of RAM from `base` on, where it is not {@link mapped}: accesses to the file. */
  deviceMemory(base: number, size: number): FileMemory | undefined {
    return this.shared.mapped
      ? undefined
      : new FileMemory(base, size, this.shared.file, this.shared.offsetOf(base));
  }

  mmioRead(address: PhysAddr, width: Width): number {
    const own = this.interrupts.windows.at(address);
    const value = own !== undefined
      ? (own.handler.read(address - own.base, width) & ONES[width]) >>> 0
      : this.ask(`${READ[width]} 0x${address.toString(16)}`, ONES[width]);
    if (this.trace.on) {
      this.trace.emit({ ev: "mmio_read", addr: address, width, value, ...this.who(address) });
    }
    return value;
  }
  mmioWrite(address: PhysAddr, width: Width, value: number): void {
    const trimmed = (value & ONES[width]) >>> 0;
    if (this.trace.on) {
      this.trace.emit({ ev: "mmio_write", addr: address, width, value: trimmed, ...this.who(address) });
    }
    const own = this.interrupts.windows.at(address);
    if (own !== undefined) own.handler.write(address - own.base, width, trimmed);
    else this.tell(`${WRITE[width]} 0x${address.toString(16)} 0x${trimmed.toString(16)}`);
  }
  portRead(port: number, width: Width): number {
    const value = this.ask(`${IN[width]} 0x${port.toString(16)}`, ONES[width]);
    if (this.trace.on) {
      this.traceConfig(port, width, value, false);
      this.trace.emit({ ev: "port_read", port, width, value });
    }
    return value;
  }
  portWrite(port: number, width: Width, value: number): void {
    const trimmed = (value & ONES[width]) >>> 0;
    if (this.trace.on) {
      this.trace.emit({ ev: "port_write", port, width, value: trimmed });
      this.traceConfig(port, width, trimmed, true);
    }
    const exits = this.debugExit !== undefined && port >= this.debugExit.base && port < this.debugExit.end;
    if (exits && this.exitCode === undefined) {
      // QEMU ends without an answer, with this status (hw/misc/debugexit.c).
      this.exitCode = (trimmed << 1 | 1) & 0xff;
      this.drain();
      try {
        this.process.qtest.send(`${OUT[width]} 0x${port.toString(16)} 0x${trimmed.toString(16)}`);
      } catch (error) {
        if (!(error instanceof QemuError)) throw error;
      }
      return;
    }
    this.tell(`${OUT[width]} 0x${port.toString(16)} 0x${trimmed.toString(16)}`);
  }

  takeInterrupt(): number {
    this.collect();
    return this.interrupts.lapic.acknowledge();
  }
  /** A slot of the mailbox: devices write to RAM, and we look there. */
  msiMessage(vector: number): MsiMessage {
    if (!this.vectors.includes(vector)) this.vectors.push(vector);
    return { address: MAILBOX + 4 * vector, data: vector };
  }

  /** Nanoseconds of the host's clock since QEMU was started. */
  now(): number {
    return Math.round((performance.now() - this.started) * 1e6);
  }
  /** One turn of QEMU's main loop. */
  relax(): void {
    if (this.exitCode !== undefined && this.failure === undefined) return;
    this.turn();
    if (this.failure !== undefined) throw this.failure;
  }

  async idle(until?: number): Promise<void> {
    if (this.trace.on) this.trace.emit({ ev: "idle", ...(until === undefined ? {} : { until }) });
    try {
      await this.waitForWork(until);
    } catch (error) {
      this.fail(error);
    }
  }

  private async waitForWork(until: number | undefined): Promise<void> {
    let quiet = performance.now();
    for (let round = 0;; round++) {
      const moved = this.turn();
      if (moved) quiet = performance.now();
      if (this.exitCode !== undefined || this.interrupts.lapic.pending()) return;
      if (until !== undefined && this.now() >= until) return;
      if (await this.deliverInput()) {
        quiet = performance.now();
        round = 0;
      }
      if (round < BUSY_ROUNDS) continue;
      const openInput = this.stdio.filter((s) => s.inputOpen);
      if (
        until === undefined && openInput.length === 0 && performance.now() - quiet > STUCK && this.closed()
      ) {
        throw new DeadlockError(
          "the guest waits for an interrupt, QEMU raises none, and no host input can arrive",
        );
      }
      await this.nap(until, round, openInput);
    }
  }

  /** Hands the next piece of host input to QEMU, and waits until it is in QEMU's pipe. False if there is none. */
  async deliverInput(): Promise<boolean> {
    let any = false;
    for (const s of this.stdio) {
      if (!s.deliver()) continue;
      any = true;
      await s.written();
    }
    return any;
  }

  powerOff(code: number): void {
    this.exitCode ??= code;
    this.drain();
  }

  /** Ends QEMU and gives everything back; RAM is gone after that. */
  close(): Promise<void> {
    this.exitCode ??= 0;
    this.closing ??= this.finish();
    return this.closing;
  }
  /** How QEMU ended and why, once it has: an error to show, or undefined if it did what it was told. */
  async explain(): Promise<QemuError | undefined> {
    if (this.failure === undefined || this.failure.kind !== "Died") return this.failure;
    const how = await this.process.ending();
    const why = how === "SIGXCPU" ? ": it used all its CPU time without giving an answer" : "";
    return new QemuError("Died", `${this.failure.message} (${how}${why})`);
  }

  private async finish(): Promise<void> {
    this.drain();
    await this.release();
  }
  /** No network and no file from which something could come. */
  private closed(): boolean {
    if (this.networked) return false;
    return !this.host.chardevs.size || this.stdio.every((s) => !s.inputOpen);
  }

  /** One round trip: QEMU's main loop goes round, lines and messages arrive. Whether anything happened. */
  private turn(): boolean {
    this.tell("endianness");
    this.lookAtCom1();
    this.collect();
    return this.drain();
  }
  /** COM1's line where QEMU does not report it. */
  private lookAtCom1(): void {
    if (this.com1 === undefined || this.exitCode !== undefined) return;
    try {
      const up = this.com1.up();
      const first = this.interrupts.ioapics[0];
      // Edge-triggered: a line that stays up, for it has more to say, counts again each time.
      if (up || first.level(this.com1.pin)) first.setPin(this.com1.pin, up, "isa-serial.0");
    } catch (error) {
      this.fail(error);
    }
  }
  /** Looks into the mailbox. The slot is emptied first: what comes later is another interrupt. */
  private collect(): void {
    const { mailbox } = this;
    for (const vector of this.vectors) {
      const at = 4 * vector;
      if (mailbox instanceof DataView) {
        const data = mailbox.getUint32(at, true);
        if (data === 0) continue;
        mailbox.setUint32(at, 0, true);
      } else {
        if (mailbox.readU32(at) === 0) continue;
        mailbox.writeU32(at, 0);
      }
      if (this.trace.on) this.trace.emit({ ev: "msi", addr: MAILBOX + at, data: vector });
      this.interrupts.lapic.message(LAPIC_BASE, vector);
    }
  }
  private drain(): boolean {
    let any = false;
    for (const s of this.stdio) if (s.drain()) any = true;
    for (const bytes of this.process.log.take()) this.host.print?.(bytes);
    return any;
  }
  /** Sleeps until QEMU raises a line, input comes, `until` is there, or it is time to look into the mailbox again. */
  private async nap(until: number | undefined, round: number, inputs: QemuStdio[]): Promise<void> {
    const left = until === undefined ? LONGEST_NAP : Math.max(0, (until - this.now()) / 1e6);
    const length = Math.min(left, LONGEST_NAP, NAP * (1 + (round - BUSY_ROUNDS) / 10));
    const { qtest } = this.process;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const events: Promise<unknown>[] = [new Promise<void>((wake) => timer = setTimeout(wake, length))];
    events.push(qtest.waitForEvent());
    for (const s of inputs) events.push(s.inputReady());
    await Promise.race(events);
    clearTimeout(timer);
    await qtest.stopWaiting();
    if (qtest.gone !== undefined) this.fail(qtest.gone);
  }

  /** What there is when the machine is switched on. */
  private introduce(desc: MachineDescription): void {
    this.trace.emit({
      ev: "machine",
      machine: this.machine,
      memory: desc.memory,
      commandLine: this.commandLine,
    });
    if (this.machine === "microvm") return;
    const number = (n: number) => `0x${n.toString(16)}`;
    const ports = {
      out: (port: number, value: number) => this.tell(`${OUT[4]} ${number(port)} ${number(value)}`),
      in: (port: number) => this.ask(`${IN[4]} ${number(port)}`, ONES[4]),
    };
    introduceFunctions(ports, this.trace);
  }
  /** Accesses to PCI configuration space, out of those to its two ports (configuration mechanism 1). */
  private traceConfig(port: number, width: Width, value: number, write: boolean): void {
    if (port === PCI_CONFIG_ADDRESS && width === 4 && write) this.configAddress = value;
    const at = port - PCI_CONFIG_DATA, address = this.configAddress;
    if (at < 0 || at > 3 || (address & 0x8000_0000) === 0) return;
    const hex2 = (n: number) => n.toString(16).padStart(2, "0");
    const bdf = `${hex2(address >>> 16 & 0xff)}:${hex2(address >>> 11 & 31)}.${address >>> 8 & 7}`;
    const offset = (address & 0xfc) + at;
    this.trace.emit({ ev: write ? "pci_cfg_write" : "pci_cfg_read", bdf, offset, width, value });
  }

  private ask(command: string, otherwise: number): number {
    if (this.failure !== undefined || this.exitCode !== undefined) return otherwise;
    try {
      this.tick();
      return this.process.qtest.sendForNumber(command);
    } catch (error) {
      this.fail(error);
      return otherwise;
    }
  }
  private tell(command: string): void {
    if (this.failure !== undefined || this.exitCode !== undefined) return;
    try {
      this.tick();
      this.process.qtest.send(command);
    } catch (error) {
      this.fail(error);
    }
  }
  private tick(): void {
    if ((++this.accesses & 0x3ff) === 0) this.process.renew();
  }
  /** QEMU is gone: the machine has ended, whatever the guest still does. */
  private fail(error: unknown): void {
    if (!(error instanceof QemuError)) throw error;
    this.failure ??= error;
    this.exitCode ??= 74;
    if (error.kind === "Hung") this.process.kill();
  }
  private who(address: number): { dev?: string; reg?: string } {
    const own = this.interrupts.windows.at(address);
    if (own === undefined) return {};
    return { dev: own.handler.name, reg: own.handler.regName?.(address - own.base) };
  }
}
