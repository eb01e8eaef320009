/** A place in a source file where one thing can be done wrong. */
export interface Site {
  /** From the root of the repository. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** `deleted`, ` + 1 for  + 2`. */
  readonly how: string;
  readonly before: string;
  readonly after: string;
}

/** A statement that does something: without it the next one goes on. */
const STATEMENT = /^(?:this\.|memory\.|\w+Barrier\(|[\w.]+\(.*\);|[\w.[\]]+ (?:[-+|&^]|<<|>>)?= .*;)/;
/** Lines in which nothing that runs can be changed. */
const NO_CODE =
  /^(?:$|\/\/|\*|\/\*|import|export (?:type|interface)|@|throw|return|const|let|readonly|declare)/;
/** Signatures and types: a change would be no mistake in what runs. */
const SIGNATURE = /^\s*(?:private|protected|public|override|\w+\(.*\): )|=>.*\): |\bthrow\b/;

/** What is written for what: off by one, the wrong comparison, the wrong bits, the wrong place. */
const SWAPS: readonly (readonly [string, string])[] = [
  [" + 1", " + 2"],
  [" - 1", " - 0"],
  [" + 4", " + 2"],
  [" + 8", " + 12"],
  [" + ", " - "],
  [" < ", " <= "],
  [" === ", " !== "],
  [" !== ", " === "],
  [" | ", " & "],
  [" & ", " | "],
  [" << ", " >> "],
  ["& this.mask", "& 0xffff"],
  ["true", "false"],
  ["false", "true"],
];

/**
 * All places of a file where a mistake can be planted by changing one line.
 *
 * ```ts
 * import { sitesOf } from "./sites.ts";
 * const [deleted] = sitesOf("a.ts", "  memory.writeU16(4, head);");
 * console.assert(deleted.how === "deleted" && deleted.after === "  ;");
 * ```
 */
export function sitesOf(file: string, text: string): Site[] {
  return text.split("\n").flatMap((before, i) => {
    const code = before.trim();
    if (NO_CODE.test(code) && !/^(?:return|const|let)/.test(code)) return [];
    const at = { file, line: i + 1, before };
    const sites: Site[] = [];
    if (STATEMENT.test(code) && code.endsWith(";") && !NO_CODE.test(code)) {
      sites.push({ ...at, how: "deleted", after: before.slice(0, before.length - code.length) + ";" });
    }
    if (SIGNATURE.test(before)) return sites;
    for (const [from, to] of SWAPS) {
      if (before.includes(from)) {
        sites.push({ ...at, how: `${to.trim()} for ${from.trim()}`, after: before.replace(from, to) });
      }
    }
    return sites;
  });
}
