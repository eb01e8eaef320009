/**
 * Where two sequences of numbers are the same: Myers' algorithm in linear space (An O(ND) Difference Algorithm and Its
 * Variations, 1986, 4b). The script is a shortest one as long as a piece needs no more than twice
 * {@link MAX_DIFFERENCE} edits; beyond, what occurs once on both sides is matched first (patience), so that time and memory stay bounded.
 */

/** Edits from either end of a piece up to which the shortest script is looked for. */
export const MAX_DIFFERENCE = 4000;

/** `length` equal elements, from `a` and from `b` on. */
export interface Match {
  readonly a: number;
  readonly b: number;
  readonly length: number;
}

/**
 * The common subsequence of two sequences, as runs in order.
 *
 * ```ts
 * import { align } from "./align.ts";
 * console.log(align(Int32Array.of(1, 2, 3, 4), Int32Array.of(1, 3, 4))); // [{a:0,b:0,length:1},{a:2,b:1,length:2}]
 * ```
 */
export function align(a: Int32Array, b: Int32Array, limit = MAX_DIFFERENCE): Match[] {
  const out: Match[] = [];
  const emit = (x: number, y: number, length: number) => {
    if (length === 0) return;
    const last = out.at(-1);
    if (last !== undefined && last.a + last.length === x && last.b + last.length === y) {
      out[out.length - 1] = { ...last, length: last.length + length };
    } else out.push({ a: x, b: y, length });
  };
  const size = 2 * Math.min(limit, Math.ceil((a.length + b.length) / 2) + 1) + 3;
  const search = new Search(a, b, limit, new Int32Array(size), new Int32Array(size));
  // Pieces still to be done, the first one on top: recursion could be as deep as the difference is long.
  const todo: [number, number, number, number, boolean][] = [[0, a.length, 0, b.length, false]];
  for (let piece = todo.pop(); piece !== undefined; piece = todo.pop()) {
    let [a0, a1, b0, b1, equal] = piece;
    if (equal) {
      emit(a0, b0, a1 - a0);
      continue;
    }
    let n = 0;
    while (a0 + n < a1 && b0 + n < b1 && a[a0 + n] === b[b0 + n]) n++;
    emit(a0, b0, n);
    a0 += n;
    b0 += n;
    n = 0;
    while (a0 < a1 - n && b0 < b1 - n && a[a1 - n - 1] === b[b1 - n - 1]) n++;
    if (n > 0) todo.push([a1 - n, a1, b1 - n, b1, true]);
    a1 -= n;
    b1 -= n;
    if (a0 === a1 || b0 === b1) continue;
    const middle = search.middle(a0, a1, b0, b1);
    if (middle !== undefined) {
      const [x, y, u, v] = middle;
      todo.push([u, a1, v, b1, false], [x, u, y, v, true], [a0, x, b0, y, false]);
      continue;
    }
    const anchors = unique(a, b, a0, a1, b0, b1);
    let [pa, pb] = [a1, b1];
    for (const [x, y] of anchors.toReversed()) {
      todo.push([x + 1, pa, y + 1, pb, false], [x, x + 1, y, y + 1, true]);
      [pa, pb] = [x, y];
    }
    // Without an anchor nothing of the piece is taken for the same.
    if (anchors.length > 0) todo.push([a0, pa, b0, pb, false]);
  }
  return out;
}

/** Finds the middle run of a shortest script. */
class Search {
  constructor(
    private readonly a: Int32Array,
    private readonly b: Int32Array,
    private readonly limit: number,
    private readonly forward: Int32Array,
    private readonly backward: Int32Array,
  ) {}

  /**
   * A run of equal elements in the middle of a shortest script, from (x, y) to (u, v), all within the piece; undefined: the
   * script is longer than the limit. Neither sequence is empty, and they differ at both ends.
   */
  middle(a0: number, a1: number, b0: number, b1: number): [number, number, number, number] | undefined {
    const { a, b, forward, backward } = this;
    const n = a1 - a0, m = b1 - b0, delta = n - m, odd = (delta & 1) !== 0;
    const bound = Math.min(this.limit, Math.ceil((n + m) / 2));
    const offset = (forward.length - 1) >> 1;
    forward[offset + 1] = backward[offset + 1] = 0;
    for (let d = 0; d <= bound; d++) {
      for (let k = -d; k <= d; k += 2) {
        const down = k === -d || (k !== d && forward[offset + k - 1] < forward[offset + k + 1]);
        let x = down ? forward[offset + k + 1] : forward[offset + k - 1] + 1;
        const start = x;
        while (x < n && x - k < m && x - k >= 0 && a[a0 + x] === b[b0 + x - k]) x++;
        forward[offset + k] = x;
        const back = delta - k;
        if (odd && Math.abs(back) <= d - 1 && x + backward[offset + back] >= n) {
          return [a0 + start, b0 + start - k, a0 + x, b0 + x - k];
        }
      }
      for (let k = -d; k <= d; k += 2) {
        const down = k === -d || (k !== d && backward[offset + k - 1] < backward[offset + k + 1]);
        let x = down ? backward[offset + k + 1] : backward[offset + k - 1] + 1;
        const start = x;
        while (x < n && x - k < m && x - k >= 0 && a[a1 - 1 - x] === b[b1 - 1 - x + k]) x++;
        backward[offset + k] = x;
        const forth = delta - k;
        if (!odd && Math.abs(forth) <= d && x + forward[offset + forth] >= n) {
          return [a1 - x, b1 - x + k, a1 - start, b1 - start + k];
        }
      }
    }
    return undefined;
  }
}

/** Elements that occur once in each piece, in an order that both have: the longest such chain. */
function unique(
  a: Int32Array,
  b: Int32Array,
  a0: number,
  a1: number,
  b0: number,
  b1: number,
): [number, number][] {
  const SEVERAL = -1;
  const once = (list: Int32Array, from: number, to: number) => {
    const found = new Map<number, number>();
    for (let i = from; i < to; i++) found.set(list[i], found.has(list[i]) ? SEVERAL : i);
    return found;
  };
  const inA = once(a, a0, a1), inB = once(b, b0, b1);
  const pairs: [number, number][] = [];
  for (const [value, x] of inA) {
    const y = inB.get(value);
    if (x !== SEVERAL && y !== undefined && y !== SEVERAL) pairs.push([x, y]);
  }
  pairs.sort((p, q) => p[0] - q[0]);
  // Patience: the longest increasing subsequence of the places in b.
  const tails: number[] = [], before = new Int32Array(pairs.length);
  pairs.forEach(([, y], i) => {
    let low = 0, high = tails.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (pairs[tails[mid]][1] < y) low = mid + 1;
      else high = mid;
    }
    before[i] = low === 0 ? -1 : tails[low - 1];
    tails[low] = i;
  });
  const chain: [number, number][] = [];
  for (let i = tails.at(-1) ?? -1; i >= 0; i = before[i]) chain.push(pairs[i]);
  return chain.reverse();
}
