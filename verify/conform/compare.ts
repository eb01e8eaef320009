import type { Value } from "./check.ts";

/** Where two observations part. */
export interface Detail {
  /** Names and numbers that lead there: `used.0.len`. Empty if the whole differs. */
  readonly path: string;
  readonly simulated: string;
  readonly qemu: string;
}

/**
 * The first place where two observations differ, or undefined if they are equal. Rows of words (register dumps)
 * are compared word by word.
 *
 * ```ts
 * import { firstDifference } from "./compare.ts";
 * const at = firstDifference({ isr: 1, used: [{ len: 8 }] }, { isr: 1, used: [{ len: 0 }] });
 * console.assert(at?.path === "used.0.len" && at.simulated === "8" && at.qemu === "0");
 * ```
 */
export function firstDifference(simulated: Value, qemu: Value, path = ""): Detail | undefined {
  if (Object.is(simulated, qemu)) return undefined;
  const differ = { path, simulated: show(simulated), qemu: show(qemu) };
  if (typeof simulated === "string" && typeof qemu === "string") {
    const ours = simulated.split(" "), theirs = qemu.split(" ");
    const i = ours.findIndex((word, i) => word !== theirs[i]);
    const row = ours.length === theirs.length && ours.length >= 4;
    return row ? { path: `${path}[${i}]`, simulated: ours[i], qemu: theirs[i] } : differ;
  }
  if (!isObject(simulated) || !isObject(qemu) || Array.isArray(simulated) !== Array.isArray(qemu)) {
    return differ;
  }
  const ours = new Map(Object.entries(simulated)), theirs = new Map(Object.entries(qemu));
  for (const name of new Set([...ours.keys(), ...theirs.keys()])) {
    const below = path === "" ? name : `${path}.${name}`;
    const a = ours.get(name), b = theirs.get(name);
    if (a === undefined || b === undefined) {
      return { path: below, simulated: show(a), qemu: show(b) };
    }
    const found = firstDifference(a, b, below);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** An observation without what the matching paths lead to. */
export function without(value: Value, pattern: RegExp, path = ""): Value {
  if (!isObject(value)) return value;
  const below = (name: string | number) => path === "" ? `${name}` : `${path}.${name}`;
  if (Array.isArray(value)) {
    return value.map((v, i) => pattern.test(below(i)) ? null : without(v, pattern, below(i)));
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, v]) => [
      name,
      pattern.test(below(name)) ? null : without(v, pattern, below(name)),
    ]),
  );
}

/** An observation in few characters, for people. Words that need no quotes have none. */
export function show(value: Value | undefined): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return value;
  return JSON.stringify(value).replace(/"([A-Za-z0-9_ .+-]*)"/g, "$1");
}

const isObject = (value: Value): value is readonly Value[] | { readonly [name: string]: Value } =>
  typeof value === "object" && value !== null;
