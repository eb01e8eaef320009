import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CommonCfg } from "../../../spec/virtio/pci.ts";
import { misfit, type Mistake, plant } from "../../../verify/conform/planted/mistake.ts";
import { MISTAKES } from "../../../verify/conform/planted/mistakes.ts";
import { TARGETS } from "../../../verify/conform/random/targets.ts";
import { matching } from "../../../verify/conform/planted/targets.ts";
import { readShown, Tree } from "../../../verify/conform/planted/tree.ts";
import { ONCE } from "../../support/once.ts";

const ROOT = new URL("../../../", import.meta.url);

function once(name: string, fn: () => void): void {
  if (ONCE) Deno.test(name, fn);
}

once("every planted mistake still fits the device models, exactly once", () => {
  const wrong: string[] = [];
  for (const mistake of MISTAKES) {
    const why = misfit(mistake, Deno.readTextFileSync(new URL(mistake.file, ROOT)));
    if (why !== undefined) wrong.push(`${mistake.id}: ${why}`);
  }
  assertEquals(wrong, []);
});

once("there are enough mistakes, each with a name of its own and a target that can see it", () => {
  assert(MISTAKES.length >= 45, `${MISTAKES.length} mistakes`);
  assertEquals(new Set(MISTAKES.map((m) => m.id)).size, MISTAKES.length);
  const blind = MISTAKES.filter((m) => matching(m, TARGETS).length === 0).map((m) => m.id);
  assertEquals(blind, []);
});

once("each register of the common configuration has a mistake", () => {
  // QEMU 7.2 has no registers behind queue_device but queue_reset.
  const later = ["QUEUE_NOTIF_CONFIG_DATA", "ADMIN_QUEUE_INDEX", "ADMIN_QUEUE_NUM"];
  const registers = Object.keys(CommonCfg).filter((name) => !later.includes(name)).map((n) =>
    n.toLowerCase()
  );
  const without = registers.filter((name) => !MISTAKES.some((m) => new RegExp(`\\b${name}\\b`).test(m.rule)));
  assertEquals(without, []);
});

once("a mistake that does not fit is refused, one that fits is planted as it stands", () => {
  const mistake: Mistake = { id: "x", rule: "r", file: "f.ts", find: "a + b", replace: "a - $&", on: "pci" };
  assertEquals(plant(mistake, "return a + b;"), "return a - $&;");
  assertThrows(
    () => plant(mistake, "return a - b;"),
    Error,
    "x: its text occurs 0 times in f.ts, expected once",
  );
  assertThrows(() => plant(mistake, "a + b; a + b"), Error, "2 times");
  assertThrows(() => plant({ ...mistake, replace: "a + b" }, "a + b"), Error, "changes nothing");
});

const SHOWN = `program rng-pci-split#6 of seed 1, 3 steps left:
     0 write common device_status (8 bit) <- 1
           status 1
->   1 read  isr +0 (8 bit)
           simulated  = 1
           qemu       = 0
           differs in value
again: deno task conform --random 1 --seed 1 --only rng-pci-split#6
program rng-pci-split#9 of seed 1, 2 steps left:
->   2 end
           differs in status, end
differs  random programs: rng-pci-split: 10 programs, 168 steps, 1.6 s; 2 differ
`;

once("what the campaign prints of differences is read back", () => {
  assertEquals(readShown(SHOWN), [
    { index: 6, difference: "read  isr +0 (8 bit): value" },
    { index: 9, difference: "end: status, end" },
  ]);
  assertEquals(readShown("same     random programs: rng-pci-split: 10 programs\n"), []);
});

once("that QEMU alone went away is no proof, that ours did is", () => {
  const gone = (line: string) =>
    SHOWN.replace("           differs in value", `${line}\n           differs in gone, status`);
  assertEquals(readShown(gone("           qemu       gone [Hung]")).map((s) => s.index), [9]);
  assertEquals(readShown(gone("           simulated  status f, gone [RangeError]")).map((s) => s.index), [
    6,
    9,
  ]);
});

/** A tree of one file; the campaign sees a difference while the file is not as it should be. */
function fakeTree(check = 0): { tree: Tree; files: Map<string, string> } {
  const files = new Map([["f.ts", "a + b"]]);
  const tree = new Tree({
    read: (path) => files.get(path)!,
    write: (path, text) => void files.set(path, text),
    deno(args) {
      const broken = files.get("f.ts") !== "a + b";
      const code = args[0] === "check" ? check : broken ? 1 : 0;
      return Promise.resolve({ code, text: code === 1 ? SHOWN : "", errors: "wrong type" });
    },
  });
  return { tree, files };
}
const MISTAKE: Mistake = { id: "x", rule: "r", file: "f.ts", find: "+", replace: "-", on: "pci" };
const CAMPAIGN = { programs: 10, seed: 1, enough: 1 };

if (ONCE) {
  Deno.test("a mistake is in the tree as long as the campaign runs, and no longer", async () => {
    const { tree, files } = fakeTree();
    const shown = await tree.with(MISTAKE, () => tree.campaign("rng-pci-split", CAMPAIGN));
    assertEquals(shown.map((s) => s.index), [6, 9]);
    assertEquals(files.get("f.ts"), "a + b");
    assertEquals(await tree.campaign("rng-pci-split", CAMPAIGN), []);
  });
  Deno.test("a mistake that does not type-check counts for nothing", async () => {
    const { tree, files } = fakeTree(1);
    await assertRejects(
      () => tree.with(MISTAKE, () => Promise.resolve()),
      Error,
      "x does not type-check: wrong type",
    );
    assertEquals(files.get("f.ts"), "a + b");
  });
  Deno.test("a campaign that cannot run is no proof", async () => {
    const failing = new Tree({
      read: () => "",
      write: () => {},
      deno: () => Promise.resolve({ code: 1, text: "", errors: "no QEMU" }),
    });
    await assertRejects(() => failing.campaign("rng-pci-split", CAMPAIGN), Error, "ended with 1: no QEMU");
  });
}
