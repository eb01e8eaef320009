/** Bundles the machine's worker, once for each transport, into `static/`. Run from the repository's folder. */
const root = new URL("../../", import.meta.url);
const entry = new URL("dashboard/worker/entry.ts", root);

/** Writes `static/worker-pci.js` and `static/worker-mmio.js`. @throws {Error} with what the bundler said. */
export async function buildWorkers(): Promise<void> {
  await Promise.all(["pci", "mmio"].map(async (transport) => {
    const output = new URL(`../static/worker-${transport}.js`, import.meta.url);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "--quiet", "--minify", "--platform=browser", "-o", path(output), path(entry)],
      cwd: path(root),
      env: { DENO_CONDITIONS: transport, NO_COLOR: "1" },
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`worker for ${transport}: ${new TextDecoder().decode(stderr)}`);
  }));
}

const path = (url: URL) => decodeURIComponent(url.pathname);

if (import.meta.main) await buildWorkers();
