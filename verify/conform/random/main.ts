/** `deno run -A verify/conform/random/main.ts --programs N --seed S [--only TARGET[#INDEX]]`: exit 1 on a difference. */
import { campaign, rowOf } from "./mod.ts";

const args = new Map<string, string>();
for (let i = 0; i < Deno.args.length; i += 2) args.set(Deno.args[i], Deno.args[i + 1] ?? "");
const print = (text: string) => void Deno.stdout.writeSync(new TextEncoder().encode(text));
const results = await campaign({
  programs: Number(args.get("--programs") ?? 100),
  seed: Number(args.get("--seed") ?? 1),
  only: args.get("--only"),
  enough: Number(args.get("--enough") ?? 3),
  keepLong: args.get("--shrink") === "no",
  onProgress: print,
});
const races = results.reduce((sum, r) => sum + r.races, 0);
if (races > 0) print(`${races} difference(s) vanished when QEMU was given more time\n`);
for (const row of results.map(rowOf)) {
  print(`${row.verdict.padEnd(8)} ${row.check}: ${row.simulated}; ${row.qemu}\n`);
}
Deno.exit(results.some((r) => r.differences.length > 0) ? 1 : 0);
