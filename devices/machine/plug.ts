import type { DeviceDescription, MachineDescription } from "../description/types.ts";
import {
  type CatalogEntry,
  type CreateHost,
  deviceCatalog,
  findDriver,
  VirtioMmio,
  VirtioSerial,
} from "../virtio/mod.ts";
import type { Board } from "./board.ts";
import { MacAddresses } from "./mac_addresses.ts";
import { DebugExit } from "./debug_exit.ts";
import type { Machine, MachineDevice } from "./machine.ts";
import { MachineError, number, onOff, refuseUnknown } from "./props.ts";

const DEBUG_EXIT = "isa-debug-exit";

/** Every driver that `-device` can name on some machine. */
export const DRIVERS: readonly string[] = [...deviceCatalog.map((e) => e.driver), DEBUG_EXIT];

/** The machine's side of a chardev of the description; undefined if there is none with this id. */
export function chardevOf(desc: MachineDescription, machine: Machine, id: string) {
  const found = desc.chardevs.find((c) => c.id === id);
  if (found === undefined) return undefined;
  const mux = onOff(`-chardev ${id}: mux`, found.props.mux ?? "off") === true;
  return machine.chardev(id, mux);
}

/** The machine's side of a netdev of the description; undefined if there is none with this id. */
export function netdevOf(desc: MachineDescription, machine: Machine, id: string) {
  return desc.netdevs.some((n) => n.id === id) ? machine.netdev(id) : undefined;
}

/**
 * Creates what `-device` names, in order, each where QEMU would put it. Returns the numbers of the virtio-mmio slots
 * that have a device.
 *
 * @throws {UsageError} for a driver, property or bus that does not exist here, and for a place that is taken.
 */
export function plugDevices(desc: MachineDescription, machine: Machine, board: Board): number[] {
  const plugger = new Plugger(desc, machine, board);
  machine.transports = plugger.transports;
  for (const device of [...desc.devices].sort((a, b) => a.index - b.index)) plugger.plug(device);
  return plugger.usedSlots;
}

class Plugger {
  declare readonly transports: VirtioMmio[];
  declare private readonly ids: Set<string>;
  declare private readonly counts: Map<string, number>;
  /** virtio-serial devices with the names of their buses, oldest first. */
  declare private readonly serials: { bus: string; device: VirtioSerial }[];
  /** Slots that QEMU's default devices would have: not given out, though nothing is there. */
  declare private readonly reserved: Set<number>;
  declare private readonly macs: MacAddresses;

  constructor(
    private readonly desc: MachineDescription,
    private readonly machine: Machine,
    private readonly board: Board,
  ) {
    this.ids = new Set();
    this.counts = new Map();
    this.serials = [];
    this.reserved = new Set();
    this.macs = new MacAddresses();
    if (board.pci !== undefined && !desc.nodefaults) {
      // A display always, a network card unless the command line has something for networks.
      this.reserved.add(board.pci.firstSlot);
      if (desc.netdevs.length === 0) {
        this.reserved.add(board.pci.firstSlot + 1);
        this.macs.next(undefined);
      }
    }
    const legacy = !desc.globals.some((g) =>
      g.driver === "virtio-mmio" && g.property === "force-legacy" &&
      onOff("-global virtio-mmio.force-legacy", g.value) === false
    );
    this.transports = board.mmioSlots.map((slot, i) => {
      const transport = new VirtioMmio(`virtio-mmio-bus.${i}`, legacy, machine.context);
      transport.irq = slot.irq;
      machine.systemMemory.map(slot.base, slot.size, transport);
      return transport;
    });
  }

  get usedSlots(): number[] {
    return this.transports.flatMap((t, i) => t.device === undefined ? [] : [i]);
  }

  plug(d: DeviceDescription): void {
    const { id } = d.props;
    if (id !== undefined) {
      if (this.ids.has(id)) {
        throw new MachineError(`-device ${d.driver},id=${id}: another device has this id`);
      }
      this.ids.add(id);
    }
    if (d.driver === DEBUG_EXIT) return this.plugDebugExit(d.props);
    const entry = findDriver(d.driver);
    if (entry === undefined) {
      throw new MachineError(`-device ${d.driver}: not supported (possible: ${DRIVERS.join(", ")})`);
    }
    const n = this.counts.get(entry.driver) ?? 0;
    this.counts.set(entry.driver, n + 1);
    const name = id ?? `${entry.driver}.${n}`;
    const props = { ...this.globalProps(entry), ...d.props };
    const made = entry.bus === "PCI"
      ? this.plugPci(entry, props, name)
      : entry.bus === "virtio-bus"
      ? this.plugMmio(entry, props, name)
      : this.plugPort(entry, props, name);
    this.machine.devices.push({ driver: entry.driver, name, place: made });
  }

  private plugPci(entry: CatalogEntry, props: Record<string, string>, name: string): string {
    const places = this.board.pci;
    if (places === undefined) throw this.noBus(entry, "PCI");
    if (props.bus !== undefined && props.bus !== places.name) {
      throw this.noSuchBus(entry, props.bus, [places.name]);
    }
    const { pci, device, place } = entry.create(this.machine.context, props, this.hostOf(name));
    const slot = place?.slot ?? this.freeSlot(entry);
    const func = place?.func ?? 0;
    const there = places.bus.at(slot, func);
    if (there !== undefined) {
      throw new MachineError(
        `-device ${entry.driver}: PCI slot ${slot} function ${func} is in use by ${there.name} ` +
          `(free: ${this.freeSlots().join(", ") || "none"})`,
      );
    }
    pci!.intx = places.intx(slot);
    places.bus.add(pci!, slot, func);
    this.addSerial(device, props.id);
    return pci!.bdf;
  }

