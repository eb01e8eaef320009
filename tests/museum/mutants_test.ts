import { assertEquals } from "@std/assert";
import { fateOf, rulesIn } from "./mutants/judge.ts";
import { sitesOf } from "./mutants/sites.ts";

Deno.test("mutants: statements can be deleted, operators swapped; comments, imports and signatures cannot", () => {
  const text = [
    'import { a } from "a + 1";',
    "// i + 1",
    "  private f(a = 1 + 1): void {",
    "    this.index = (this.index + 1) & 0xffff;",
    "    return a < b;",
    "    throw new Error(`${a + 1}`);",
  ].join("\n");
  assertEquals(sitesOf("x.ts", text).map(({ line, how, after }) => [line, how, after.trim()]), [
    [4, "deleted", ";"],
    [4, "+ 2 for + 1", "this.index = (this.index + 2) & 0xffff;"],
    [4, "- for +", "this.index = (this.index - 1) & 0xffff;"],
    [4, "| for &", "this.index = (this.index + 1) | 0xffff;"],
    [5, "<= for <", "return a <= b;"],
  ]);
});

Deno.test("mutants: what came of a mistake", () => {
  const right = { status: 0, out: "[ 0.001] done", rules: [] };
  const fate = (change: Partial<{ status: number | undefined; out: string; rules: string[] }>) =>
    fateOf([{ ...right, ...change }], [right]);
  assertEquals(fate({ out: "[ 0.002] done" }), "unnoticed");
  assertEquals(fate({ out: "[ 0.001] gone" }), "failed");
  assertEquals(fate({ status: 1 }), "failed");
  assertEquals(fate({ status: undefined }), "endless");
  assertEquals(fate({ status: undefined, rules: ["stuck-machine"] }), "reported");
  assertEquals(
    rulesIn("x\nviolation: A rule [a-rule]\n  at 1\nwarning: Another [b]\nviolation: Once more [a-rule]\n"),
    [
      "a-rule",
      "b",
    ],
  );
});
