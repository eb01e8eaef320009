/** A machine that is recorded while it runs: with a network, on the transport that is built. */
import { TRANSPORT } from "#transport";
import { RamDeviceMemory } from "../../arch/device_memory.ts";
import { parseDescription } from "../../devices/description.ts";
import { createMachine, type Machine } from "../../devices/machine/mod.ts";
import { NO_HOST, UserNetwork, userOptions } from "../../devices/net/mod.ts";
import { boot } from "../../kernel/mod.ts";
import type { DeviceAlloc } from "../../mm/device_alloc.ts";
import type { TraceSink } from "../../spec/trace.ts";
import { TracedDeviceMemory, tracedPageTables } from "../../verify/trace/mod.ts";
import { CAREFUL, ScriptedTerminal } from "./simulated.ts";

export interface RecordedOptions {
  readonly packed?: boolean;
  readonly app?: string;
  readonly args?: readonly string[];
  readonly lines?: readonly string[];
  readonly seed?: number;
}

/** The command line of the machine. */
export function recordedWords(packed: boolean): string[] {
  const mmio = TRANSPORT === "mmio", suffix = mmio ? "device" : "pci";
  const ring = packed ? ",packed=on" : "";
  return [
    ...(mmio ? "-machine microvm -global virtio-mmio.force-legacy=off" : "-machine q35").split(" "),
    ..."-m 16M -nodefaults -chardev stdio,id=c0,mux=on -serial chardev:c0 -netdev user,id=n0".split(" "),
    ...["-device", `virtio-rng-${suffix}${ring}`, "-device", `virtio-serial-${suffix}${ring}`],
    ...["-device", "virtconsole,chardev=c0", "-device", `virtio-net-${suffix},netdev=n0${ring}`],
  ];
}

/** Something that is asked to stop a run: thrown by a sink, and not an error. */
export class Stop extends Error {}

/**
 * Runs a machine to its end, or until the sink throws {@link Stop}.
 *
 * @param made told of the machine before anything runs.
 */
export async function runTraced(
  trace: TraceSink & { clock?: () => number },
  options: RecordedOptions = {},
  made: (machine: Machine) => void = () => {},
): Promise<void> {
  const desc = parseDescription(recordedWords(options.packed ?? false));
  let machine: Machine | undefined;
  trace.clock = () => machine?.now() ?? 0;
  try {
    const { id, props, hostfwd } = desc.netdevs[0];
    machine = createMachine(desc, {
      chardevs: new Map([["c0", new ScriptedTerminal(options.lines ?? [])]]),
      netdevs: new Map([[id, new UserNetwork(id, userOptions(id, props, hostfwd), NO_HOST, [], () => {})]]),
      seed: options.seed ?? 1,
      trace,
    });
    made(machine);
    let alloc: DeviceAlloc | undefined;
    const owner = (phys: number) =>
      alloc?.live().find((b) => phys >= b.phys && phys < b.phys + b.length)?.owner;
    const kernel = boot(machine, {
      app: options.app,
      appArgs: options.args,
      careful: CAREFUL,
      onDeviceAlloc: (a) => alloc = a,
      deviceMemory: (base, bytes) => new TracedDeviceMemory(new RamDeviceMemory(base, bytes), trace, owner),
      pageTableMemory: (base, bytes) => tracedPageTables(new RamDeviceMemory(base, bytes), trace),
    });
    await kernel.run();
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
  }
}

/** The virtio devices of a machine, under the names that their registers have in traces. */
export function virtioDevices(machine: Machine) {
  const pci = machine.pci?.functions.flatMap(({ fn }) => "device" in fn ? [{ name: fn.name, fn }] : []) ?? [];
  return [
    ...pci.map(({ name, fn }) => ({ name, device: (fn as unknown as { device: VirtioLike }).device })),
    ...machine.transports.flatMap((t) =>
      t.device === undefined ? [] : [{ name: t.name, device: t.device as VirtioLike }]
    ),
  ];
}

/** What of a device model is compared with a recording. */
export interface VirtioLike {
  readonly status: number;
  readonly hostFeatures: bigint;
  readonly guestFeatures: bigint;
  readonly queues: readonly {
    readonly index: number;
    readonly size: number;
    readonly desc: number;
    readonly driver: number;
    readonly device: number;
  }[];
}
