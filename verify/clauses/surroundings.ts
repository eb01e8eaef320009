import type { MistakeInfo } from "./check.ts";
import type { Surroundings } from "./run.ts";
import type { RuleInfo } from "./table.ts";

/** How a folder of the project is read. */
export interface Disk {
  /** A file's text; undefined if there is none. */
  read(path: URL): string | undefined;
  /** Names in a folder, those of folders with a slash behind; empty if there is no such folder. */
  list(path: URL): string[];
}

/** Where tests expect reports, besides the planted mistakes: of single rules, and of Hermit's own mistakes. */
const RULE_TESTS = ["tests/verify/strict/", "tests/museum/pieces/"];

/** Everything about the project that the table is checked against. @param root the top of the repository. */
export async function surroundings(root: URL, disk: Disk): Promise<Surroundings> {
  const read = (path: string) => disk.read(new URL(path, root));
  return {
    files: { read },
    rules: await exported<RuleInfo>(root, disk, "verify/strict/rules/mod.ts", "RULES"),
    mistakes: (await exported<Mistake>(root, disk, "tests/drivers-gone-wrong/mistakes/mod.ts", "MISTAKES"))
      .map(
        infoOf,
      ),
    tests: RULE_TESTS.flatMap((folder) => sources(new URL(folder, root), disk)),
  };
}

interface Mistake {
  readonly id: string;
  readonly expect: string | { readonly rule: string };
}
const infoOf = ({ id, expect }: Mistake): MistakeInfo => ({
  id,
  rule: typeof expect === "string" ? expect : expect.rule,
});

/** A list that a module exports. @throws {Error} if the module is there and has no such list. */
async function exported<T>(root: URL, disk: Disk, path: string, name: string): Promise<readonly T[]> {
  const url = new URL(path, root);
  if (disk.read(url) === undefined) return [];
  const list = (await import(url.href))[name];
  if (!Array.isArray(list)) throw new Error(`${path} exports no list ${name}`);
  return list;
}

function sources(folder: URL, disk: Disk): string[] {
  return disk.list(folder).flatMap((name) => {
    const path = new URL(name, folder);
    if (name.endsWith("/")) return sources(path, disk);
    return name.endsWith(".ts") ? [disk.read(path) ?? ""] : [];
  });
}
