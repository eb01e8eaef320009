import { QemuError } from "./error.ts";
import type { Libc } from "./libc.ts";
import { QemuOutput } from "./output.ts";
import { Qtest, type QtestPipe } from "./qtest.ts";
import type { Workspace } from "./workspace.ts";

/** CPU seconds after which a QEMU that never answers is ended by the kernel (SIGXCPU), and how often that is renewed. */
const CPU_LIMIT = 20;
const RENEW_EVERY = 5_000;
/** Milliseconds for the first answer. */
const START_PATIENCE = 15_000;

/** How QEMU is run. */
export interface ProcessOptions {
  /** The program: a name in PATH, or a path. */
  readonly program: string;
  readonly args: readonly string[];
  /** Milliseconds that a command may take. */
  readonly patience?: number | undefined;
  /** CPU that QEMU stays on; undefined: any. */
  readonly cpu?: number | undefined;
}

/**
 * A QEMU process and the qtest connection to it. It dies with the thread that started it, by whatever that is ended
 * (`setpriv --pdeathsig`), and after some seconds of CPU time without anyone who renews them (`prlimit`).
 */
export class QemuProcess {
  private renewed = performance.now();
  private ended = false;

  private constructor(
    private readonly child: Deno.ChildProcess,
    readonly qtest: Qtest,
    private readonly pipe: QtestPipe,
    /** What QEMU prints. */
    readonly log: QemuOutput,
    private readonly libc: Libc | undefined,
    private readonly pollFd: number,
  ) {}

  /**
   * Starts QEMU and waits for its first answer.
   *
   * @throws {QemuError} NotStarted or Refused, with what QEMU printed.
   */
  static async start(
    options: ProcessOptions,
    workspace: Workspace,
    libc: Libc | undefined,
  ): Promise<QemuProcess> {
    const [input, output] = [workspace.file("qtest.in"), workspace.file("qtest.out")];
    const errorFile = workspace.file("stderr");
    const log = new QemuOutput(errorFile);
    // A FIFO opened for one direction waits for the other end; these two are the other end until QEMU is.
    const holdOut = Deno.openSync(output, { read: true, write: true });
    const from = Deno.openSync(output, { read: true });
    const holdIn = Deno.openSync(input, { read: true, write: true });
    const to = Deno.openSync(input, { write: true });
    const holds = [holdOut, holdIn];
    const release = () => holds.splice(0).forEach((f) => f.close());
    const pollFd = libc?.openForPoll(output) ?? -1;
    const pipe = { to, from };
    const qtest = new Qtest(pipe, libc, pollFd, (what) => log.describe(what), options.patience);
    let child: Deno.ChildProcess;
    try {
      child = spawn(options, errorFile);
    } catch (error) {
      release();
      for (const f of [to, from, log]) f.close();
      if (pollFd >= 0) libc?.closeFd(pollFd);
      throw new QemuError("NotStarted", `${options.program}: ${(error as Error).message}`);
    }
    const qemu = new QemuProcess(child, qtest, pipe, log, libc, pollFd);
    try {
      await qemu.firstAnswer(options.program, release);
    } catch (error) {
      release();
      await qemu.close();
      throw error;
    }
    release();
    return qemu;
  }

  private async firstAnswer(program: string, release: () => void): Promise<void> {
    const { qtest } = this;
    const answer = qtest.waitForEvent();
    qtest.poke();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"late">((resolve) => timer = setTimeout(() => resolve("late"), START_PATIENCE));
    const first = await Promise.race([answer.then(() => "answer" as const), this.child.status, late]);
    clearTimeout(timer);
    if (first === "answer") {
      await qtest.stopWaiting();
      return;
    }
    if (first === "late") this.kill();
    const status = await this.child.status;
    release();
    await answer;
    if (first === "late") {
      throw new QemuError(
        "Hung",
        this.log.describe(`QEMU gave no first answer within ${START_PATIENCE / 1000} s`),
      );
    }
    if (status.code === 127 && /failed to execute|not found|No such file/.test(this.log.recent())) {
      throw new QemuError(
        "NotStarted",
        `${program} was not found (Debian: apt-get install qemu-system-x86)`,
      );
    }
    throw new QemuError(
      "Refused",
      this.log.describe(`QEMU ended before it answered (${statusText(status)})`),
    );
  }

  /** Process id, for tests and for people. */
  get pid(): number {
    return this.child.pid;
  }
  /** Gives QEMU more CPU time, now and then. Called where a round trip is cheap to forget. */
  renew(): void {
    const now = performance.now();
    if (now - this.renewed < RENEW_EVERY || this.ended) return;
    this.renewed = now;
    const used = cpuSeconds(this.pid);
    new Deno.Command("setsid", {
      args: ["prlimit", "--pid", `${this.pid}`, `--cpu=${Math.ceil(used) + CPU_LIMIT}:`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).outputSync();
  }
  kill(): void {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }
  /** How it ended: resolves once it has. */
  async ending(): Promise<string> {
    return statusText(await this.child.status);
  }
  /** Ends QEMU (SIGTERM would trip an assertion of its own) and gives everything back. */
  async close(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    this.kill();
    await this.child.status;
    await this.qtest.stopWaiting();
    for (const file of [this.pipe.to, this.pipe.from, this.log]) file.close();
    if (this.pollFd >= 0) this.libc?.closeFd(this.pollFd);
  }
}

function spawn({ program, args, cpu }: ProcessOptions, errorFile: string): Deno.ChildProcess {
  const pin = cpu === undefined ? [] : ["taskset", "-c", `${cpu}`];
  return new Deno.Command("setsid", {
    args: [
      ...["sh", "-c", 'exec "$@" 2>>"$0"', errorFile],
      ...["setpriv", "--pdeathsig", "KILL", "prlimit", `--cpu=${CPU_LIMIT}:unlimited`, "--core=0", ...pin],
      program,
      ...args,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** User and system time of a process. Fields 14 and 15 of its stat line, in ticks of 10 ms. */
function cpuSeconds(pid: number): number {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

function statusText(status: Deno.CommandStatus): string {
  return status.signal === null ? `exit status ${status.code}` : `${status.signal}`;
}
