/**
 * `deno task test`: everything that must hold before a change lands. Types, lint and format, then the tests under both
 * transports, each with and without `careful` (a device memory offset that is not zero), with leak sanitizers.
 *
 * Arguments are handed to `deno test` (`deno task test --filter split`); with arguments the static checks are left out.
 * Ends with a line `N passed, N failed, N skipped`; exit status 1 if anything failed.
 */

interface Counts {
  passed: number;
  failed: number;
  ignored: number;
}

interface Outcome {
  success: boolean;
  text: string;
}

const deno = Deno.execPath();
const TRANSPORTS = ["pci", "mmio"] as const;

async function run(title: string, args: string[], env: Record<string, string>): Promise<Outcome> {
  console.log(`\n== ${title}`);
  const child = new Deno.Command(deno, {
    args,
    env: { NO_COLOR: "1", ...env },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    Deno.stdout.writeSync(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  const { success } = await child.status;
  if (!success) console.log(`== ${title}: failed`);
  return { success, text };
}

/** The same beside others: what it prints is shown at its end, in one piece. */
async function runBeside(
  title: string,
  args: string[],
  env: Record<string, string> = {},
  cwd?: string,
): Promise<Outcome> {
  const command = new Deno.Command(deno, { args, cwd, env: { NO_COLOR: "1", ...env } });
  const { success, stdout, stderr } = await command.output();
  const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  console.log(`\n== ${title}${success ? "" : ": failed"}\n${text}${errors}`.trimEnd());
  return { success, text };
}

/** The closing line of `deno test`: `ok | 12 passed (3 steps) | 0 failed | 1 ignored (2s)`. */
function count(text: string): Counts {
  const line = text.split("\n").findLast((l) => /\d+ passed/.test(l)) ?? "";
  const number = (word: string) => Number(line.match(new RegExp(`(\\d+) ${word}`))?.[1] ?? 0);
  return { passed: number("passed"), failed: number("failed"), ignored: number("ignored") };
}

/** Adds a run to the total. */
function tally({ success, text }: Outcome): void {
  const counts = count(text);
  if (!success && counts.failed === 0) counts.failed = 1;
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.ignored += counts.ignored;
  ok = success && ok;
}

/** In CI what cannot be checked has failed. */
const required = ["REQUIRE_QEMU", "REQUIRE_BROWSER"].some((name) => Deno.env.get(name) === "1");
const total: Counts = { passed: 0, failed: 0, ignored: 0 };
const extra = Deno.args;
let ok = true;

/** Types of both transports: the second is mostly known from the first. */
async function types(): Promise<void> {
  for (const transport of TRANSPORTS) {
    const args = ["check", "--quiet", "."];
    ok = (await runBeside(`types, ${transport}`, args, { DENO_CONDITIONS: transport })).success && ok;
  }
}
/** Lint, format, the page, and the examples in the documentation. */
async function others(): Promise<void> {
  ok = (await runBeside("lint", ["lint", "--quiet"])).success && ok;
  ok = (await runBeside("format", ["fmt", "--check", "--quiet"])).success && ok;
  // The page has a configuration and packages of its own; the rest of the repository does without them.
  const page = decodeURIComponent(new URL("../dashboard/", import.meta.url).pathname);
  const installed = await runBeside("the page's packages", ["install", "--quiet", "--frozen"], {}, page);
  if (installed.success) {
    const checks = [
      ["types", "check", "--quiet", "."],
      ["lint", "lint", "--quiet"],
      ["format", "fmt", "--check", "--quiet"],
    ];
    for (const [title, ...args] of checks) {
      ok = (await runBeside(`${title}, the page`, args, {}, page)).success && ok;
    }
  } else {
    console.log("== npm cannot be reached: the page's islands are not checked");
    ok = !required && ok;
  }
  const floors = ["spec", "inet", "arch", "mm", "drivers", "kernel", "devices", "verify"];
  tally(await runBeside("examples in the documentation", ["test", "--doc", "-A", "--quiet", ...floors]));
}

if (extra.length === 0) await Promise.all([types(), others()]);

/** Test files that know nothing but tests of the first run (`support/once.ts`): the others need not load them. */
function onceOnly(folder: URL): string[] {
  const found: string[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) found.push(...onceOnly(new URL(`${name}/`, folder)));
    if (!name.endsWith("_test.ts")) continue;
    const url = new URL(name, folder);
    const text = Deno.readTextFileSync(url);
    const everywhere = /\b(?:Deno\.test|qemuTest|testUnless|describe|it)\b/.test(text);
    const once = /\b(?:onceTest|qemuTestOnce|browserTest|once)\(/.test(text);
    if (once && !everywhere) found.push(decodeURIComponent(url.pathname));
  }
  return found;
}

const leftOut = onceOnly(new URL("./", import.meta.url));
for (const transport of TRANSPORTS) {
  for (const careful of ["0", "1"]) {
    const first = transport === "pci" && careful === "0";
    const title = `tests, ${transport}${careful === "1" ? ", careful" : ""}`;
    const args = [
      "test",
      "-A",
      "--no-check",
      "--quiet",
      "--parallel",
      "--sanitize-ops",
      "--sanitize-resources",
      ...first ? [] : [`--ignore=${leftOut.join(",")}`],
      ...extra,
    ];
    tally(await run(title, args, { DENO_CONDITIONS: transport, CAREFUL: careful }));
  }
}
if (total.ignored > 0 && required) {
  console.log("\nREQUIRE_QEMU or REQUIRE_BROWSER is set: a test that is ignored has failed");
  ok = false;
}
if (!ok && total.failed === 0) total.failed = 1;
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.ignored} skipped`);
Deno.exit(ok ? 0 : 1);
