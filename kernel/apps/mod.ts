/**
 * What a unikernel runs after boot: one application, named on the command line. `http/` is the web server and its client;
 * `hermit_ci.ts` has the images that Hermit's own test runner talks to.
 */
import type { Task } from "../executor.ts";
import type { Kernel } from "../kernel.ts";
import { shell } from "../shell/mod.ts";
import { echo } from "./echo.ts";
import * as hermit from "./hermit_ci.ts";
import { httpd } from "./httpd.ts";
import { netbench } from "./netbench.ts";
import { ping } from "./ping.ts";
import { AppUsageError, DEFAULT_PORT } from "./support.ts";
import { wget } from "./wget.ts";

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

/** Says how an application is called when it was called wrongly. */
function* told(kernel: Kernel, name: string, task: Task<number>): Task<number> {
  try {
    return yield* task;
  } catch (error) {
    if (!(error instanceof AppUsageError)) throw error;
    kernel.parts.console.write(`${name}: ${error.message}\n`);
    return 2;
  }
}

const TCP = [`tcp:${DEFAULT_PORT}`], UDP = [`udp:${DEFAULT_PORT}`], BOTH = [...TCP, ...UDP];

/** The applications by name. */
export const APPS: Readonly<Record<string, App>> = {
  __proto__: null as unknown as App,
  shell: { help: "the kernel's shell", run: (kernel) => shell(kernel) },
  httpd: {
    help: "web server: httpd [PORT [REQUESTS]]; ^C ends it",
    network: TCP,
    run: (kernel, args) => told(kernel, "httpd", httpd(kernel, args)),
  },
  wget: {
    help: "fetches a page: wget http://HOST[:PORT]/PATH",
    network: [],
    run: (kernel, args) => told(kernel, "wget", wget(kernel, args)),
  },
  ping: {
    help: "asks a machine for an answer: ping HOST [COUNT [SIZE]]",
    network: [],
    run: (kernel, args) => told(kernel, "ping", ping(kernel, args)),
  },
  echo: {
    help: "sends back what comes, over TCP and UDP: echo [PORT]; ^C ends it",
    network: BOTH,
    run: (kernel, args) => told(kernel, "echo", echo(kernel, args)),
  },
  netbench: {
    help: "throughput and round trips: netbench [server [PORT] | HOST[:PORT] [tcp|udp|all] [MIB]]",
    network: BOTH,
    run: (kernel, args) => told(kernel, "netbench", netbench(kernel, args)),
  },
  testudp: {
    help: `prints the datagrams that come to port ${DEFAULT_PORT} (Hermit's CI)`,
    network: UDP,
    run: (kernel) => hermit.testudp(kernel),
  },
  mioudp: {
    help: `sends back the datagrams that come to port ${DEFAULT_PORT} (Hermit's CI)`,
    network: UDP,
    run: (kernel) => hermit.mioudp(kernel),
  },
  miotcp: {
    help: `greets who connects to port ${DEFAULT_PORT}, prints what comes (Hermit's CI)`,
    network: TCP,
    run: (kernel) => hermit.miotcp(kernel),
  },
  poll: {
    help: `prints what comes to ports ${DEFAULT_PORT} and ${DEFAULT_PORT + 1} (Hermit's CI)`,
    network: [...TCP, `tcp:${DEFAULT_PORT + 1}`],
    run: (kernel) => hermit.poll(kernel),
  },
  loopback: { help: "talks to itself (Hermit's CI)", run: (kernel) => hermit.loopback(kernel) },
  stdin: { help: "reads one line from the console and prints it back", run: (kernel) => stdin(kernel) },
};
