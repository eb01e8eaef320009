import type { Chardev } from "../../devices/chardev.ts";
import { BufferChardev, HostError, wallClock } from "../../devices/host/mod.ts";
import { Recorder } from "../../verify/record/mod.ts";
import type { Calls, Progress, Reply, Request } from "../lib/protocol.ts";
import { Server } from "../worker/serve.ts";
import { DIST } from "./build.ts";
import { type Page, PageServer, SLOW } from "./page_server.ts";

const DEFAULT_PORT = 8000;
/** Milliseconds that a busy machine runs before pages have their turn. */
const SLICE = 10;
/** Milliseconds between two messages about progress. */
const PROGRESS = 100;
/** Milliseconds that answers may take at a time; then the machine has as many as they took. */
const ANSWERS = 4;
/** Questions of one page that may wait; one that asks more without reading is shown out. */
const MOST_WAITING = 1000;
/** Pages that may look on at a time. */
const MOST_PAGES = 8;
/** Milliseconds that pages have to see the end, and to hear of it. */
const FAREWELL = 300;
/** Milliseconds without a question after which a page has seen it; and between two looks at that. */
const QUIET = 60, LOOK = 10;

export interface AttachOptions {
  /** `any`: 8000, or what is free; 0: what is free. */
  readonly port: number | "any";
  /** The machine's command line. */
  readonly title: string;
  /** Bound on the recording in bytes. */
  readonly limit?: number;
  /** The built page; for tests. */
  readonly dist?: URL;
}

/** A page that looks on. */
interface Visitor {
  readonly page: Page;
  readonly server: Server;
  readonly waiting: Request[];
  /** The answer that is being made. */
  work?: Generator<void, Reply>;
}

/**
 * The pages that look at a machine which runs in this process, on 127.0.0.1 only. They cost it some of its time and no
 * more: answers take at most every other millisecond, whoever does not read gets no news and no answers, and the recording
 * has its bound. They live as long as the machine does: when it ends, its process ends.
 */
export class Attachment {
  /** A sink for what happens in the machine. */
  readonly recorder: Recorder;
  private readonly server: PageServer;
  private readonly visitors = new Set<Visitor>();
  private chardevs: ReadonlyMap<string, Chardev> = new Map();
  private readonly ticker: ReturnType<typeof setInterval>;
  private answering: ReturnType<typeof setTimeout> | undefined;
  private told = "";
  private onLastGone: () => void = () => {};
  private sliceEnd = 0;
  private held = false;
  /** Whether the machine has something to do, and waits for the pages. */
  private busy = true;

  /** @throws {HostError} if the port is in use, or the page has not been built. */
  constructor(private readonly options: AttachOptions) {
    this.recorder = new Recorder(options.limit);
    this.server = listen(options.port, (page) => this.welcome(page));
    // Nothing of this keeps a process alive whose machine waits for nothing any more.
    this.server.unref();
    this.ticker = setInterval(() => this.tell(), PROGRESS);
    Deno.unrefTimer(this.ticker);
    try {
      Deno.statSync(new URL("index.html", options.dist ?? DIST));
    } catch {
      void this.end();
      throw new HostError("--dashboard: the page has not been built; `deno task dashboard:build` does it");
    }
  }

