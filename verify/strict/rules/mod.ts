/** All rules of the strict machine, by area. */
import type { Rule } from "../rule.ts";

export const RULES: readonly Rule[] = [];
