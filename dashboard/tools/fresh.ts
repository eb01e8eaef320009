/**
 * `deno task dashboard:fresh`: the same page under real Fresh, for those who reach JSR, where Fresh is published.
 * `--build` builds only; otherwise the built page is served on 127.0.0.1.
 */
import { buildWorkers } from "./workers.ts";

const dashboard = decodeURIComponent(new URL("../", import.meta.url).pathname);
const CONFIG = ["--config", "deno.fresh.json"];
/** Milliseconds that JSR has to answer. */
const PATIENCE = 5000;

/** Why JSR cannot be reached; undefined: it can. */
async function unreachable(): Promise<string | undefined> {
  const base = Deno.env.get("JSR_URL") ?? "https://jsr.io";
  try {
    const response = await fetch(new URL("/@fresh/core/meta.json", base), { signal: AbortSignal.timeout(PATIENCE) });
    await response.body?.cancel();
    return response.ok ? undefined : `it answers ${response.status}`;
  } catch (error) {
    return (error as Error).message;
  }
}

async function deno(...args: string[]): Promise<void> {
  const { success, code } = await new Deno.Command(Deno.execPath(), { args, cwd: dashboard }).spawn().status;
  if (!success) Deno.exit(code);
}

if (await unreachable() !== undefined) {
  console.error(
    "JSR (jsr.io), where Fresh is published, cannot be reached from here: `deno task dashboard` shows the same page without it.",
  );
  Deno.exit(1);
}
await buildWorkers();
await deno("install", ...CONFIG);
await deno("run", "-A", ...CONFIG, "npm:vite", "build", "--config", "hosts/fresh/vite.config.ts");
if (!Deno.args.includes("--build")) {
  await deno("serve", "-A", ...CONFIG, "--host", "127.0.0.1", "--port", "8000", "_fresh/server.js");
}