  private plugMmio(entry: CatalogEntry, props: Record<string, string>, name: string): string {
    if (this.transports.length === 0) throw this.noBus(entry, "virtio-bus");
    const free = this.transports.filter((t) => t.device === undefined);
    // Without `bus` the last free transport, as in QEMU.
    let transport = free.at(-1);
    if (props.bus !== undefined) {
      transport = this.transports.find((t) => t.name === props.bus);
      if (transport === undefined) throw this.noSuchBus(entry, props.bus, this.transports.map((t) => t.name));
    }
    if (transport === undefined || transport.device !== undefined) {
      const has = transport === undefined
        ? "every transport has a device"
        : `${props.bus} has ${transport.device?.name}`;
      const possible = free.map((t) => t.name).join(", ") || "none";
      throw new MachineError(`-device ${entry.driver}: bus is full, ${has} (free: ${possible})`);
    }
    const { device } = entry.create(this.machine.context, props, this.hostOf(name));
    transport.plug(device!);
    this.addSerial(device, props.id);
    const { base } = this.board.mmioSlots[this.transports.indexOf(transport)];
    return `${transport.name} (0x${base.toString(16)})`;
  }

  private hostOf(name: string): CreateHost {
    return {
      name,
      netdev: (id) => netdevOf(this.desc, this.machine, id),
      mac: (given) => this.macs.next(given),
    };
  }
  private plugPort(entry: CatalogEntry, props: Record<string, string>, name: string): string {
    // Without `bus` the youngest, as in QEMU.
    let on = this.serials.at(-1);
    if (props.bus !== undefined) {
      on = this.serials.find((s) => s.bus === props.bus);
      if (on === undefined) throw this.noSuchBus(entry, props.bus, this.serials.map((s) => s.bus));
    }
    const { port } = entry.create(this.machine.context, props, {
      name,
      serial: on?.device,
      chardev: (id) => chardevOf(this.desc, this.machine, id),
    });
    return `${on!.device.name} port ${port!.id}`;
  }

  private plugDebugExit(props: Readonly<Record<string, string>>): void {
    const what = `-device ${DEBUG_EXIT}`;
    refuseUnknown(what, props, ["iobase", "iosize", "id", "bus"]);
    if (props.bus !== undefined && props.bus !== "isa.0") {
      throw new MachineError(`${what}: bus '${props.bus}' does not exist (possible: isa.0)`);
    }
    const base = number(`${what}: iobase`, props.iobase ?? "0x501", 0, 0xffff);
    const size = number(`${what}: iosize`, props.iosize ?? "2", 1, 0x1_0000 - base);
    const exit = new DebugExit((status) => this.machine.powerOff(status));
    this.machine.systemPorts.map(base, size, exit);
    const device: MachineDevice = {
      driver: DEBUG_EXIT,
      name: exit.name,
      place: `port 0x${base.toString(16)}`,
    };
    this.machine.devices.push(device);
  }

  /** What `-global` says for a driver: for itself, or for a kind that it is one of and that knows the property. */
  private globalProps(entry: CatalogEntry): Record<string, string> {
    const stem = entry.driver.replace(/-(pci|device).*$/, "");
    const kinds = entry.bus === "PCI"
      ? ["pci-device", "virtio-pci", "virtio-device", `${stem}-device`, `${stem}-pci`]
      : entry.bus === "virtio-bus"
      ? ["virtio-device"]
      : ["virtio-serial-port"];
    const props: Record<string, string> = {};
    for (const { driver, property, value } of this.desc.globals) {
      const known = entry.properties.some((p) => p.name === property);
      if (driver === entry.driver || known && kinds.includes(driver)) props[property] = value;
    }
    return props;
  }

  private addSerial(device: unknown, id: string | undefined): void {
    if (!(device instanceof VirtioSerial)) return;
    this.serials.push({
      bus: id === undefined ? `virtio-serial-bus.${this.serials.length}` : `${id}.0`,
      device,
    });
  }

  private freeSlots(): number[] {
    const { bus, firstSlot } = this.board.pci!;
    const free: number[] = [];
    for (let s = firstSlot; s < 32; s++) if (bus.at(s) === undefined && !this.reserved.has(s)) free.push(s);
    return free;
  }
  private freeSlot(entry: CatalogEntry): number {
    const [slot] = this.freeSlots();
    if (slot === undefined) throw new MachineError(`-device ${entry.driver}: no PCI slot is free`);
    return slot;
  }

  private noBus(entry: CatalogEntry, kind: string): MachineError {
    const buses = this.board.pci === undefined ? ["virtio-bus"] : ["PCI"];
    const possible = deviceCatalog.filter((e) => buses.includes(e.bus)).map((e) => e.driver);
    return new MachineError(
      `-device ${entry.driver}: machine ${this.desc.machine} has no bus of kind ${kind} ` +
        `(possible: ${[...possible, DEBUG_EXIT].join(", ")})`,
    );
  }
  private noSuchBus(entry: CatalogEntry, bus: string, possible: readonly string[]): MachineError {
    return new MachineError(
      `-device ${entry.driver}: bus '${bus}' does not exist (possible: ${possible.join(", ") || "none"})`,
    );
  }
}
