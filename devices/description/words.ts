import { type Props, UsageError } from "./types.ts";

/** What QEMU accepts as an identifier. */
const IDENTIFIER = /^[A-Za-z][A-Za-z0-9._-]*$/;

/**
 * Reads `first,name=value,flag` as QEMU does: `,,` is a comma, a bare name is `name=on`.
 *
 * ```ts
 * import { splitProps } from "./words.ts";
 * const { first, props } = splitProps("-device", "virtio-rng-pci,packed=on,id=a,,b", "driver");
 * console.assert(first === "virtio-rng-pci" && props.packed === "on" && props.id === "a,b");
 * ```
 *
 * @param option for messages: `-device`.
 * @param implied the name that the first word has when it is written without one; undefined: there is none.
 * @param many names that may be given more often than once; their values are in `lists`, in order.
 * @throws {UsageError} for an empty property or one that is given twice.
 */
export function splitProps(
  option: string,
  text: string,
  implied?: string,
  many: readonly string[] = [],
): { first: string | undefined; props: Props; lists: Record<string, string[]> } {
  const props: Props = {};
  const lists: Record<string, string[]> = {};
  const parts = splitCommas(text);
  parts.forEach((part, i) => {
    const eq = part.indexOf("=");
    const bare = eq < 0;
    let name = bare ? part : part.slice(0, eq);
    let value = bare ? "on" : part.slice(eq + 1);
    if (bare && i === 0 && implied !== undefined) {
      name = implied;
      value = part;
    }
    if (name === "") throw new UsageError(`${option} ${text}: a property without a name`);
    if (many.includes(name)) {
      (lists[name] ??= []).push(value);
      return;
    }
    if (Object.hasOwn(props, name)) {
      throw new UsageError(`${option} ${text}: property '${name}' is given twice`);
    }
    props[name] = value;
  });
  if (implied === undefined) return { first: undefined, props, lists };
  const first = props[implied];
  delete props[implied];
  return { first, props, lists };
}

/** Splits at commas; two together are one that belongs to the text. */
export function splitCommas(text: string): string[] {
  const parts: string[] = [];
  let part = "";
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== ",") part += text[i];
    else if (text[i + 1] === ",") {
      part += ",";
      i++;
    } else {
      parts.push(part);
      part = "";
    }
  }
  parts.push(part);
  return parts;
}

/** The reverse of {@link splitProps}. */
export function joinProps(first: string | undefined, props: Props): string {
  const escape = (text: string) => text.replaceAll(",", ",,");
  const words = Object.entries(props).map(([name, value]) => `${name}=${escape(value)}`);
  if (first !== undefined) words.unshift(escape(first));
  return words.join(",");
}

/** `on` or `off` as QEMU reads them. @throws {UsageError} naming the property. */
export function readBool(where: string, name: string, value: string): boolean {
  if (["on", "yes", "true", "y"].includes(value)) return true;
  if (["off", "no", "false", "n"].includes(value)) return false;
  throw new UsageError(`${where}: property '${name}' expects 'on' or 'off', not '${value}'`);
}

/** @throws {UsageError} if `id` is missing or not an identifier. */
export function requireId(where: string, id: string | undefined): string {
  if (id === undefined) throw new UsageError(`${where}: no id specified (id=NAME)`);
  if (!IDENTIFIER.test(id)) {
    throw new UsageError(
      `${where}: '${id}' is not an id (letters, digits, '-', '.', '_', starting with a letter)`,
    );
  }
  return id;
}

/** Refuses properties that are not in `known`. @throws {UsageError} with the closest one and all that are possible. */
export function refuseUnknownProps(where: string, props: Props, known: readonly string[]): void {
  for (const name of Object.keys(props)) {
    if (known.includes(name)) continue;
    const possible = known.length === 0 ? "it takes none" : `possible: ${known.join(", ")}`;
    throw new UsageError(`${where}: unknown property '${name}'${suggestion(name, known)}; ${possible}`);
  }
}

/** `, did you mean 'x'?` for the closest of `known`, or nothing when all are far. */
export function suggestion(word: string, known: Iterable<string>): string {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase());
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best === undefined ? "" : `, did you mean '${best}'?`;
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
