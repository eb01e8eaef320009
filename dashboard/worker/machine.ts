import type { WallClock } from "../../devices/machine/pace.ts";
import { Recorder } from "../../verify/record/mod.ts";
import type { Calls, News, Reply, Request, Setup } from "../lib/protocol.ts";
import { Run } from "./run.ts";
import { Server } from "./serve.ts";
import { inSlices } from "./slices.ts";

/** Milliseconds between two messages about progress. */
const PROGRESS = 100;

/** The clock of whoever runs this: a page's worker, or a test. */
export const workerClock: WallClock = {
  now: () => performance.now() * 1e6,
  after(ns, wake) {
    const timer = setTimeout(wake, Math.min(Math.ceil(ns / 1e6), 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
  turn: () => new Promise((resolve) => setTimeout(resolve)),
};

/** Lets messages in at once: `setTimeout` would wait some milliseconds. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      port2.close();
      resolve();
    };
    port2.postMessage(0);
  });
}

/**
 * A machine to be booted, behind the protocol. What it has to say goes to `post`; the function returned takes requests,
 * and its `close` ends the machine.
 *
 * @param limit bound on the recording in bytes.
 */
export function serveMachine(
  transport: "pci" | "mmio",
  post: (message: News | Reply) => void,
  limit?: number,
): ((request: Request) => void) & { close(): void } {
  let run: Run | undefined;
  let setup: Setup | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let told = "";
  /** Whether the page knows what this machine has booted to. */
  let booted = false;

  const tell = () => {
    timer = undefined;
    const progress = server.progress(run?.status ?? "none", {
      exitCode: run?.exitCode,
      failure: run?.failure,
    });
    const now = `${progress.length} ${progress.machine}`;
    if (now !== told) post({ news: "progress", progress });
    told = now;
    if (progress.machine === "running") changed();
  };
  const changed = () => {
    if (!booted && run !== undefined && run.status !== "running") {
      // Somebody waits to see the first of it.
      booted = true;
      clearTimeout(timer);
      timer = setTimeout(tell);
    }
    timer ??= setTimeout(tell, PROGRESS);
  };
  const start = (next: Run, why: "boot" | "fork") => {
    run?.drop();
    run = next;
    server.follow(next.recorder);
    told = "";
    booted = false;
    post({ news: "restart", why });
    void next.start().then(changed);
    changed();
  };
  const host = { clock: workerClock, now: () => performance.now(), breathe, changed, limit };
  const server = new Server(new Recorder(limit), {
    kind: "worker",
    title: "the machine in this page",
    canBoot: true,
    canInput: true,
    canFork: true,
  }, {
    boot(args: Calls["boot"]["args"]) {
      if (args.setup.transport !== transport) {
        throw new Error(`this worker's kernel is built for ${transport}, not for ${args.setup.transport}`);
      }
      const next = new Run(args.setup, host);
      setup = args.setup;
      start(next, "boot");
      return { ignored: next.ignored };
    },
    input({ chardev, bytes, at }) {
      if (run === undefined || setup === undefined) throw new Error("no machine has been booted");
      if (at >= 0 && at < run.recorder.length - 1) {
        start(new Run(setup, host, { inputs: run.inputs, until: at }), "fork");
      }
      run.type(chardev, bytes);
    },
    hold({ held }) {
      run?.hold(held);
      changed();
    },
  });
  post({ news: "hello", source: server.source });
  const serve = (request: Request) => inSlices(server.work(request), post, breathe);
  return Object.assign(serve, {
    close() {
      run?.drop();
      clearTimeout(timer);
    },
  });
}
