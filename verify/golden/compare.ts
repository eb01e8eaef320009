import type { Areas, Tok } from "./model.ts";
import { fromHex, toHex, type Trace, type TracePop, type TraceStep } from "./schema.ts";

/** Equal as JSON, whatever the order of keys; `undefined` is no key. */
export function sameStep(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length &&
      a.every((x, i) => sameStep(x, b[i]));
  }
  const left = a as Record<string, unknown>, right = b as Record<string, unknown>;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((k) =>
    sameStep(left[k], right[k])
  );
}

/** The first difference of two areas, with up to 16 bytes of each side from there; undefined if there is none. */
export function bytesDiffer(
  a: Uint8Array,
  b: Uint8Array,
  ignore: (offset: number) => unknown = () => false,
): { offset: number; a: string; b: string } | undefined {
  for (let o = 0; o < Math.max(a.length, b.length); o++) {
    if (a[o] === b[o] || ignore(o)) continue;
    const from = o - (o % 16);
    return { offset: from, a: toHex(a.subarray(from, from + 16)), b: toHex(b.subarray(from, from + 16)) };
  }
  return undefined;
}

/** Puts the areas of a trace together from whole contents and differences. */
export class AreaLog {
  private readonly areas: Areas = {
    desc: new Uint8Array(0),
    driver: new Uint8Array(0),
    device: new Uint8Array(0),
  };
  constructor(trace: Trace) {
    for (const a of trace.areas) this.areas[a.name as keyof Areas] = new Uint8Array(a.len);
  }
  next(step: TraceStep, fail: (area: string, message: string) => void): Areas {
    for (const [name, content] of Object.entries(step.areas)) {
      const area = this.areas[name as keyof Areas];
      const put = (offset: number, hex: string) => {
        if (area === undefined || offset + hex.length / 2 > area.length) {
          fail(name, `${hex.length / 2} bytes at ${offset}`);
        }
        area.set(fromHex(hex), offset);
      };
      if (typeof content === "string") {
        if (content.length / 2 !== area?.length) fail(name, `${content.length / 2} bytes`);
        put(0, content);
      } else for (const [offset, hex] of content.diff) put(offset, hex);
    }
    return this.areas;
  }
}

/** `returned` of a trace without addresses. */
export interface Returned {
  token: string;
  written_len: number;
  send: { name: string; len: number }[];
  recv: TracePop[];
  extra_pop_vec: boolean | null;
  elems_left: number | null;
  written_len_left: number;
}

/** What popping all elements must give when the device reported `written` bytes and wrote `contents`. */
export function expectedReturn(
  tok: Tok,
  written: number,
  pops: string[] | undefined,
  contents: Map<string, Uint8Array>,
): Returned {
  const recv = tok.elems.filter((e) => e.writable);
  const kinds = recv.map((_, i) => pops?.[i] ?? "vec");
  let left = written, failed = false, next = 0;
  const items = recv.map((e, i) => {
    const item: Record<string, unknown> = { name: e.name, pop: kinds[i] };
    if (next < i) {
      // An element before this one was not taken: it is at the front still, and of another kind.
      if (kinds[next] !== kinds[i]) {
        item.panic = true;
        failed = true;
      } else item.none = true;
      return item as unknown as TracePop;
    }
    const n = Math.min(e.capacity, left);
    if (kinds[i] === "downcast" && n < e.capacity) {
      item.none = true;
      return item as unknown as TracePop;
    }
    const bytes = new Uint8Array(n);
    bytes.set((contents.get(e.name) ?? new Uint8Array(0)).subarray(0, n));
    left -= n;
    next++;
    item.len = n;
    item.hex = toHex(bytes);
    return item as unknown as TracePop;
  });
  return {
    token: tok.name,
    written_len: written,
    send: tok.elems.filter((e) => !e.writable).map((e) => ({ name: e.name, len: e.len })),
    recv: items,
    extra_pop_vec: kinds.every((k) => k === "vec") ? false : null,
    elems_left: failed ? null : recv.length - next,
    written_len_left: left,
  };
}
