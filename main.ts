/** The command line: a machine described in QEMU's words, an application, go. */
import { TRANSPORT } from "#transport";
import { RamDeviceMemory } from "./arch/device_memory.ts";
import type { Platform } from "./arch/platform.ts";
import { helpText } from "./cli/help.ts";
import { type Options, readOptions } from "./cli/options.ts";
import type { Attachment } from "./dashboard/tools/attach.ts";
import type { StrictSession } from "./cli/strict.ts";
import { UsageError } from "./devices/description.ts";
import { HostError, openChardevs, OutputFile, wallClock, writeAll } from "./devices/host/mod.ts";
import { openNetdevs } from "./devices/host/net/mod.ts";
import type { Chardev } from "./devices/chardev.ts";
import { createMachine } from "./devices/machine/mod.ts";
import { QemuPlatform } from "./devices/qemu/mod.ts";
import { APPS, boot, EnvError, UnknownAppError, VERSION } from "./kernel/mod.ts";
import type { DeviceAlloc } from "./mm/device_alloc.ts";
import type { TraceSink } from "./spec/trace.ts";
import {
  JsonLinesTrace,
  Owners,
  QemuLog,
  tee,
  TracedDeviceMemory,
  tracedPageTables,
} from "./verify/trace/mod.ts";

const USAGE = 2, INTERNAL = 70, HOST = 74, RULE_BROKEN = 76;
/** Milliseconds between a machine's end and that of its networks. */
const LAST_WORDS = 20;

/** Runs one command line; the exit status. */
async function main(argv: string[]): Promise<number> {
  let options: Options | undefined;
  try {
    options = readOptions(argv, TRANSPORT, APPS);
    if (options.what === "help") return say(helpText(TRANSPORT, APPS));
    if (options.what === "version") return say(`pagurus ${VERSION} (${TRANSPORT})\n`);
    if (!Object.hasOwn(APPS, options.app)) throw new UnknownAppError(options.app);
    for (const message of options.desc.ignored) complain(`ignored: ${message}`);
    return await run(options);
  } catch (error) {
    if (error instanceof EnvError) {
      complain(`-append: ${error.message}`);
      return USAGE;
    }
    if (error instanceof UsageError || error instanceof UnknownAppError || nameOf(error) === "MachineError") {
      complain((error as Error).message);
      return USAGE;
    }
    if (error instanceof HostError) {
      complain(error.message);
      return HOST;
    }
    complain(`internal error: ${error instanceof Error ? error.stack ?? error.message : error}`);
    complain(`seed ${options?.seed}, version ${VERSION}, commit ${commit()}`);
    return INTERNAL;
  }
}

async function run(options: Options): Promise<number> {
  const { desc, careful, app, appArgs } = options;
  const closers: (() => void)[] = [];
  let attachment: Attachment | undefined;
  let strict: StrictSession | undefined;
  let exitCode: number | undefined;
  let platform: Platform & Partial<Pick<QemuPlatform, "close" | "explain" | "deviceMemory">> | undefined;
  try {
    attachment = await attach(options);
    const { told, json } = openTraces(options, closers, attachment?.recorder);
    strict = await openStrict(options, told);
    const trace = strict === undefined ? told : tee([told, strict.strict]);
    let close = () => {};
    const host = openChardevs(desc, (status) => {
      close();
      Deno.exit(status);
    });
    closers.push(() => host.close());
    close = () => closeAll(closers);
    attachment?.offer(host.chardevs);
    platform = await startPlatform(options, host.chardevs, trace, closers);
    const { now } = platform;
    if (json !== undefined) json.clock = now.bind(platform);
    if (attachment !== undefined) attachment.recorder.clock = now.bind(platform);
    strict?.watches(platform);
    const owners = new Owners();
    const onDeviceAlloc = (made: DeviceAlloc) => void (owners.alloc = made);
    const deviceMemory = (base: number, bytes: Uint8Array<ArrayBufferLike>) => {
      const memory = platform?.deviceMemory?.(base, bytes.length) ?? new RamDeviceMemory(base, bytes);
      return told.on ? new TracedDeviceMemory(memory, trace, owners.at) : memory;
    };
    const kernel = boot(platform, {
      app,
      appArgs,
      careful,
      ...strict === undefined ? { deviceMemory, onDeviceAlloc } : strict.boot(deviceMemory, onDeviceAlloc),
      pageTableMemory: (base, bytes) => {
        const memory = new RamDeviceMemory(base, bytes);
        return told.on ? tracedPageTables(memory, trace) : memory;
      },
    });
    const code = await kernel.run(attachment?.turn.bind(attachment));
    const failure = await platform.explain?.();
    if (failure !== undefined) throw failure;
    exitCode = platform.exitCode ?? code;
    if (strict?.end("ended", VERSION) && exitCode === 0) exitCode = RULE_BROKEN;
    return exitCode;
  } catch (error) {
    if (nameOf(error) === "StrictStop") {
      strict?.end("ended", VERSION);
      strict?.show();
      if (attachment !== undefined) {
        complain("stopped; the page shows the machine until this process is ended (^C)");
        await attachment.hold();
      }
      return exitCode = RULE_BROKEN;
    }
    if (platform !== undefined) strict?.end("thrown", VERSION);
    // Whatever the guest said when its machine went away: the machine's end is the reason.
    throw await platform?.explain?.() ?? error;
  } finally {
    await platform?.close?.();
    // The guest's last datagrams: the host hands them to its sockets a turn later.
    if (desc.netdevs.length > 0) await new Promise((resolve) => setTimeout(resolve, LAST_WORDS));
    closeAll(closers);
    await attachment?.end(exitCode);
  }
}

