import { MMIO_RULES } from "../../../../verify/strict/rules/mmio/mod.ts";
import { testCases, testComplete, testGreen } from "../basic/_bench.ts";
import { MMIO_CASES } from "./mmio_cases.ts";

testCases(MMIO_CASES);
testComplete("mmio", MMIO_RULES, MMIO_CASES);
testGreen("mmio", MMIO_RULES);