  /** What to open in a browser; it holds the token. */
  get link(): string {
    return this.server.link;
  }
  get origin(): string {
    return this.server.origin;
  }
  /** The machine's chardevs: pages may type into those that take input. */
  offer(chardevs: ReadonlyMap<string, Chardev>): void {
    this.chardevs = chardevs;
  }
  /** For the kernel's main loop: lets the host have its turn now and then. */
  turn(): void | Promise<void> {
    this.busy = false;
    if (performance.now() < this.sliceEnd) return;
    return this.rest();
  }
  /**
   * The machine has ended: says so to the pages, with its exit status if it has one, and shows them the last moment. Waits
   * for no page long.
   */
  async end(exitCode?: number): Promise<void> {
    clearInterval(this.ticker);
    clearTimeout(this.answering);
    const failed = exitCode === undefined;
    const why = failed ? "the machine has failed" : `the machine has ended with exit status ${exitCode}`;
    for (const { page, server } of this.visitors) {
      const progress = server.progress(
        failed ? "failed" : "ended",
        failed ? { failure: why } : { exitCode },
      );
      page.post({ news: "progress", progress });
    }
    await this.lastAnswers();
    clearTimeout(this.answering);
    for (const { page } of this.visitors) page.close(1000, why);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, FAREWELL));
    // The server's own farewell would not say why.
    const gone = new Promise<void>((resolve) => this.onLastGone = resolve);
    if (this.visitors.size > 0) await Promise.race([gone, late]);
    await Promise.race([this.server.close(), late]);
    clearTimeout(timer);
  }

  /** The machine was stopped where it is; pages go on looking at it until the process is ended. */
  hold(): Promise<never> {
    this.held = true;
    this.busy = false;
    Deno.refTimer(this.ticker);
    return new Promise(() => {});
  }
  /** Pages ask for the last moment when they hear that it is the last: answers until they are quiet, or for a while. */
  private async lastAnswers(): Promise<void> {
    const end = performance.now() + FAREWELL;
    for (let quiet = 0; quiet < QUIET && this.visitors.size > 0 && performance.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, LOOK));
      quiet = this.answerSome() ? 0 : quiet + LOOK;
    }
  }
  private async rest(): Promise<void> {
    this.busy = true;
    await wallClock.turn();
    this.busy = false;
    this.sliceEnd = performance.now() + SLICE;
  }
  private welcome(page: Page): void {
    if (this.visitors.size >= MOST_PAGES) return page.close(1013, `${MOST_PAGES} pages look on already`);
    const canInput = [...this.chardevs.values()].some(takesInput);
    const server = new Server(this.recorder, {
      kind: "attached",
      title: this.options.title,
      canBoot: false,
      canInput,
      canFork: false,
    }, { input: (args) => this.type(args) });
    const visitor: Visitor = { page, server, waiting: [] };
    this.visitors.add(visitor);
    page.onGone = () => {
      this.visitors.delete(visitor);
      if (this.visitors.size === 0) this.onLastGone();
    };
    page.onRequest = (request) => {
      if (visitor.waiting.length >= MOST_WAITING) {
        this.visitors.delete(visitor);
        return page.close(1008, "this page asks more than it reads");
      }
      visitor.waiting.push(request);
      this.answerSoon(0);
    };
    page.post({ news: "hello", source: server.source });
    page.post({ news: "progress", progress: server.progress(this.status) });
  }
  private type({ chardev, bytes }: Calls["input"]["args"]): void {
    const found = this.chardevs.get(chardev);
    if (found === undefined) {
      const known = [...this.chardevs.keys()].join(", ") || "none";
      throw new Error(`no chardev '${chardev}' of the host (possible: ${known})`);
    }
    if (!takesInput(found)) throw new Error(`chardev '${chardev}' takes no input (any more)`);
    found.send(bytes);
  }

  private get status(): Progress["machine"] {
    if (this.held) return "held";
    return this.busy ? "running" : "idle";
  }
  /** Called by a timer: the host has its turn either while a busy machine rests, or because the machine waits. */
  private tell(): void {
    const now = `${this.recorder.length} ${this.status}`;
    if (now === this.told) return;
    this.told = now;
    for (const { page, server } of this.visitors) {
      page.post({ news: "progress", progress: server.progress(this.status) });
    }
  }

  private answerSoon(ms: number): void {
    if (this.answering !== undefined) return;
    this.answering = setTimeout(() => {
      this.answering = undefined;
      this.answerSome();
    }, ms);
    Deno.unrefTimer(this.answering);
  }
  /** Answers in turn whoever reads the answers, piece by piece. False: there was no question. */
  private answerSome(): boolean {
    const start = performance.now();
    let spent = 0, left = true, asked = false;
    while (left && spent < ANSWERS) {
      left = false;
      for (const visitor of this.visitors) {
        const { page, server, waiting } = visitor;
        if (visitor.work === undefined && waiting.length === 0 || page.buffered > SLOW) continue;
        asked = true;
        const { done, value } = (visitor.work ??= server.work(waiting.shift()!)).next();
        if (done) {
          page.post(value as Reply);
          visitor.work = undefined;
        }
        left ||= !done || waiting.length > 0;
      }
      spent = performance.now() - start;
    }
    if (left) this.answerSoon(spent);
    else if ([...this.visitors].some((v) => v.waiting.length > 0 || v.work !== undefined)) {
      this.answerSoon(PROGRESS);
    }
    return asked;
  }
}

/** What the host's standard input feeds can be fed by a page as well, until it has ended. */
function takesInput(chardev: Chardev): chardev is BufferChardev {
  return chardev instanceof BufferChardev && chardev.inputOpen;
}

function listen(port: number | "any", connect: (page: Page) => void): PageServer {
  try {
    return new PageServer({ port: port === "any" ? DEFAULT_PORT : port, connect });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      if (port === "any") return new PageServer({ port: 0, connect });
      throw new HostError(`--dashboard: port ${port} is in use already`);
    }
    throw new HostError(`--dashboard: port ${port}: ${(error as Error).message}`);
  }
}
