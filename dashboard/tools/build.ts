import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { DASHBOARD, install, path, run } from "./deno.ts";
import { buildWorkers, workersInStatic } from "./workers.ts";

/** Where the built page lies. */
export const DIST = new URL("dist/", DASHBOARD);
/** Begins the names of folders in which a build is under way. */
const MADE = ".build-";
/** Milliseconds after which nobody builds there any more. */
const STALE = 3_600_000;

/** Builds the page with its workers into `dashboard/dist`: static files for any folder of any server. */
export async function build(): Promise<void> {
  await install();
  await temporarily(async (made) => {
    const page = new URL("page/", made), workers = new URL("workers/", made);
    const config = ["--config", "hosts/npm/vite.config.ts", "--outDir", path(page)];
    await Promise.all([
      run(["run", "-A", "npm:vite", "build", "--logLevel", "error", ...config]),
      buildWorkers(workers),
    ]);
    await workersInStatic(workers);
    // Workers among the static files may be of another build.
    await publish([[page, /^(?!worker-)/], [workers, /./]]);
  });
}

/** Does something in a folder of its own, on the same disk as the page, that is gone afterwards. */
export async function temporarily(work: (folder: URL) => Promise<void>): Promise<void> {
  await sweep();
  const made = new URL(`${MADE}${crypto.randomUUID()}/`, DIST);
  await Deno.mkdir(made, { recursive: true });
  try {
    await work(made);
  } finally {
    await Deno.remove(made, { recursive: true });
  }
}

/** Removes what builds have left that were ended by force. */
async function sweep(): Promise<void> {
  await Deno.mkdir(DIST, { recursive: true });
  for await (const { name } of Deno.readDir(DIST)) {
    if (!name.startsWith(MADE)) continue;
    const left = new URL(name, DIST);
    const { mtime } = await Deno.stat(left).catch(() => ({ mtime: null }));
    if (mtime !== null && Date.now() - mtime.getTime() > STALE) await Deno.remove(left, { recursive: true });
  }
}

/**
 * Moves what was built to where it is served from, while somebody else may do the same or serve it: each file is whole at
 * any time, and what the page names is there before the page is.
 */
async function publish(folders: readonly (readonly [URL, RegExp])[]): Promise<void> {
  const fresh = new Map<string, URL>();
  for (const [folder, wanted] of folders) {
    for await (const name of files(folder)) if (wanted.test(name)) fresh.set(name, new URL(name, folder));
  }
  const last = (name: string) => Number(name === "index.html");
  for (const [name, from] of [...fresh].sort(([a], [b]) => last(a) - last(b))) {
    await Deno.mkdir(new URL("./", new URL(name, DIST)), { recursive: true });
    await Deno.remove(new URL(`${name}.br`, DIST)).catch(() => {});
    await Deno.rename(from, new URL(name, DIST));
  }
  for await (const name of files(DIST)) {
    if (!fresh.has(name)) await Deno.remove(new URL(name, DIST)).catch(() => {});
  }
}

/** The files of a folder and those in it, by their path from there; not what is being built. */
async function* files(folder: URL, under = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(under, folder))) {
    if (name.startsWith(MADE)) continue;
    if (isDirectory) yield* files(folder, `${under}${name}/`);
    else yield under + name;
  }
}

/** Bytes that a script takes on its way. */
export interface Packed {
  readonly gzip: number;
  readonly brotli: number;
}

/**
 * Puts a `.br` beside each file that compresses, for servers that send those. Returns the compressed bytes of script that
 * the first view takes: what the page names, and the larger of the two workers.
 */
export async function compress(): Promise<Packed> {
  const html = await Deno.readTextFile(new URL("index.html", DIST));
  const scripts: Packed[] = [], workers: Packed[] = [];
  for await (const name of files(DIST)) {
    if (!/\.(js|css|html|svg)$/.test(name)) continue;
    const file = new URL(name, DIST), bytes = await Deno.readFile(file);
    const brotli = brotliCompressSync(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY },
    });
    await Deno.writeFile(`${path(file)}.br`, brotli);
    const packed = { gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotli.length };
    if (/^worker-(pci|mmio)\.js$/.test(name)) workers.push(packed);
    else if (html.includes(`./${name}"`) && name.endsWith(".js")) scripts.push(packed);
  }
  const total = (kind: keyof Packed) =>
    Math.max(...workers.map((w) => w[kind])) + scripts.reduce((sum, s) => sum + s[kind], 0);
  return { gzip: total("gzip"), brotli: total("brotli") };
}
