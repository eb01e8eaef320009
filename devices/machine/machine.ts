import type { PhysAddr } from "../../arch/addresses.ts";
import type { MemoryMapEntry, MsiMessage, Platform, RamRegion, Width } from "../../arch/platform.ts";
import type { TraceSink } from "../../spec/trace.ts";
import { AddressSpace, type IoHandler, type MachineContext } from "../bus.ts";
import type { Chardev } from "../chardev.ts";
import { EventQueue, Random } from "../events.ts";
import { GuestMemory } from "../guest_memory.ts";
import type { NetBackend } from "../net/backend.ts";
import type { PciBus } from "../pci/mod.ts";
import { readAligned, writeAligned } from "../virtio/aligned.ts";
import type { VirtioMmio } from "../virtio/mod.ts";
import { HostInput, MachineChardev } from "./host_input.ts";
import { Idler } from "./idle.ts";
import { Ioapic, IOAPIC_BASE, IOAPIC_SIZE } from "./ioapic.ts";
import { Lapic, LAPIC_BASE, LAPIC_SIZE } from "./lapic.ts";
import { MachineNetdev, netClock } from "./netdev.ts";
import { type Pace, type WallClock, WallPace } from "./pace.ts";
import { createRam, HOLE_END, HOLE_START } from "./ram.ts";

/** Virtual nanoseconds that an access to a register takes. */
export const ACCESS_TIME = 500;
/** Virtual nanoseconds that a `pause` takes. */
export const RELAX_TIME = 100;

/** What a machine needs of its host. */
export interface MachineHost {
  /** Back ends by chardev id; a chardev without one swallows output and gives no input. */
  readonly chardevs: ReadonlyMap<string, Chardev>;
  /** Seeds all randomness of the machine. */
  readonly seed: number;
  /** Where records go; `t` is the sink's to add. */
  readonly trace: TraceSink;
  /** Virtual nanoseconds between a notification and the device acting on it; 0 if not given. */
  readonly latency?: number;
  /** Network back ends by netdev id; a netdev without one takes frames and gives none. */
  readonly netdevs?: ReadonlyMap<string, NetBackend>;
  /**
   * The host's clock. With it, a machine whose back ends have peers that live by it (`realTime`), or that has a network and
   * somebody who may still type something, does not run ahead while it idles. Without it time always jumps.
   */
  readonly clock?: WallClock;
  /** In the clock's place: how far an idle machine may run, where several machines share one time. */
  readonly pace?: Pace;
}

/** A device as it can be listed: where it is and what drives it. */
export interface MachineDevice {
  /** QEMU's driver name: `virtio-rng-pci`. */
  readonly driver: string;
  /** As in traces: `virtio-rng-pci.0`. */
  readonly name: string;
  /** `00:01.0`, `virtio-mmio-bus.7 (0xfeb00e00)`, `port 0xf4`. */
  readonly place: string;
}

/**
 * A simulated machine: RAM, two address spaces with device models in them, interrupt controllers, virtual time. It is
 * built by `createMachine`; machines share nothing, so any number of them live in one process.
 *
 * Nothing happens between two calls of the guest: each access, `relax` and `idle` first lets due events run. So one seed
 * and one input give one run.
 */
export class Machine implements Platform {
  readonly name = "simulated";
  readonly machine: string;
  readonly ram: readonly RamRegion[];
  readonly memoryMap: readonly MemoryMapEntry[];
  readonly trace: TraceSink;
  /** Guest memory as its devices see it. */
  readonly memory: GuestMemory;
  readonly events: EventQueue;
  readonly random: Random;
  readonly lapic: Lapic;
  /** The IOAPIC at 0xfec00000. */
  readonly ioapic: Ioapic;
  /** All IOAPICs; microvm has a second one at 0xfec10000. */
  readonly ioapics: Ioapic[];
  /** What `-device` made, in order. */
  readonly devices: MachineDevice[] = [];
  /** The root bus; undefined on microvm. */
  pci: PciBus | undefined;
  /** virtio-mmio transports with and without a device, lowest address first; none but on microvm. */
  transports: readonly VirtioMmio[] = [];
  /** Windows of the machine itself, before those of PCI functions. */
  readonly systemMemory: AddressSpace;
  readonly systemPorts: AddressSpace;
  readonly pciMemory: AddressSpace;
  readonly pciPorts: AddressSpace;
  /** What device models are given. */
  readonly context: MachineContext;
  commandLine = "";
  exitCode: number | undefined;
  declare private readonly chardevs: Map<string, MachineChardev>;
  declare private readonly netdevs: Map<string, MachineNetdev>;
  declare private readonly hostInput: HostInput;
  declare private readonly pace: Pace | undefined;
  declare private readonly idler: Idler;
  declare private readonly host: MachineHost;

