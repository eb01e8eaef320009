/** Back ends that touch the host: standard input and output, files. The only device code with Deno APIs. */
import type { Chardev } from "../chardev.ts";
import { type MachineDescription, UsageError } from "../description/mod.ts";
import { BufferChardev } from "./buffer_chardev.ts";
import { OutputFile } from "./file.ts";
import { StdioChardev } from "./stdio.ts";

export { BufferChardev } from "./buffer_chardev.ts";
export { HostError, OutputFile, writeAll } from "./file.ts";
export { MuxEscape } from "./mux.ts";
export { StdioChardev, type StdioOptions } from "./stdio.ts";
export { wallClock } from "./wall_clock.ts";

/** The host's chardevs of a description; {@link HostChardevs.close} flushes files and gives the terminal back. */
export interface HostChardevs {
  readonly chardevs: Map<string, Chardev>;
  close(): void;
}

/**
 * Opens the back ends that a description names.
 *
 * @param quit the user wants to leave, with this exit status.
 * @throws {UsageError} if a file cannot be created.
 */
export function openChardevs(desc: MachineDescription, quit: (status: number) => void): HostChardevs {
  const chardevs = new Map<string, Chardev>();
  const closers: (() => void)[] = [];
  const isOn = (value: string | undefined, otherwise: boolean) =>
    value === undefined ? otherwise : ["on", "yes", "true", "y"].includes(value);
  for (const { backend, id, props } of desc.chardevs) {
    if (backend === "stdio") {
      const options = { mux: isOn(props.mux, false), signal: isOn(props.signal, true), quit };
      const stdio = new StdioChardev(id, options);
      chardevs.set(id, stdio);
      closers.push(() => stdio.close());
    } else if (backend === "file") {
      const file = openFile(id, props.path, isOn(props.append, false));
      const chardev = new BufferChardev(id);
      chardev.write = (bytes) => file.write(bytes);
      chardev.end();
      chardevs.set(id, chardev);
      closers.push(() => file.close());
    }
  }
  return { chardevs, close: () => closers.forEach((close) => close()) };
}

function openFile(id: string, path: string, append: boolean): OutputFile {
  try {
    return new OutputFile(path, append);
  } catch (error) {
    throw new UsageError(`-chardev file,id=${id},path=${path}: ${(error as Error).message}`);
  }
}
