/** A recorded run has no driver's reads and no barriers: what is missing there is nobody's fault. */
import { assertEquals } from "@std/assert";
import { Strict } from "../../../../verify/strict/mod.ts";
import { BASIC_RULES } from "../../../../verify/strict/rules/basic/mod.ts";
import { MMIO_RULES } from "../../../../verify/strict/rules/mmio/mod.ts";
import { PCI_RULES } from "../../../../verify/strict/rules/pci/mod.ts";
import { runTraced } from "../../../support/recorded.ts";

for (const packed of [false, true]) {
  Deno.test(`registers and interrupts: a recorded run of the shipped drivers breaks no rule, ${packed ? "packed" : "split"} ring`, async () => {
    const strict = new Strict({ rules: [...BASIC_RULES, ...PCI_RULES, ...MMIO_RULES], platform: "trace" });
    await runTraced(strict, { packed, lines: ["rng 16", "ping 10.0.2.2 1", "shutdown 0"] });
    strict.end("ended");
    assertEquals(strict.reports.map((r) => `${r.rule}: ${r.found}`), []);
  });
}
