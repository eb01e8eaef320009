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

/** Copies them beside the page's other static files, where Fresh looks for them. Each is whole at any time. */
export async function workersInStatic(folder: URL): Promise<void> {
  const to = new URL("static/", DASHBOARD);
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  for (const name of names) {
    const copy = new URL(`.${crypto.randomUUID()}`, folder);
    await Deno.copyFile(new URL(name, folder), copy);
    await Deno.rename(copy, new URL(name, to));
  }
  for await (const { name } of Deno.readDir(to)) {
    if (/^worker-.*\.js$/.test(name) && !names.includes(name)) {
      await Deno.remove(new URL(name, to)).catch(() => {});
    }
  }
}
