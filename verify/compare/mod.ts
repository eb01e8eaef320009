/** Two traces side by side: readers of three formats, their alignment, and the first difference in words. */
export { align } from "./align.ts";
export { compareSides, type Comparison, differencesOf, firstDifference, type Selection } from "./compare.ts";
export { explain, type Explanation } from "./explain.ts";
export { readTraceFile } from "./read.ts";
export { againstOurs } from "./read_golden.ts";
export { type Kind, KINDS, type Side, TraceInputError, Vocabulary } from "./steps.ts";
