import type { Trace } from "../golden/schema.ts";
import { type Line, linesOf } from "./lines.ts";
import { goldenSide, parseGolden } from "./read_golden.ts";
import { JsonReader } from "./read_json.ts";
import { QemuLogReader } from "./read_qemu.ts";
import { type Replayed, replayOurs } from "./replay_ours.ts";
import { Recording } from "./recording.ts";
import { type Side, TraceInputError, type Vocabulary } from "./steps.ts";

/** Longest golden trace, in characters: it is read as a whole. */
const MAX_GOLDEN = 64 * 2 ** 20;
const GOLDEN = /"schema"\s*:\s*"hermit-virtq-golden/;

/** A file that was read; `golden`: what it was before it became steps. */
export interface ReadTrace {
  readonly side: Side;
  readonly golden?: { readonly trace: Trace; readonly replay: Replayed };
}

/**
 * Reads a trace of any of the three kinds, told apart by what is in it.
 *
 * @param file its name, for messages.
 * @throws {TraceInputError} naming file and line.
 */
export async function readTraceFile(
  file: string,
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  vocabulary: Vocabulary,
): Promise<ReadTrace> {
  const lines = linesOf(file, bytes);
  const first = await nextLine(lines);
  if (first === undefined) throw new TraceInputError(`${file}: is empty`);
  try {
    const start = first.text.trimStart()[0];
    if (start === "[" || start === '"') throw foreign(file, first.text);
    if (start !== "{") return { side: await readLog(file, first, lines, vocabulary) };
    const head = [first];
    // A golden trace may be printed over many lines.
    while (!isRecord(head[0].text) && head.length < 8) {
      const more = await nextLine(lines);
      if (more === undefined) break;
      head.push(more);
    }
    if (GOLDEN.test(head.map((l) => l.text.slice(0, 4096)).join("\n"))) {
      return await readGolden(file, head, lines, vocabulary);
    }
    return { side: await readJson(file, head, lines, vocabulary) };
  } finally {
    await lines.return(undefined);
  }
}

/** The next line that has something in it. */
async function nextLine(lines: AsyncGenerator<Line>): Promise<Line | undefined> {
  for (;;) {
    const { value, done } = await lines.next();
    if (done) return undefined;
    if (value.text.trim() !== "") return value;
  }
}
function isRecord(text: string): boolean {
  return /^\s*\{.*"ev"\s*:/.test(text.slice(0, 4096));
}
function foreign(file: string, text: string): TraceInputError {
  return new TraceInputError(
    `${file}:1: JSON, but no trace: found ${text.trim().slice(0, 60)}, expected records with "t" and "ev" ` +
      `(--trace FILE) or "schema": "hermit-virtq-golden/1"`,
  );
}

async function* all(head: readonly Line[], lines: AsyncGenerator<Line>): AsyncGenerator<Line> {
  yield* head;
  yield* lines;
}

async function readJson(
  file: string,
  head: readonly Line[],
  lines: AsyncGenerator<Line>,
  vocabulary: Vocabulary,
): Promise<Side> {
  const out = new Recording(file, vocabulary);
  const reader = new JsonReader(out);
  let count = 0;
  if (!isRecord(head[0].text) && isJson(head.map((l) => l.text).join("\n"))) {
    throw foreign(file, head[0].text);
  }
  for await (const { text, number, ended } of all(head, lines)) {
    count = number;
    if (text.trim() === "") continue;
    if (!ended && !isJson(text)) {
      throw new TraceInputError(
        `${file}:${number}: the file ends in the middle of a line: ${text.slice(-40)}`,
      );
    }
    reader.line(text, number);
  }
  const { own, ...found } = reader.end();
  return {
    ...found,
    file,
    unit: "line",
    cannot: new Map(),
    devices: out.finish(own),
    leftOut: out.leftOut,
    lines: count,
  };
}

async function readLog(
  file: string,
  first: Line,
  lines: AsyncGenerator<Line>,
  vocabulary: Vocabulary,
): Promise<Side> {
  const out = new Recording(file, vocabulary);
  const reader = new QemuLogReader(out);
  let count = 0;
  for await (const { text, number, ended } of all([first], lines)) {
    count = number;
    if (text === "") continue;
    if (!ended) {
      // Only a log that has been one so far is a log that was cut.
      if (number > 1 && reader.isLog) {
        throw new TraceInputError(
          `${file}:${number}: the file ends in the middle of a line: ${text.slice(-40)}`,
        );
      }
    }
    reader.line(text, number);
  }
  const { own, ...found } = reader.end(count);
  return { ...found, file, unit: "line", devices: out.finish(own), leftOut: out.leftOut, lines: count };
}

async function readGolden(
  file: string,
  head: readonly Line[],
  lines: AsyncGenerator<Line>,
  vocabulary: Vocabulary,
): Promise<ReadTrace> {
  const parts: string[] = [];
  let length = 0;
  for await (const { text, number } of all(head, lines)) {
    length += text.length;
    if (length > MAX_GOLDEN) {
      throw new TraceInputError(`${file}:${number}: a golden trace of more than ${MAX_GOLDEN / 2 ** 20} MiB`);
    }
    parts.push(text);
  }
  let value: unknown;
  try {
    value = JSON.parse(parts.join("\n"));
  } catch (e) {
    throw new TraceInputError(
      `${file}:${parts.length}: a golden trace that is not whole: ${(e as Error).message}`,
    );
  }
  const trace = parseGolden(value, file);
  const replay = replayOurs(trace);
  return { golden: { trace, replay }, side: goldenSide(trace, replay, file, vocabulary) };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
