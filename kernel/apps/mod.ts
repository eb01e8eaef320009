/** What a unikernel runs after boot: one application, named on the command line. */
import type { Task } from "../executor.ts";
import type { Kernel } from "../kernel.ts";
import { shell } from "../shell/mod.ts";

/** An application: a task whose result is the exit code. */
export interface App {
  readonly help: string;
  /**
   * It uses a network: the machine that is started without machine options has a card. What is listed are the ports of
   * the host's loopback that lead to the same port of the guest: `tcp:9975`, `udp:9975`.
   */
  readonly network?: readonly string[];
  run(kernel: Kernel, args: readonly string[]): Task<number>;
}

/** Hermit's CI image `stdin`: reads a line and says it back. */
function* stdin(kernel: Kernel): Task<number> {
  const line = yield* kernel.parts.console.readLine();
  if (line === undefined) return 1;
  kernel.parts.console.write(`${line}\n`);
  return 0;
}

/** The applications by name. */
export const APPS: Readonly<Record<string, App>> = {
  __proto__: null as unknown as App,
  shell: { help: "the kernel's shell", run: (kernel) => shell(kernel) },
  stdin: { help: "reads one line from the console and prints it back", run: (kernel) => stdin(kernel) },
};
