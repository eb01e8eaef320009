import type { Edit } from "./piece.ts";

/**
 * The files with a mistake in them, by name.
 *
 * @param read gives a file's text.
 * @throws {Error} if a text does not occur exactly once, or nothing changes: the sources have moved on, and the piece must
 * follow.
 */
export function plant(
  id: string,
  mistake: readonly Edit[],
  read: (file: string) => string,
): Map<string, string> {
  const planted = new Map<string, string>();
  for (const { file, find, replace } of mistake) {
    const source = planted.get(file) ?? read(file);
    const times = source.split(find).length - 1;
    if (times !== 1) {
      throw new Error(`${id}: its text occurs ${times} times in ${file}, expected once: ${find}`);
    }
    if (find === replace) throw new Error(`${id}: it changes nothing in ${file}`);
    planted.set(file, source.replace(find, () => replace));
  }
  if (planted.size === 0) throw new Error(`${id}: it has no patch`);
  return planted;
}
