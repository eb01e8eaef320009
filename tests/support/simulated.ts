/** A simulated machine with a kernel and a scripted terminal, for tests: the demo of the transport that is built. */
import { TRANSPORT } from "#transport";
import type { Chardev, ChardevFrontend } from "../../devices/chardev.ts";
import type { MachineDescription, Props } from "../../devices/description/types.ts";
import { createMachine, type Machine } from "../../devices/machine/mod.ts";
import { boot, type BootOptions, type Kernel } from "../../kernel/mod.ts";
import { NO_TRACE, type TraceSink } from "../../spec/trace.ts";

import { STRICT, StrictTest } from "./strict.ts";

/** Whether the tests run with a device memory offset that is not zero. */
export const CAREFUL = Deno.env.get("CAREFUL") === "1";

/** A terminal that types the lines it was given, one whenever the guest idles, then ^D. */
export class ScriptedTerminal implements Chardev {
  readonly id = "c0";
  output = "";
  private readonly lines: string[];
  private frontend: ChardevFrontend | undefined;

  constructor(lines: readonly string[]) {
    this.lines = [...lines.map((l) => l + "\n"), "\x04"];
  }
  write(bytes: Uint8Array): void {
    this.output += new TextDecoder().decode(bytes);
  }
  attach(frontend: ChardevFrontend): void {
    this.frontend = frontend;
  }
  acceptInput(): void {}
  /** No more input, and no ^D that says so. */
  hangUp(): void {
    this.lines.length = 0;
  }
  get inputOpen(): boolean {
    return this.lines.length > 0;
  }
  deliver(): boolean {
    const line = this.lines.shift();
    if (line === undefined) return false;
    this.frontend!.receive(new TextEncoder().encode(line));
    return true;
  }
  inputReady(): Promise<void> {
    return Promise.resolve();
  }
}

export interface SimulateOptions extends BootOptions {
  readonly lines?: readonly string[];
  readonly seed?: number;
  readonly trace?: TraceSink;
  /** Properties of both virtio devices, such as `packed=on`. */
  readonly props?: Props;
  readonly latency?: number;
  /** Rules are watched, and a broken one is an error; default: as the run of the tests has it. */
  readonly strict?: boolean;
}

/** The demo machine of this build's transport. */
export function demo(props: Props = {}): MachineDescription {
  const suffix = TRANSPORT === "pci" ? "pci" : "device";
  return {
    machine: TRANSPORT === "pci" ? "q35" : "microvm",
    machineProps: TRANSPORT === "pci" ? {} : { acpi: "off" },
    memory: 64 << 20,
    devices: [
      { driver: `virtio-rng-${suffix}`, props, index: 0 },
      { driver: `virtio-serial-${suffix}`, props, index: 1 },
      { driver: "virtconsole", props: { chardev: "c0" }, index: 2 },
    ],
    chardevs: [{ backend: "stdio", id: "c0", props: { mux: "on" } }],
    serial: ["c0"],
    objects: [],
    netdevs: [],
    globals: [{ driver: "virtio-mmio", property: "force-legacy", value: "off" }],
    append: "",
    nodefaults: true,
    trace: [],
    ignored: [],
  };
}

/** Boots the demo machine; nothing runs yet. */
export function bootDemo(
  options: SimulateOptions = {},
): { machine: Machine; kernel: Kernel; terminal: ScriptedTerminal } {
  const terminal = new ScriptedTerminal(options.lines ?? []);
  const strict = options.strict ?? STRICT ? new StrictTest() : undefined;
  const machine = createMachine(demo(options.props), {
    chardevs: new Map([["c0", terminal]]),
    seed: options.seed ?? 1,
    trace: strict?.trace(options.trace) ?? options.trace ?? NO_TRACE,
    latency: options.latency,
  });
  strict?.watches(machine);
  const kernel = boot(machine, { careful: CAREFUL, ...options, ...strict?.boot(options) });
  return { machine, kernel, terminal };
}

/** Boots the demo machine, types the lines, waits for its end. */
export async function simulate(
  options: SimulateOptions = {},
): Promise<{ code: number; output: string; kernel: Kernel }> {
  const { kernel, terminal } = bootDemo(options);
  const code = await kernel.run();
  return { code, output: terminal.output, kernel };
}
