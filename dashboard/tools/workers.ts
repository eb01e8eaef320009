/** Builds the machine's worker, once for each transport. */
import { DASHBOARD, path, run } from "./deno.ts";

/**
 * Writes `worker-pci.js`, `worker-mmio.js` and what they load later into a folder. The packages must be installed.
 *
 * @throws {Error} with what the bundler said.
 */
export async function buildWorkers(folder: URL): Promise<void> {
  const args = ["run", "-A", "npm:vite", "build", "--config", "hosts/worker/vite.config.ts"];
  args.push("--logLevel", "error", "--outDir", path(folder));
  await Promise.all(["pci", "mmio"].map((transport) => run(args, { DENO_CONDITIONS: transport })));
}

/** Puts them beside the page's other static files, where Fresh looks for them. */
export async function workersInStatic(): Promise<void> {
  const folder = new URL("static/", DASHBOARD);
  for await (const { name } of Deno.readDir(folder)) {
    if (/^worker-.*\.js$/.test(name)) await Deno.remove(new URL(name, folder));
  }
  await buildWorkers(folder);
}
