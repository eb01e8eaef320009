import type { MachineDescription, MachineKind } from "../description/types.ts";
import type { Board, BoardContext } from "./board.ts";
import { Machine, type MachineHost } from "./machine.ts";
import { microvm } from "./microvm.ts";
import { pc } from "./pc.ts";
import { chardevOf, plugDevices } from "./plug.ts";
import { MACHINE_PROPERTIES, MachineError, onOff, refuseUnknown } from "./props.ts";
import { q35 } from "./q35.ts";
import { Uart } from "./uart.ts";

/** COM1 to COM4: ports and ISA interrupts of PCs. */
const COM = [[0x3f8, 4], [0x2f8, 3], [0x3e8, 4], [0x2e8, 3]] as const;
const UART_PORTS = 8;

const BOARDS: Record<MachineKind, (ctx: BoardContext) => Board> = { q35, pc, microvm };

const NOT_ON_OFF = ["accel", "kernel-irqchip", "memory-backend"];

/**
 * Builds the machine that a description asks for.
 *
 * ```ts
 * import { createMachine } from "./create.ts";
 * import { NO_TRACE } from "../../spec/trace.ts";
 * const machine = createMachine({
 *   machine: "q35", machineProps: {}, memory: 16 << 20, devices: [], chardevs: [], serial: [], objects: [], netdevs: [],
 *   globals: [], append: "", nodefaults: true, trace: [], ignored: [],
 * }, { chardevs: new Map(), seed: 1, trace: NO_TRACE });
 * machine.portWrite(0xcf8, 4, 0x8000_0000);
 * console.assert(machine.portRead(0xcfc, 4) === 0x29c0_8086);
 * ```
 *
 * @throws {UsageError} for what is not possible: a property, a device, a bus, a place that is taken.
 */
export function createMachine(desc: MachineDescription, host: MachineHost): Machine {
  const build = BOARDS[desc.machine];
  if (build === undefined) {
    throw new MachineError(
      `machine '${desc.machine}' is not supported (possible: ${Object.keys(BOARDS).join(", ")})`,
    );
  }
  refuseUnknown(`machine ${desc.machine}`, desc.machineProps, MACHINE_PROPERTIES[desc.machine]);
  for (const [name, value] of Object.entries(desc.machineProps)) {
    if (!NOT_ON_OFF.includes(name)) onOff(`machine ${desc.machine} property '${name}'`, value, true);
  }
  const machine = new Machine(desc.machine, desc.memory, host);
  const board = build({
    desc,
    memory: machine.systemMemory,
    ports: machine.systemPorts,
    pciMemory: machine.pciMemory,
    pciPorts: machine.pciPorts,
    trace: machine.trace,
    ioapic: machine.ioapic,
    addIoapic: (base) => machine.addIoapic(base),
  });
  machine.pci = board.pci?.bus;
  addSerialPorts(desc, machine);
  const used = plugDevices(desc, machine, board);
  machine.commandLine = board.commandLine(used);
  if (machine.trace.on) introduce(machine, desc);
  return machine;
}

/** What there is when the machine is switched on: a reader of the trace has no other way to know. */
function introduce(machine: Machine, desc: MachineDescription): void {
  const { trace, commandLine } = machine;
  trace.emit({ ev: "machine", machine: machine.machine, memory: desc.memory, commandLine });
  for (const { driver, name, place } of machine.devices) trace.emit({ ev: "device", driver, name, place });
  for (const { fn } of machine.pci?.functions ?? []) {
    const { bdf, name, config, writeMask } = fn;
    trace.emit({ ev: "pci_function", bdf, dev: name, hex: config.toHex(), mask: writeMask.toHex() });
  }
}

function addSerialPorts(desc: MachineDescription, machine: Machine): void {
  const most = desc.machine === "microvm" ? 1 : COM.length;
  if (desc.serial.length > most) {
    throw new MachineError(
      `${desc.machine} has ${most} serial port(s), ${desc.serial.length} asked for (-serial)`,
    );
  }
  if (onOff("isa-serial", desc.machineProps["isa-serial"] ?? "on", true) === false) return;
  desc.serial.forEach((id, i) => {
    if (id === undefined || id === "none") return;
    const [base, irq] = COM[i];
    const name = `isa-serial.${i}`;
    const chardev = chardevOf(desc, machine, id);
    if (chardev === undefined) {
      const possible = desc.chardevs.map((c) => c.id).join(", ") || "none";
      throw new MachineError(`-serial chardev:${id}: there is no such chardev (possible: ${possible})`);
    }
    const uart = new Uart(name, machine.ioapic.line(irq, name), machine.events, chardev, machine.trace);
    machine.systemPorts.map(base, UART_PORTS, uart);
  });
}
