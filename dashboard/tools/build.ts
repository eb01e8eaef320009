import { buildWorkers } from "./workers.ts";

const dashboard = new URL("../", import.meta.url);
const path = (url: URL) => decodeURIComponent(url.pathname);

/** Where the built page lies. */
export const DIST = new URL("dist/", dashboard);

async function run(args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: path(dashboard),
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`deno ${args.join(" ")}: ${text.decode(stdout)}${text.decode(stderr)}`);
}

/** Installs what the page is made of, if it is not there yet: npm packages into `dashboard/node_modules`. */
export async function install(): Promise<void> {
  await run(["install", "--quiet", "--frozen"]);
}

/** Builds the page with its workers into `dashboard/dist`: static files for any folder of any server. */
export async function build(): Promise<void> {
  await Promise.all([install(), buildWorkers()]);
  await run([
    "run",
    "-A",
    "npm:vite",
    "build",
    "--config",
    "hosts/npm/vite.config.ts",
    "--logLevel",
    "error",
  ]);
}
