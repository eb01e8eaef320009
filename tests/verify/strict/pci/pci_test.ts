import { FIRST_STRUCTURE, GIVEN_UP } from "../../../../verify/strict/rules/pci/choice.ts";
import { PCI_RULES } from "../../../../verify/strict/rules/pci/mod.ts";
import { testCases, testComplete, testGreen } from "../basic/_bench.ts";
import { PCI_CASES } from "./pci_cases.ts";

testCases(PCI_CASES);
// Rules about the choice of capabilities: `choice_test.ts`.
testComplete("pci", PCI_RULES.filter((r) => r !== GIVEN_UP && r !== FIRST_STRUCTURE), PCI_CASES);
testGreen("pci", PCI_RULES);
