import type { TraceEvent } from "../../spec/trace.ts";
import { KIND } from "./kinds.ts";

/** A line of a trace file that is none. */
export class TraceFileError extends Error {
  override name = "TraceFileError";
}

/** Fields that the writer prints as hexadecimal strings (see `verify/trace/json_lines.ts`). */
const HEX = ["addr", "port", "offset", "value", "data", "vector"];

/**
 * One line of `--trace FILE`. undefined: a kind of record that this reader does not know; it says nothing of the rest.
 *
 * @throws {TraceFileError} for what is no record at all.
 */
export function readLine(line: string): { t: number; event: TraceEvent } | undefined {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line);
  } catch {
    throw new TraceFileError(`not a line of JSON: ${line.slice(0, 60)}`);
  }
  const { t, ...event } = record;
  if (typeof t !== "number" || typeof event.ev !== "string") {
    throw new TraceFileError(`not a record of a trace (no "t" or "ev"): ${line.slice(0, 60)}`);
  }
  if (!Object.hasOwn(KIND, event.ev)) return undefined;
  for (const key of HEX) if (typeof event[key] === "string") event[key] = Number(event[key]);
  return { t, event: event as unknown as TraceEvent };
}
