import type { TraceEvent } from "../../spec/trace.ts";
import { readLine, TraceFileError } from "./read_lines.ts";

/** How much of a trace file was no record. */
export interface TraceGaps {
  /** Lines of kinds that this reader does not know. */
  unknown: number;
  /** Whether the last line was cut off: the machine was killed while it wrote. */
  cut: boolean;
}

/**
 * Reads what `--trace FILE` wrote, record by record.
 *
 * @param gaps told of what could not be read.
 * @throws {TraceFileError} naming the line, for a file that is no trace, or has no record.
 */
export async function* readTrace(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  gaps: TraceGaps,
): AsyncGenerator<{ t: number; event: TraceEvent }> {
  let number = 0, records = 0, rest = "";
  const take = (line: string) => {
    number++;
    if (line.trim() === "") return undefined;
    try {
      const record = readLine(line);
      if (record === undefined) gaps.unknown++;
      else records++;
      return record;
    } catch (error) {
      throw new TraceFileError(`line ${number}: ${(error as Error).message}`);
    }
  };
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const record = take(line);
      if (record !== undefined) yield record;
    }
  }
  if (rest.trim() !== "") {
    try {
      const record = take(rest);
      if (record !== undefined) yield record;
    } catch (error) {
      if (records === 0) throw error;
      gaps.cut = true;
    }
  }
  if (records === 0) throw new TraceFileError("there is no event in it");
}
