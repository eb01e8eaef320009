import { assertEquals } from "@std/assert";
import { CONFIG_WIDTH } from "../../../../verify/strict/rules/basic/config_fields.ts";
import { BASIC_RULES } from "../../../../verify/strict/rules/basic/mod.ts";
import { MMIO_RULES } from "../../../../verify/strict/rules/mmio/mod.ts";
import { PCI_RULES } from "../../../../verify/strict/rules/pci/mod.ts";
import { onceTest } from "../../../support/once.ts";
import { Bench, testCases, testComplete, testGreen, testLegal } from "./_bench.ts";
import { CONFIG_CASES } from "./config_cases.ts";
import { FEATURES_CASES } from "./features_cases.ts";
import { INTERRUPT_CASES } from "./interrupt_cases.ts";
import { LEGAL } from "./legal_cases.ts";
import { QUEUE_CASES } from "./queue_cases.ts";
import { STATUS_CASES } from "./status_cases.ts";

const CASES = [...STATUS_CASES, ...FEATURES_CASES, ...QUEUE_CASES, ...CONFIG_CASES, ...INTERRUPT_CASES];

testCases(CASES);
testComplete("basic", BASIC_RULES, CASES);
testGreen("basic", BASIC_RULES);
testLegal("registers and interrupts", [...BASIC_RULES, ...PCI_RULES, ...MMIO_RULES], LEGAL);

onceTest("a report names the clauses of its transport", () => {
  for (
    const [machine, chapter] of [["q35", "Virtio Over PCI Bus"], ["microvm", "Virtio Over MMIO"]] as const
  ) {
    const bench = new Bench([CONFIG_WIDTH], { machine, device: "net" });
    bench.upTo("confirm").transport.readConfig(0, 4);
    const [{ clauses }] = bench.strict.reports;
    assertEquals(clauses.map((id) => id.includes(chapter)), [true]);
  }
});
