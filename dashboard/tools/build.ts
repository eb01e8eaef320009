import { brotliCompressSync, constants } from "node:zlib";
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

/**
 * Puts a `.br` beside each file that compresses, for servers that send those. Returns the compressed bytes of script that
 * the first view takes: the page's entry, and the larger of the two workers.
 */
export async function compress(): Promise<number> {
  const html = await Deno.readTextFile(new URL("index.html", DIST));
  const scripts: number[] = [], workers: number[] = [];
  for (const folder of ["", "assets/"]) {
    for await (const { name, isFile } of Deno.readDir(new URL(folder, DIST))) {
      if (!isFile || !/\.(js|css|html|svg)$/.test(name)) continue;
      const file = new URL(folder + name, DIST);
      const packed = brotliCompressSync(await Deno.readFile(file), {
        params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY },
      });
      await Deno.writeFile(`${path(file)}.br`, packed);
      if (name.startsWith("worker-")) workers.push(packed.length);
      else if (html.includes(`${folder}${name}`) && name.endsWith(".js")) scripts.push(packed.length);
    }
  }
  return Math.max(...workers) + scripts.reduce((a, b) => a + b, 0);
}
