/**
 * How this project stands to a clause. More than one may hold. Rules are not listed here: each rule of `verify/strict`
 * names its clauses itself.
 */
export type State =
  /** A device model does it, or refuses what breaks it; and the test which shows that, if there is one. */
  | { readonly kind: "device"; readonly file: string; readonly test?: TestName }
  /** A test shows it. */
  | { readonly kind: "test"; readonly test: TestName }
  /** A device model does otherwise, on purpose: what QEMU does; and the test which shows that. */
  | { readonly kind: "deviates"; readonly how: string; readonly test: TestName }
  /** A feature or a kind of device that does not exist here. */
  | { readonly kind: "notOffered"; readonly reason: string }
  /** Nothing that can be observed tells whether it holds. */
  | { readonly kind: "notCheckable"; readonly reason: string }
  /** Nothing is there yet: what is missing. */
  | { readonly kind: "open"; readonly missing: string };

/** A test: file from the top of the repository, and name. See {@link test}. */
export interface TestName {
  readonly file: string;
  readonly name: string;
}

/**
 * The states of a section, by heading and number. A key may be a range: `"3-7"`. A clause without an entry must have a
 * rule.
 */
export type States = Readonly<
  Record<string, Readonly<Record<string | number, State | readonly State[]>>>
>;

/**
 * Names a test. `name` is its text, where a template's `${...}` stands for any text, or the template itself as it is
 * written; a case of a table in the same file follows behind ` > `.
 */
export const test = (file: string, name: string): TestName => ({ file, name });

/** Shown by a test. */
export const tested = (file: string, name: string): State => ({ kind: "test", test: { file, name } });
/** Done by a device model. `file` is below `devices/`. */
export const device = (file: string, shown?: TestName): State => ({
  kind: "device",
  file: `devices/${file}`,
  ...(shown === undefined ? {} : { test: shown }),
});
/** Done otherwise by a device model, as in QEMU. */
export const deviates = (how: string, shown: TestName): State => ({ kind: "deviates", how, test: shown });
export const notOffered = (reason: string): State => ({ kind: "notOffered", reason });
export const notCheckable = (reason: string): State => ({ kind: "notCheckable", reason });
export const open = (missing: string): State => ({ kind: "open", missing });

/** The entries of a table, one for each clause id, ranges spread out. @throws {Error} for a key that is no range. */
export function entries(states: States): [id: string, states: readonly State[]][] {
  return Object.entries(states).flatMap(([heading, numbers]) =>
    Object.entries(numbers).flatMap(([key, state]): [string, readonly State[]][] => {
      const range = /^([1-9]\d*)(?:-([1-9]\d*))?$/.exec(key);
      const [from, to] = range === null ? [1, 0] : [Number(range[1]), Number(range[2] ?? range[1])];
      if (range === null || to < from) {
        throw new Error(`${heading}: "${key}" is neither a number nor a range of numbers`);
      }
      const list = "kind" in state ? [state] : state as readonly State[];
      return Array.from({ length: to - from + 1 }, (_, i) => [`${heading}#${from + i}`, list]);
    })
  );
}
