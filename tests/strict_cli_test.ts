import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { RULES } from "../verify/strict/mod.ts";
import { runScript } from "./support/cli.ts";
import { onceTest } from "./support/once.ts";

const MAIN = new URL("../main.ts", import.meta.url);
const STRICT = new URL("../verify/strict/main.ts", import.meta.url);

Deno.test("--strict: the demo session breaks no rule, and its output and status are the same", async () => {
  const input = "rng 32\nvq 0\nshutdown 0\n";
  const plain = await runScript(MAIN, [], input);
  const strict = await runScript(MAIN, ["--strict"], input);
  assertEquals(strict.out, plain.out);
  assertEquals([plain.code, strict.code], [0, 0]);
  assertEquals(strict.err, plain.err + "pagurus: strict: no rule was broken\n");
});

onceTest("--strict-report: the file's name says the format; what cannot be written is said", async () => {
  const dir = await Deno.makeTempDir();
  try {
    for (const ending of ["json", "xml", "sarif", "txt"]) {
      const { code, err } = await runScript(
        MAIN,
        ["--strict", "--strict-report", `${dir}/r.${ending}`],
        "shutdown 0\n",
      );
      assertEquals(code, 0, err);
    }
    const read = (ending: string) => Deno.readTextFileSync(`${dir}/r.${ending}`);
    assertEquals(JSON.parse(read("json")), { version: 1, reports: [], dropped: 0 });
    assertMatch(read("xml"), new RegExp(`<testsuite name="strict" tests="${RULES.length}" failures="0">`));
    assertEquals(JSON.parse(read("sarif")).runs[0].tool.driver.rules.length, RULES.length);
    assertEquals(read("txt"), "strict: no rule was broken\n");
    const full = await runScript(MAIN, ["--strict", "--strict-report", `${dir}/none/r.json`], "shutdown 0\n");
    assertEquals(full.code, 74);
    assertMatch(full.err, /--strict-report \S+none\/r\.json: No such file/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

onceTest("--strict: wrong words", async () => {
  const mode = await runScript(MAIN, ["--strict=twice"]);
  assertEquals(mode.code, 2);
  assertMatch(mode.err, /--strict twice: unknown; possible: report, stop, on, off/);
  const file = await runScript(MAIN, ["--strict-report", "x.json"]);
  assertEquals(file.code, 2);
  assertMatch(file.err, /--strict-report: only with --strict/);
  const on = await runScript(MAIN, ["--strict=on"], "shutdown 0\n");
  assertMatch(on.err, /strict: no rule was broken/);
  const off = await runScript(MAIN, ["--strict", "off"], "shutdown 0\n");
  assertEquals(off.code, 0);
  assert(!off.err.includes("strict"), off.err);
});

onceTest("deno task strict: a recorded run; files that are none; a run that was cut off", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const trace = `${dir}/t.jsonl`;
    await runScript(MAIN, ["--trace", trace], "rng 16\nshutdown 0\n");
    const whole = await runScript(STRICT, [trace]);
    assertEquals([whole.code, whole.out, whole.err], [0, "strict: no rule was broken\n", ""]);
    const text = await Deno.readTextFile(trace);
    await Deno.writeTextFile(trace, text.slice(0, text.length * 0.7));
    const cut = await runScript(STRICT, ["--json", trace]);
    assertEquals(cut.code, 0);
    assertStringIncludes(cut.err, "the last line is cut off");
    assertEquals(JSON.parse(cut.out).reports, []);
    for (
      const [name, content, message] of [
        ["empty", "", /there is no event in it/],
        ["text", "hello\n", /line 1: not a line of JSON: hello/],
        ["other", '{"a":1}\n', /line 1: not a record of a trace/],
      ] as const
    ) {
      await Deno.writeTextFile(`${dir}/${name}`, content);
      const { code, err } = await runScript(STRICT, [`${dir}/${name}`]);
      assertEquals(code, 2);
      assertMatch(err, message);
    }
    assertEquals((await runScript(STRICT, [])).code, 2);
    assertMatch((await runScript(STRICT, ["--yaml", trace])).err, /what is '--yaml'\?/);
    const rules = await runScript(STRICT, ["--rules"]);
    assertEquals(rules.out.trimEnd().split("\n").length, RULES.length);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
