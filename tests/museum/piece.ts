/** Text of a source file and what stands there instead. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** What is run, in a copy of the tree. */
export type Scenario =
  /** `main.ts --strict` with this command line, split at blanks (`'...'` keeps them); `input` is typed into it. */
  | { readonly kind: "run"; readonly line: string; readonly input?: string; readonly transport?: "mmio" }
  /** A machine that no command line describes: `scenes/NAME.ts`. */
  | { readonly kind: "scene"; readonly name: string }
  /** Traces of Hermit's queues are replayed: files below `tests/data/golden/`. */
  | { readonly kind: "golden"; readonly files: readonly string[] }
  /** Tests of this repository. */
  | { readonly kind: "test"; readonly file: string; readonly filter: string };

/** What must be said of the mistake. */
export interface Expected {
  /** Runs and scenes: id of the rule that reports it. */
  readonly rule?: string;
  /** A clause that the report names. */
  readonly clause?: string;
  /** Words of the report (title, what was found and expected, evidence), or of what a replay or a test prints. */
  readonly words: RegExp;
}

interface Labelled {
  /** `2`, `7b`; kin: `kin-2a`. Unique. */
  readonly id: string;
  /** Number in the museum's list; of kin: whose kin it is. */
  readonly number: number;
  /** Commits of hermit-os/kernel that repaired it. Kin: none. */
  readonly fix: string;
  /** The mistake in a sentence. */
  readonly title: string;
}

/** A mistake, the machine on which it shows, and what must be said. */
export interface Exhibit extends Labelled {
  readonly kin?: true;
  readonly mistake: readonly Edit[];
  readonly scenario: Scenario;
  readonly expected: Expected;
}

/** A mistake that cannot be shown: what it needs is not here. Counts neither as caught nor as missed. */
export interface Absent extends Labelled {
  /** `no vsock driver`. */
  readonly notHere: string;
}

/** A mistake that only another order of memory accesses shows. */
export interface Waiting extends Labelled {
  readonly mistake: readonly Edit[];
  readonly needs: "explorer";
}

export type Piece = Exhibit | Absent | Waiting;

export const isExhibit = (piece: Piece): piece is Exhibit => "scenario" in piece;
