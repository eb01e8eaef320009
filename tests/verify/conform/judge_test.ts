import { assertEquals } from "@std/assert";
import {
  BATTERY,
  DIFFERENCES,
  judge,
  type KeptDifference,
  staleEntries,
} from "../../../verify/conform/mod.ts";
import { firstDifference, show, without } from "../../../verify/conform/compare.ts";
import { select } from "../../../verify/conform/check.ts";
import { KEPT } from "../../../verify/conform/random/mod.ts";
import { ONCE } from "../../support/once.ts";
import { result } from "./_rows.ts";

const once = (name: string, fn: () => void) => ONCE && Deno.test(name, fn);

const known: KeptDifference = {
  id: "known",
  checks: ["a/b", "a/c"],
  simulated: "1",
  qemu: "2",
  reason: "virtio 1.4, 2.7",
  is: (simulated, qemu) => simulated === 1 && qemu === 2,
};
const WHOLE = { checks: true, programs: true };

once("the first place where two observations part: by name, by index, by word of a row", () => {
  assertEquals(firstDifference({ a: [1, { b: null }] }, { a: [1, { b: null }] }), undefined);
  assertEquals(firstDifference({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }), {
    path: "a.1.b",
    simulated: "2",
    qemu: "3",
  });
  assertEquals(firstDifference({ a: 1 }, { a: 1, b: 2 })?.path, "b");
  assertEquals(firstDifference([1], [1, 2])?.path, "1");
  assertEquals(firstDifference({ r: "00 01 02 03" }, { r: "00 01 ff 03" }), {
    path: "r[2]",
    simulated: "02",
    qemu: "ff",
  });
  assertEquals(firstDifference([], {})?.path, "", "a list is no object");
  assertEquals(firstDifference(0, false)?.path, "");
  assertEquals(show({ used: [{ id: 1 }], lines: ["raise 20"] }), "{used:[{id:1}],lines:[raise 20]}");
  assertEquals(without({ a: [{ len: 1, id: 2 }] }, /\.len$/), { a: [{ len: null, id: 2 }] });
});

once(
  "equal is same; a difference is kept only by an entry that names the check and knows the difference",
  () => {
    assertEquals(judge(result("a/b", 1, 1), [known]).verdict, "same");
    const kept = judge(result("a/b", 1, 2), [known]);
    assertEquals([kept.verdict, kept.kept], ["kept", ["known"]]);
    assertEquals(
      judge(result("a/b", 1, 3), [known]).verdict,
      "differs",
      "another difference in the same check",
    );
    assertEquals(
      judge(result("a/d", 1, 2), [known]).verdict,
      "differs",
      "the same difference in another check",
    );
    assertEquals(judge(result("a/d", { x: 1 }, { x: 2 }), [known]).detail, "at x: simulated 1, qemu 2");
  },
);

once("an entry that does not occur any more is an error, one whose checks were not run is not", () => {
  const rows = [judge(result("a/b", 1, 2), [known]), judge(result("a/c", 1, 1), [known])];
  assertEquals(staleEntries(rows, WHOLE, [known]), [{ id: "known", why: "a/c does not differ any more" }]);
  assertEquals(staleEntries(rows.slice(0, 1), { checks: false, programs: false }, [known]), []);
  assertEquals(staleEntries(rows.slice(0, 1), WHOLE, [known]), [{
    id: "known",
    why: "there is no check a/c",
  }]);
  const both = [judge(result("a/b", 1, 2), [known]), judge(result("a/c", 1, 2), [known])];
  assertEquals(staleEntries(both, WHOLE, [known]), []);
});

once("an entry of random programs must occur in them, and what occurs must have an entry", () => {
  const random = { ...known, id: "random", checks: [] };
  const row = {
    ...judge(result("r", 1, 1)),
    part: "random" as const,
    verdict: "kept" as const,
    kept: ["random"],
  };
  assertEquals(staleEntries([row], WHOLE, [random]), []);
  assertEquals(staleEntries([], WHOLE, [random]), [{ id: "random", why: "no random program shows it" }]);
  assertEquals(staleEntries([], { checks: true, programs: false }, [random]), []);
  assertEquals(staleEntries([row], WHOLE, []), [{
    id: "random",
    why: "it occurs, but there is no entry for it",
  }]);
});

once(
  "every kept difference has a reason, checks that exist, and an id that random programs know, too",
  () => {
    const ids = new Set(BATTERY.map((c) => c.id));
    for (const d of DIFFERENCES) {
      assertEquals(d.checks.filter((c) => !ids.has(c)), [], d.id);
      assertEquals(/virtio 1\.4, \d|QEMU bug/.test(d.reason), true, `${d.id}: a clause or a bug`);
      assertEquals(d.checks.length > 0 || d.programs !== undefined, true, d.id);
      assertEquals(d.is({ any: 1 }, { thing: 2 }), false, `${d.id} explains everything`);
    }
    assertEquals(KEPT.map((k) => k.id).filter((id) => !DIFFERENCES.some((d) => d.id === id)), []);
  },
);

once("checks: ids are unique, filters look at ids and titles, checks of one machine stand together", () => {
  assertEquals(new Set(BATTERY.map((c) => c.id)).size, BATTERY.length);
  const probes = select(BATTERY, { static: false, probes: true });
  assertEquals(probes.length >= 120, true, `${probes.length} probes`);
  assertEquals(select(BATTERY, { static: true, probes: true }).length, BATTERY.length);
  assertEquals(
    select(BATTERY, { static: true, probes: true, filter: "ONE-buffer" }).map((c) => c.id).slice(0, 2),
    [
      "rng-pci/split/one-buffer",
      "rng-pci/packed/one-buffer",
    ],
  );
  assertEquals(select(BATTERY, { static: false, probes: true, filter: "config-space" }), []);
  for (const kind of ["static", "probe"]) {
    const machines = BATTERY.filter((c) => c.kind === kind).map((c) => c.machine);
    const starts = machines.filter((m, i) => m !== machines[i - 1]).length;
    assertEquals(starts, new Set(machines).size, kind);
  }
});
