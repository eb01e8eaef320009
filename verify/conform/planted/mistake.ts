/** A mistake that can be planted in a device model, to see whether the random campaign finds it. */
export interface Mistake {
  /** Short and unique: `isr-not-cleared`. */
  readonly id: string;
  /** The register or rule that it breaks, with its clause. */
  readonly rule: string;
  /** File of the model, from the root. */
  readonly file: string;
  /** Text that occurs once in the file. */
  readonly find: string;
  /** What stands there instead. */
  readonly replace: string;
  /** Words that a target's name must all contain for it to be able to see the mistake: `pci split`. */
  readonly on: string;
}

/** Why the text of a mistake does not fit the file, or undefined. */
export function misfit(mistake: Mistake, source: string): string | undefined {
  const times = source.split(mistake.find).length - 1;
  if (times !== 1) return `its text occurs ${times} times in ${mistake.file}, expected once`;
  if (mistake.find === mistake.replace) return "it changes nothing";
  return undefined;
}

/** The file with the mistake in it. @throws {Error} see {@link misfit}. */
export function plant(mistake: Mistake, source: string): string {
  const why = misfit(mistake, source);
  if (why !== undefined) throw new Error(`${mistake.id}: ${why}`);
  return source.replace(mistake.find, () => mistake.replace);
}