/** The page that was asked for with `--dashboard`; what it is made of is loaded only then. */
async function attach({ dashboard }: Options): Promise<Attachment | undefined> {
  if (dashboard === undefined) return undefined;
  const { Attachment } = await import("./dashboard/tools/attach.ts");
  const attachment = new Attachment({ port: dashboard, title: ["pagurus", ...Deno.args].join(" ") });
  complain(`dashboard: ${attachment.link}`);
  return attachment;
}

/** The machine of the description, simulated or real. What must be closed at the end is added to `closers`. */
async function startPlatform(
  options: Options,
  chardevs: ReadonlyMap<string, Chardev>,
  trace: TraceSink,
  closers: (() => void)[],
) {
  const { desc, seed, latency } = options;
  if (options.platform === "simulated") {
    const log = (line: string) => complain(line);
    const network = await openNetdevs(desc, { log });
    closers.push(() => network.close());
    // What only the real QEMU needs is given back before anything runs, and what nothing in this machine can use.
    for (const name of ["run", "ffi"] as const) await Deno.permissions.revoke({ name });
    if (desc.netdevs.length === 0) await Deno.permissions.revoke({ name: "net" });
    const { netdevs } = network;
    return createMachine(desc, { chardevs, netdevs, clock: wallClock, seed, trace, latency });
  }
  const print = (bytes: Uint8Array) => writeAll(Deno.stderr, bytes);
  return await QemuPlatform.start(desc, { chardevs, trace, program: options.qemu, print });
}

/** The rules that are watched, if they are; they are loaded only then. */
async function openStrict(
  { strict, platform }: Options,
  sink: TraceSink,
): Promise<StrictSession | undefined> {
  if (strict === undefined) return undefined;
  const { StrictSession } = await import("./cli/strict.ts");
  const root = new URL("./", import.meta.url);
  return new StrictSession(strict, platform, {
    sink,
    complain: (text) => writeAll(Deno.stderr, new TextEncoder().encode(text)),
    color: Deno.stderr.isTerminal() && !Deno.noColor,
    source(file) {
      try {
        return Deno.readTextFileSync(new URL(file, root)).split("\n");
      } catch {
        return undefined;
      }
    },
    write(file, text) {
      try {
        Deno.writeTextFileSync(file, text);
      } catch (error) {
        throw new HostError(`--strict-report ${file}: ${(error as Error).message}`);
      }
    },
  });
}

/** The sinks that were asked for; strict rules are not among them. A real QEMU writes its own log. */
function openTraces(options: Options, closers: (() => void)[], recorder?: TraceSink) {
  const { desc, traceFile, platform } = options;
  const sinks: TraceSink[] = recorder === undefined ? [] : [recorder];
  let json: JsonLinesTrace | undefined;
  if (traceFile !== undefined) {
    const file = openTrace(traceFile);
    closers.push(() => file.close());
    json = new JsonLinesTrace((text) => file.writeText(text));
    sinks.push(json);
  }
  if (desc.trace.length > 0 && platform === "simulated") {
    const encoder = new TextEncoder();
    let readers = true;
    sinks.push(
      new QemuLog(desc.trace, (text) => {
        // A reader that went away (`2>&1 | head`) ends the log, not the machine that is being watched.
        try {
          if (readers) writeAll(Deno.stderr, encoder.encode(text));
        } catch {
          readers = false;
        }
      }),
    );
  }
  return { told: tee(sinks), json };
}

function closeAll(closers: (() => void)[]): void {
  for (const close of closers.splice(0).reverse()) close();
}

function openTrace(path: string): OutputFile {
  try {
    return new OutputFile(path);
  } catch (error) {
    throw new UsageError(`--trace ${path}: ${(error as Error).message}`);
  }
}

function say(text: string): number {
  try {
    writeAll(Deno.stdout, new TextEncoder().encode(text));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) {
      throw new HostError(`standard output: ${(error as Error).message}`);
    }
  }
  return 0;
}

function complain(message: string): void {
  writeAll(Deno.stderr, new TextEncoder().encode(`pagurus: ${message}\n`));
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

/** The commit of this working copy, for error reports; no git program is needed. */
function commit(): string {
  try {
    const git = new URL(".git/", import.meta.url);
    const head = Deno.readTextFileSync(new URL("HEAD", git)).trim();
    return head.startsWith("ref: ") ? Deno.readTextFileSync(new URL(head.slice(5), git)).trim() : head;
  } catch {
    return "unknown";
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
