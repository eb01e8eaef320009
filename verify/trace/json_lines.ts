import type { TraceEvent, TraceSink } from "../../spec/trace.ts";

/** Fields that are addresses or register contents: written as hexadecimal strings. */
const HEX = new Set(["addr", "port", "offset", "value", "data", "vector"]);

/**
 * One record as a line of JSON: `t` in virtual nanoseconds first, addresses and values as `"0x..."`.
 *
 * ```ts
 * import { jsonLine } from "./json_lines.ts";
 * console.assert(jsonLine(5, { ev: "interrupt", vector: 33 }) === '{"t":5,"ev":"interrupt","vector":"0x21"}');
 * ```
 */
export function jsonLine(t: number, event: TraceEvent): string {
  return JSON.stringify({ t, ...event }, (key, value) => {
    return typeof value === "number" && HEX.has(key) ? `0x${value.toString(16)}` : value;
  });
}

/** Writes each record as a line, in the order in which they come. */
export class JsonLinesTrace implements TraceSink {
  readonly on = true;
  /** Virtual time; set once there is a machine. */
  clock: () => number = () => 0;

  constructor(private readonly write: (text: string) => void) {}

  emit(event: TraceEvent): void {
    this.write(jsonLine(this.clock(), event) + "\n");
  }
}
