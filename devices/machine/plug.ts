import type { MachineDescription } from "../description/mod.ts";
import type { Board } from "./board.ts";
import { DebugExit } from "./debug_exit.ts";
import type { Machine } from "./machine.ts";
import { MachineError, number, refuseUnknown } from "./props.ts";

export function plugDevices(desc: MachineDescription, machine: Machine, _board: Board): number[] {
  for (const d of [...desc.devices].sort((a, b) => a.index - b.index)) {
    if (d.driver === "isa-debug-exit") plugDebugExit(d.props, machine);
    else throw new MachineError(d.driver);
  }
  return [];
}

function plugDebugExit(props: Readonly<Record<string, string>>, machine: Machine): void {
  const what = "-device isa-debug-exit";
  refuseUnknown(what, props, ["iobase", "iosize", "id"]);
  const base = number(`${what} property 'iobase'`, props.iobase ?? "0x501", 0, 0xffff);
  const size = number(`${what} property 'iosize'`, props.iosize ?? "2", 1, 0x1_0000 - base);
  machine.systemPorts.map(base, size, new DebugExit((status) => machine.powerOff(status)));
  machine.devices.push({
    driver: "isa-debug-exit",
    name: "isa-debug-exit",
    place: `port 0x${base.toString(16)}`,
  });
}