  /** Only controllers and memory; `createMachine` builds the board and the devices. Sizes in bytes. */
  constructor(machine: string, memory: number, host: MachineHost) {
    this.machine = machine;
    this.host = host;
    this.trace = host.trace;
    const { ram, memoryMap } = createRam(machine, memory);
    this.ram = ram;
    this.memoryMap = memoryMap;
    this.memory = new GuestMemory(ram, host.trace);
    this.events = new EventQueue();
    this.random = new Random(host.seed);
    this.systemMemory = new AddressSpace();
    this.systemPorts = new AddressSpace();
    this.pciMemory = new AddressSpace();
    this.pciPorts = new AddressSpace();
    this.chardevs = new Map();
    this.netdevs = new Map();
    this.hostInput = new HostInput();
    const { clock } = host;
    this.pace = host.pace ?? (clock && new WallPace(clock, () => this.livesByClock()));
    this.pace?.begin?.(this);
    this.idler = new Idler(this, this.hostInput, this.pace, clock);
    this.ioapics = [];
    this.lapic = new Lapic(host.trace, (vector) => {
      for (const ioapic of this.ioapics) ioapic.endOfInterrupt(vector);
    });
    this.ioapic = this.addIoapic(IOAPIC_BASE);
    this.systemMemory.map(LAPIC_BASE, LAPIC_SIZE, this.lapic);
    this.context = {
      memory: this.memory,
      events: this.events,
      random: this.random,
      trace: host.trace,
      latency: host.latency ?? 0,
      sendMsi: (address, data, dev) => this.sendMsi(address, data, dev),
    };
    for (const id of host.netdevs?.keys() ?? []) this.netdev(id);
  }

  /** Builds one more IOAPIC; its lines follow those of the ones before. */
  addIoapic(base: number): Ioapic {
    const n = this.ioapics.length;
    const ioapic = new Ioapic(`ioapic${n === 0 ? "" : n + 1}`, n * 24, this.trace, (address, data) => {
      this.lapic.message(address, data);
    });
    this.ioapics.push(ioapic);
    this.systemMemory.map(base, IOAPIC_SIZE, ioapic);
    return ioapic;
  }

  /** The machine's side of a chardev, for a front end. One per id. */
  chardev(id: string, mux = false): MachineChardev {
    let found = this.chardevs.get(id);
    if (found === undefined) {
      found = new MachineChardev(
        id,
        this.host.chardevs.get(id),
        mux,
        this.trace,
        () => this.hostInput.arrived(),
      );
      this.chardevs.set(id, found);
      this.hostInput.add(found);
    }
    return found;
  }

  /**
   * Host input into a chardev; recorded. For hosts that push; back ends that are asked use {@link Chardev.deliver}.
   *
   * @throws {Error} if no device has this chardev.
   */
  input(id: string, bytes: Uint8Array): void {
    const chardev = this.chardevs.get(id);
    if (chardev === undefined) {
      const known = [...this.chardevs.keys()].join(", ") || "none";
      throw new Error(`input for chardev '${id}': no device has it (possible: ${known})`);
    }
    chardev.input(bytes);
  }

  /** The machine's side of a netdev, for a card. One per id. */
  netdev(id: string): MachineNetdev {
    let found = this.netdevs.get(id);
    if (found === undefined) {
      const clock = netClock(this.events, this.host.seed, id);
      found = new MachineNetdev(id, this.host.netdevs?.get(id), clock, this.trace);
      this.netdevs.set(id, found);
      this.hostInput.add(found);
    }
    return found;
  }

  /**
   * Announces that {@link Machine.input} may be called later: without any source of input, a guest that waits for ever is an
   * error. The function returned says that no more will come.
   */
  openInput(): () => void {
    return this.hostInput.announce();
  }

  mmioRead(address: PhysAddr, width: Width): number {
    this.events.advance(0);
    let value: number;
    const ram = this.ramAt(address, width);
    if (ram >= 0) {
      value = this.readRam(address, width);
    } else {
      const window = this.windowAt(address, true);
      // Nobody there: 0, as in QEMU.
      value = isAligned(window, address, width)
        ? window === undefined ? 0 : trim(window.handler.read(address - window.base, width), width)
        : readAligned(address, width, (at, piece) => this.readPiece(at, piece, true));
      if (this.trace.on) {
        this.trace.emit({ ev: "mmio_read", addr: address, width, value, ...who(window, address) });
      }
    }
    this.events.now += ACCESS_TIME;
    return value;
  }

  mmioWrite(address: PhysAddr, width: Width, value: number): void {
    this.events.advance(0);
    const ram = this.ramAt(address, width);
    if (ram >= 0) {
      for (let i = 0; i < width; i++) {
        this.ram[ram].bytes[address - this.ram[ram].base + i] = value >>> (8 * i);
      }
    } else {
      const window = this.windowAt(address, true);
      const trimmed = trim(value, width);
      if (this.trace.on) {
        this.trace.emit({ ev: "mmio_write", addr: address, width, value: trimmed, ...who(window, address) });
      }
      if (isAligned(window, address, width)) window?.handler.write(address - window.base, width, trimmed);
      else writeAligned(address, width, trimmed, (at, piece, v) => this.writePiece(at, piece, v, true));
    }
    this.events.now += ACCESS_TIME;
  }

