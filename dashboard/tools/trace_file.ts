import { readTrace, Recorder, type TraceGaps } from "../../verify/record/mod.ts";

/** What a trace file gave. */
export interface LoadedTrace extends Readonly<TraceGaps> {
  readonly recorder: Recorder;
}

/**
 * Reads a file that `--trace FILE` wrote.
 *
 * @throws {TraceFileError} naming the line, for a file that is no trace.
 */
export async function loadTrace(path: string | URL, limit?: number): Promise<LoadedTrace> {
  const recorder = new Recorder(limit);
  const gaps: TraceGaps = { unknown: 0, cut: false };
  const file = await Deno.open(path);
  for await (const { t, event } of readTrace(file.readable, gaps)) recorder.add(t, event);
  return { recorder, ...gaps };
}
