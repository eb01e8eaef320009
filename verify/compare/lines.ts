import { TraceInputError } from "./steps.ts";

/** Longest line of a trace, in bytes: a frame of 64 KiB is 128 KiB of hex. */
export const MAX_LINE = 16 * 2 ** 20;

/** A line of a file, without its end. */
export interface Line {
  readonly text: string;
  /** From 1. */
  readonly number: number;
  /** False: the file ends here without a newline. */
  readonly ended: boolean;
}

/**
 * Lines of a stream of bytes; no more than one line and one chunk are kept.
 *
 * ```ts
 * import { linesOf } from "./lines.ts";
 * const bytes = [new TextEncoder().encode("a\nb")];
 * for await (const line of linesOf("x", bytes)) console.log(line.number, line.text, line.ended);
 * ```
 *
 * @throws {TraceInputError} for a line that is too long, or has bytes that are no text.
 */
export async function* linesOf(
  file: string,
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Line> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const parts: Uint8Array[] = [];
  let kept = 0, number = 0;
  const text = (last: Uint8Array): string => {
    number++;
    const whole = parts.length === 0 ? last : joined([...parts, last]);
    parts.length = kept = 0;
    try {
      if (whole.includes(0)) throw new TypeError();
      const end = whole.at(-1) === 13 ? whole.length - 1 : whole.length;
      return decoder.decode(whole.subarray(0, end));
    } catch {
      throw new TraceInputError(`${file}:${number}: bytes that are no text: this file is no trace`);
    }
  };
  for await (const chunk of bytes) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      yield { text: text(chunk.subarray(from, end)), number, ended: true };
      from = end + 1;
    }
    if (from === chunk.length) continue;
    kept += chunk.length - from;
    if (kept > MAX_LINE) {
      throw new TraceInputError(
        `${file}:${number + 1}: a line of more than ${MAX_LINE / 2 ** 20} MiB: no trace has one`,
      );
    }
    parts.push(chunk.slice(from));
  }
  if (kept > 0) yield { text: text(new Uint8Array(0)), number, ended: false };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
