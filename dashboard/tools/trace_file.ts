import { readLine, Recorder, TraceFileError } from "../../verify/record/mod.ts";

/** What a trace file gave. */
export interface LoadedTrace {
  readonly recorder: Recorder;
  /** Lines of kinds that this reader does not know. */
  readonly unknown: number;
  /** Whether the last line was cut off: the machine was killed while it wrote. */
  readonly cut: boolean;
}

/**
 * Reads a file that `--trace FILE` wrote.
 *
 * @throws {TraceFileError} naming the line, for a file that is no trace.
 */
export async function loadTrace(path: string | URL, limit?: number): Promise<LoadedTrace> {
  const recorder = new Recorder(limit);
  const file = await Deno.open(path);
  let number = 0, unknown = 0, rest = "";
  const take = (line: string) => {
    number++;
    if (line.trim() === "") return;
    try {
      const record = readLine(line);
      if (record === undefined) unknown++;
      else recorder.add(record.t, record.event);
    } catch (error) {
      throw new TraceFileError(`line ${number}: ${(error as Error).message}`);
    }
  };
  for await (const text of file.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) take(line);
  }
  let cut = false;
  if (rest.trim() !== "") {
    try {
      take(rest);
    } catch (error) {
      if (recorder.length === 0) throw error;
      cut = true;
    }
  }
  if (recorder.length === 0) throw new TraceFileError("there is no event in it");
  return { recorder, unknown, cut };
}
