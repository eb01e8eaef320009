/** Replays golden traces of Hermit's virtqueues on ours: `deno task golden PATH...`. */
export { type ReplayResult, replayTrace } from "./replay.ts";
export { readTrace, type Trace, TraceError } from "./schema.ts";
export { CLAUSES } from "./divergences.ts";
