/** The kernel's shell: a line at a time from the console, one command a file idea (`commands.ts`, `inspect.ts`, `net.ts`). */
import type { Kernel } from "../kernel.ts";
import type { Task } from "../executor.ts";
import { COMMANDS } from "./commands.ts";

/** A command: `run` prints through `out` and may return an exit code to end the machine with. */
export interface Command {
  readonly usage: string;
  readonly help: string;
  run(kernel: Kernel, args: string[], out: (line: string) => void): Task<void> | void;
}

/** A command was called wrongly; the message says how it is called. */
export class CommandError extends Error {
  override name = "CommandError";
}

/** Runs the shell until `shutdown` or the end of the input; the exit code of the machine. */
export function* shell(kernel: Kernel): Task<number> {
  const { console, platform } = kernel.parts;
  const out = (line: string) => console.write(line + "\n");
  out("Type 'help' for the list of commands.");
  while (platform.exitCode === undefined) {
    console.write("> ");
    const line = yield* console.readLine();
    if (line === undefined) return 0;
    yield* execute(kernel, line, out);
  }
  return platform.exitCode;
}

/** Runs one line. An unknown command or a wrong argument is said, and nothing else happens. */
export function* execute(kernel: Kernel, line: string, out: (line: string) => void): Task<void> {
  const [name, ...args] = line.trim().split(/\s+/);
  if (name === "") return;
  const command = COMMANDS[name];
  if (command === undefined) {
    out(`${name}: no such command (help lists them)`);
    return;
  }
  try {
    const waiting = command.run(kernel, args, out);
    if (waiting !== undefined) yield* waiting;
  } catch (error) {
    if (error instanceof CommandError) out(`${name}: ${error.message}\nusage: ${command.usage}`);
    else out(`${name}: ${error instanceof Error ? `${error.name}: ${error.message}` : error}`);
  }
}
