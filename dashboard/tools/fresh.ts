/**
 * `deno task dashboard:fresh`: the same page under real Fresh, for those who reach JSR, where Fresh is published. It is
 * built and served on 127.0.0.1; `--port N`, default 8000. `--build` builds only; `--dev` runs Fresh's development server.
 */
import { temporarily } from "./build.ts";
import { DASHBOARD, install, path } from "./deno.ts";
import { buildWorkers, workersInStatic } from "./workers.ts";

/**
 * Fresh's Vite plugin reads the `deno.json` of the folder that it is started in, and no other can be named; the page's own
 * maps `fresh` to the npm host. So the shared files are copied beside the dashboard, as deep as they lie there, with
 * Fresh's import map as `deno.json`: a Fresh project as `deno create` makes one, in which Fresh's own commands work.
 */
const staged = new URL("../dashboard-fresh/", DASHBOARD);
const SHARED = ["routes", "islands", "components", "lib", "static", "hosts/fresh"];
/** Milliseconds that JSR has to answer. */
const PATIENCE = 5000;

/** Why JSR cannot be reached; undefined: it can. */
async function unreachable(): Promise<string | undefined> {
  const base = Deno.env.get("JSR_URL") ?? "https://jsr.io";
  try {
    const response = await fetch(new URL("/@fresh/core/meta.json", base), {
      signal: AbortSignal.timeout(PATIENCE),
    });
    await response.body?.cancel();
    return response.ok ? undefined : `it answers ${response.status}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Copies a folder's files over those of another; what is gone from it goes there, too. */
async function copy(from: URL, to: URL): Promise<void> {
  await Deno.remove(to, { recursive: true }).catch(() => {});
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [from, to].map((base) => new URL(encodeURIComponent(entry.name), base));
    if (entry.isDirectory) await copy(new URL(`${source}/`), new URL(`${target}/`));
    else await Deno.copyFile(source, target);
  }
}

async function deno(...args: string[]): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), { args, cwd: path(staged) }).spawn();
  const { success, code } = await child.status;
  if (!success) Deno.exit(code);
}

function options(args: readonly string[]) {
  const found = { build: false, dev: false, port: 8000 };
  for (let i = 0; i < args.length; i++) {
    const [name, value = args[i + 1]] = args[i].split("=");
    if (name === "--build") found.build = true;
    else if (name === "--dev") found.dev = true;
    else if (name === "--port" && /^\d{1,5}$/.test(value ?? "")) {
      found.port = Number(value);
      if (!args[i].includes("=")) i++;
    } else {
      console.error(
        `dashboard:fresh: '${args[i]}': usage: deno task dashboard:fresh [--build | --dev] [--port N]`,
      );
      Deno.exit(2);
    }
  }
  return found;
}

const { build, dev, port } = options(Deno.args.filter((a) => a !== "--"));
const why = await unreachable();
if (why !== undefined) {
  console.error(
    `JSR, where Fresh is published, cannot be reached from here (${why}): ` +
      "`deno task dashboard` shows the same page without it.",
  );
  Deno.exit(1);
}
await install();
await temporarily(async (folder) => {
  await buildWorkers(folder);
  await workersInStatic(folder);
});
for (const folder of SHARED) await copy(new URL(`${folder}/`, DASHBOARD), new URL(`${folder}/`, staged));
await Deno.copyFile(new URL("deno.fresh.json", DASHBOARD), new URL("deno.json", staged));
await deno("install");
if (dev) {
  await deno("task", "dev", "--host", "127.0.0.1", "--port", String(port));
} else {
  await deno("task", "build");
  if (!build) await deno("serve", "-A", "--host", "127.0.0.1", "--port", String(port), "_fresh/server.js");
}
