/**
 * What happened in a machine, kept so that one can go back: `Recorder` is a sink for events with a bound on its memory,
 * `Timeline` finds events in it and computes the state of the machine after any of them. `state.ts` says what a state is.
 */
export { CHUNK } from "./columns.ts";
export { type EventFilter } from "./filter.ts";
export { type EventKind, KINDS, type Step, STEPS } from "./kinds.ts";
export { PAGE } from "./memory.ts";
export { readLine, TraceFileError } from "./read_lines.ts";
export { readTrace, type TraceGaps } from "./read_trace.ts";
export { DEFAULT_LIMIT, Recorder } from "./recorder.ts";
export * from "./state.ts";
export { finish, Moment, NotRecordedError, Timeline } from "./timeline.ts";
