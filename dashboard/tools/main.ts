/**
 * `deno task dashboard`: builds the page and serves it on 127.0.0.1. With a file that `--trace FILE` wrote, the page opens
 * that run. `--build` only builds (into `dashboard/dist`); `--port N`, default 8000 or what is free.
 */
import { build, compress } from "./build.ts";
import { PageServer } from "./page_server.ts";
import { showRecording } from "./show_recording.ts";
import { loadTrace } from "./trace_file.ts";

const DEFAULT_PORT = 8000;
const USAGE = "usage: deno task dashboard [--build] [--port N] [TRACE.jsonl]";

function fail(message: string, code = 2): never {
  console.error(`dashboard: ${message}`);
  Deno.exit(code);
}

let port: number | undefined;
let buildOnly = false;
let trace: string | undefined;
const args = Deno.args.filter((a) => a !== "--");
for (let i = 0; i < args.length; i++) {
  const arg = args[i];
  if (arg === "--build") buildOnly = true;
  else if (arg === "-h" || arg === "--help") {
    console.log(USAGE);
    Deno.exit(0);
  } else if (arg === "--port" || arg.startsWith("--port=")) {
    const text = arg.includes("=") ? arg.split("=")[1] : args[++i];
    port = Number(text);
    if (!Number.isInteger(port) || port < 0 || port > 65535 || text === "") {
      fail(`--port ${text}: expected 0 to 65535`);
    }
  } else if (arg.startsWith("-") || trace !== undefined) fail(`'${arg}': ${USAGE}`);
  else trace = arg;
}

const loaded = trace === undefined
  ? undefined
  : await loadTrace(trace).catch((error) => fail(`${trace}: ${error.message}`));
await build().catch((error) => fail(error.message, 74));
if (buildOnly) {
  const { gzip, brotli } = await compress();
  const kilo = (bytes: number) => Math.round(bytes / 1000);
  console.log("The page is in dashboard/dist: static files, for any folder of any server.");
  console.log(
    `The first view loads ${kilo(gzip)} KB of script by gzip, ${kilo(brotli)} KB by brotli ` +
      "(the .br files are for servers that send them).",
  );
  Deno.exit(0);
}

function serve(): PageServer {
  const options = loaded === undefined ? {} : { connect: showRecording(loaded.recorder, trace!) };
  try {
    return new PageServer({ port: port ?? DEFAULT_PORT, ...options });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    if (port !== undefined) fail(`port ${port} is in use already`, 74);
    return new PageServer({ port: 0, ...options });
  }
}
const server = serve();
if (loaded !== undefined) {
  const { recorder, unknown, cut } = loaded;
  const notes = [`${recorder.length} events`];
  if (recorder.first > 0) notes.push(`the first ${recorder.first} were dropped to keep within the bound`);
  if (unknown > 0) notes.push(`${unknown} lines of kinds that are not known here`);
  if (cut) notes.push("the last line is cut off");
  console.log(`${trace}: ${notes.join("; ")}`);
}
console.log(`Open ${server.link}`);