  portRead(port: number, width: Width): number {
    this.events.advance(0);
    const window = this.windowAt(port, false);
    const value = isAligned(window, port, width)
      ? trim(window === undefined ? -1 : window.handler.read(port - window.base, width), width)
      : readAligned(port, width, (at, piece) => this.readPiece(at, piece, false));
    if (this.trace.on) this.trace.emit({ ev: "port_read", port, width, value, ...who(window, port) });
    this.events.now += ACCESS_TIME;
    return value;
  }

  portWrite(port: number, width: Width, value: number): void {
    this.events.advance(0);
    const window = this.windowAt(port, false);
    const trimmed = trim(value, width);
    if (this.trace.on) {
      this.trace.emit({ ev: "port_write", port, width, value: trimmed, ...who(window, port) });
    }
    if (isAligned(window, port, width)) window?.handler.write(port - window.base, width, trimmed);
    else writeAligned(port, width, trimmed, (at, piece, v) => this.writePiece(at, piece, v, false));
    this.events.now += ACCESS_TIME;
  }

  takeInterrupt(): number {
    return this.lapic.acknowledge();
  }

  /** Physical destination, the one CPU (APIC id 0), fixed delivery, edge (PCI 3.0, 6.8; Intel SDM 3A, 11.11). */
  msiMessage(vector: number): MsiMessage {
    return { address: LAPIC_BASE, data: vector & 0xff };
  }

  now(): number {
    return this.events.now;
  }

  relax(): void {
    this.events.advance(RELAX_TIME);
  }

  idle(until?: number): void | Promise<void> {
    if (this.trace.on) this.trace.emit({ ev: "idle", ...(until === undefined ? {} : { until }) });
    return this.idler.idle(until);
  }
  halted(): boolean {
    return this.exitCode !== undefined || this.lapic.pending();
  }

  powerOff(code: number): void {
    this.exitCode ??= code;
    this.pace?.end();
    this.hostInput.wake();
  }

  /** A guest with a network never runs out of timers (leases, say): with somebody at its console they must not race by. */
  private livesByClock(): boolean {
    if (this.hostInput.realTime) return true;
    if (this.netdevs.size > 0) { for (const c of this.chardevs.values()) if (c.inputOpen) return true; }
    return false;
  }

  /** A message from a device: to the local APIC, or, anywhere else, a plain write to memory. */
  private sendMsi(address: number, data: number, dev: string): void {
    if (this.trace.on) this.trace.emit({ ev: "msi", addr: address, data, dev });
    if (address >= LAPIC_BASE && address < LAPIC_BASE + LAPIC_SIZE) this.lapic.message(address, data);
    else this.memory.writeU32(address, data);
  }

  private windowAt(address: number, memory: boolean): ReturnType<AddressSpace["at"]> {
    return memory
      ? this.systemMemory.at(address) ?? this.pciMemory.at(address)
      : this.systemPorts.at(address) ?? this.pciPorts.at(address);
  }
  /**
   * One aligned piece of an unaligned access. Each goes where its own address leads, which may be another device (QEMU's
   * flatview_read_continue and memory_access_size).
   */
  private readPiece(address: number, width: number, memory: boolean): number {
    const window = this.windowAt(address, memory);
    if (window === undefined) return trim(memory ? 0 : -1, width);
    return trim(window.handler.read(address - window.base, width), width);
  }
  private writePiece(address: number, width: number, value: number, memory: boolean): void {
    const window = this.windowAt(address, memory);
    window?.handler.write(address - window.base, width, trim(value, width));
  }

  private ramAt(address: number, width: number): number {
    if (address < HOLE_END && address + width > HOLE_START) return -1;
    return this.ram.findIndex((r) => address >= r.base && address + width <= r.base + r.bytes.length);
  }

  private readRam(address: number, width: Width): number {
    if (width === 4) return this.memory.readU32(address);
    return width === 2 ? this.memory.readU16(address) : this.memory.readU8(address);
  }
}

const trim = (value: number, width: number) =>
  width === 4 ? value >>> 0 : width === 2 ? value & 0xffff : value & 0xff;

/** Whether an access is naturally aligned as its device sees it. Others are made in pieces. */
const isAligned = (window: { base: number } | undefined, address: number, width: number) =>
  ((address - (window?.base ?? 0)) & (width - 1)) === 0;

/** `dev` and `reg` of a record. */
function who(
  window: { base: number; handler: IoHandler } | undefined,
  at: number,
): { dev?: string; reg?: string } {
  if (window === undefined) return {};
  const dev = window.handler.name;
  const reg = window.handler.regName?.(at - window.base);
  return reg === undefined ? { dev } : { dev, reg };
}
