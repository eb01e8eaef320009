import { assert, assertEquals, assertThrows } from "@std/assert";
import { CommonCfg } from "../../../spec/virtio/pci.ts";
import { misfit, type Mistake, plant } from "../../../verify/conform/planted/mistake.ts";
import { MISTAKES } from "../../../verify/conform/planted/mistakes.ts";
import { TARGETS } from "../../../verify/conform/random/targets.ts";
import { matching } from "../../../verify/conform/planted/targets.ts";
import { ONCE } from "../../support/qemu.ts";

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
