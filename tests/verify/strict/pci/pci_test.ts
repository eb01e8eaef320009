import { PCI_RULES } from "../../../../verify/strict/rules/pci/mod.ts";
import { testCases, testComplete, testGreen } from "../basic/_bench.ts";
import { PCI_CASES } from "./pci_cases.ts";

testCases(PCI_CASES);
testComplete("pci", PCI_RULES, PCI_CASES);
testGreen("pci", PCI_RULES);
