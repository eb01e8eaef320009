import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { align, type Match } from "../../../verify/compare/align.ts";
import { onceTest } from "../../support/once.ts";

/** Length of the longest common subsequence, by the plain table. */
function longest(a: readonly number[], b: readonly number[]): number {
  let row = new Array(b.length + 1).fill(0);
  for (const x of a) {
    const next = [0];
    b.forEach((y, j) => next.push(x === y ? row[j] + 1 : Math.max(row[j + 1], next[j])));
    row = next;
  }
  return row[b.length];
}

/** Fails unless the runs are in order, do not overlap, and hold equal elements. */
function check(a: readonly number[], b: readonly number[], matches: readonly Match[]): number {
  let x = 0, y = 0, total = 0;
  for (const m of matches) {
    assert(m.length > 0 && m.a >= x && m.b >= y, JSON.stringify(matches));
    for (let k = 0; k < m.length; k++) assertEquals(a[m.a + k], b[m.b + k]);
    x = m.a + m.length;
    y = m.b + m.length;
    total += m.length;
  }
  assert(x <= a.length && y <= b.length);
  return total;
}
const run = (a: readonly number[], b: readonly number[], limit?: number) =>
  check(a, b, align(Int32Array.from(a), Int32Array.from(b), limit));

onceTest("align: the common part is as long as the plain table's, for any two sequences", () => {
  for (const max of [1, 2, 5, 50]) {
    const list = fc.array(fc.integer({ min: 0, max }), { maxLength: 60, size: "max" });
    fc.assert(fc.property(list, list, (a, b) => assertEquals(run(a, b), longest(a, b))), { numRuns: 400 });
  }
});

onceTest("align: inserted and deleted steps are found, and no more than these", () => {
  const step = fc.integer({ min: 0, max: 20 });
  const edit = fc.record({ at: fc.nat(), step, insert: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 400, size: "max" }),
      fc.array(edit, { maxLength: 12, size: "max" }),
      (a, edits) => {
        const b = [...a];
        for (const { at, step, insert } of edits) {
          if (insert) b.splice(at % (b.length + 1), 0, step);
          else if (b.length > 0) b.splice(at % b.length, 1);
        }
        const same = run(a, b);
        const script = a.length + b.length - 2 * same;
        assert(script <= edits.length, `${script} edits found, ${edits.length} made`);
        assertEquals(same, longest(a, b));
      },
    ),
    { numRuns: 300 },
  );
});

onceTest(
  "align: beyond the limit the result still fits both, and what is the same at both ends is found",
  () => {
    const list = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 120, size: "max" });
    fc.assert(fc.property(list, list, (a, b) => {
      const ends = [1000, 1001, 1002];
      assert(run([...ends, ...a, ...ends], [...ends, ...b, ...ends], 3) >= 6);
    }));
    // A block that moved is matched by its elements that occur once.
    const block = Array.from({ length: 50 }, (_, i) => 500 + i);
    const noise = (k: number) => Array.from({ length: 100 }, (_, i) => k * 1000 + 10_000 + i);
    assertEquals(run([...noise(1), ...block, ...noise(2)], [...noise(3), ...block, ...noise(4)], 3), 50);
  },
);

onceTest("align: 100,000 steps a side take seconds at most, whether alike or strangers", () => {
  const n = 100_000;
  const random = (seed: number, max: number) => {
    let x = seed;
    return Array.from({ length: n }, () => (x = (x * 1103515245 + 12345) % 2 ** 31) % max);
  };
  const base = random(1, 50);
  const near = base.flatMap((v, i) => i % 500 === 7 ? [] : i % 333 === 5 ? [v, 77] : [v]);
  for (
    const [a, b] of [[base, near], [base, random(2, 50)], [base, random(3, 1e9)], [[...base].reverse(), base]]
  ) {
    const start = performance.now();
    run(a, b);
    const seconds = (performance.now() - start) / 1000;
    assert(seconds < 20, `${seconds} s`);
  }
  assertEquals(run(base, base), n);
});
