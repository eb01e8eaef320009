import { NO_TRACE, type TraceSink } from "../../spec/trace.ts";
import type { Chardev } from "../chardev.ts";
import type { MachineDescription } from "../description/types.ts";
import { readBool } from "../description/words.ts";
import { createMachine } from "../machine/create.ts";
import { qemuArguments } from "./arguments.ts";
import { Libc } from "./libc.ts";
import { QemuProcess } from "./process.ts";
import { openRam, type SharedRam } from "./ram.ts";
import { QemuStdio } from "./stdio.ts";
import { Workspace } from "./workspace.ts";

/** What the real QEMU needs of its host. */
export interface QemuHost {
  /** Back ends of `stdio` chardevs by id; the other kinds are QEMU's own. */
  readonly chardevs: ReadonlyMap<string, Chardev>;
  readonly trace?: TraceSink;
  /** Default: `qemu-system-x86_64`. */
  readonly program?: string | undefined;
  /** Keep this thread and QEMU on one CPU: a round trip then takes a tenth of the time. Default true. */
  readonly pin?: boolean;
  /** RAM without a mapping, as on a host without FFI. */
  readonly withoutFfi?: boolean;
  /** Milliseconds that one command may take; default 10,000. */
  readonly patience?: number | undefined;
  /** Gets what QEMU prints. */
  readonly print?: (bytes: Uint8Array) => void;
}

/** A QEMU that has answered, and what belongs to it. */
export interface QemuParts {
  readonly process: QemuProcess;
  readonly shared: SharedRam;
  readonly stdio: readonly QemuStdio[];
  /** The kernel's command line, as the machine makes it. */
  readonly commandLine: string;
  /** Ends QEMU and gives everything back. */
  release(): Promise<void>;
}

/** Starts QEMU as the described machine. @throws {UsageError} @throws {QemuError} */
export async function startQemu(desc: MachineDescription, host: QemuHost): Promise<QemuParts> {
  // The simulated machine is the plan: it refuses what is wrong before QEMU does, and knows the occupied slots.
  const plan = createMachine({ ...desc, memory: 1 << 20 }, { chardevs: new Map(), seed: 0, trace: NO_TRACE });
  const undo: (() => void | Promise<void>)[] = [];
  const release = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const libc = host.withoutFfi ? undefined : Libc.open();
    if (libc !== undefined) undo.push(() => libc.close());
    const cpu = host.pin === false ? -1 : libc?.currentCpu() ?? -1;
    if (cpu >= 0) undo.push(libc!.pin(cpu));
    const workspace = await Workspace.create(desc.chardevs.some((c) => c.backend === "stdio"));
    undo.push(() => workspace.remove());
    const files = {
      qtest: workspace.file("qtest"),
      ram: workspace.file("ram"),
      firmware: workspace.file("park.bin"),
      stdio: workspace.file("stdio"),
    };
    const shared = openRam(files.ram, desc.machine, desc.memory, libc);
    undo.push(() => shared.close());
    const stdio = openStdio(desc, host, files.stdio);
    for (const s of stdio) undo.push(() => s.close());
    const process = await QemuProcess.start(
      {
        program: host.program ?? "qemu-system-x86_64",
        args: qemuArguments(desc, files),
        patience: host.patience,
        cpu: cpu >= 0 ? cpu : undefined,
      },
      workspace,
      libc,
    );
    undo.push(() => process.close());
    process.qtest.send(`irq_intercept_in ${hasSecondIoapic(desc) ? SECOND_IOAPIC : "ioapic"}`);
    await workspace.remove();
    return { process, shared, stdio, commandLine: plan.commandLine, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** QEMU reports the lines of one device. The second IOAPIC has no name but its place among the nameless (QEMU 7.2). */
const SECOND_IOAPIC = "/machine/unattached/device[3]";

/** microvm has a second IOAPIC, unless it has no ACPI or was told to have none (QEMU 7.2, hw/i386/microvm.c). */
export function hasSecondIoapic({ machine, machineProps }: MachineDescription): boolean {
  const off = (name: string) => ["off", "no", "false", "n"].includes(machineProps[name] ?? "");
  return machine === "microvm" && !off("acpi") && !off("ioapic2");
}

/** The description has at most one `stdio` chardev: there is one terminal. */
function openStdio(desc: MachineDescription, host: QemuHost, path: string): QemuStdio[] {
  return desc.chardevs.filter((c) => c.backend === "stdio").map(({ id, props }) => {
    const mux = readBool(`-chardev stdio,id=${id}`, "mux", props.mux ?? "off");
    Deno.writeFileSync(`${path}.out`, new Uint8Array(0));
    const output = Deno.openSync(`${path}.out`, { read: true });
    const input = Deno.openSync(`${path}.in`, { read: true, write: true });
    return new QemuStdio(id, host.chardevs.get(id), mux, output, input, host.trace ?? NO_TRACE);
  });
}
