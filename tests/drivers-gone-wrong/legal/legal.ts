import type { Mistake } from "../mistake.ts";

/** Another way to be right, of which nothing must be said. */
export interface Legal extends Omit<Mistake, "expect" | "also"> {
  /** Rules that may have a note on it: worth knowing, and no reproach. */
  readonly notes?: readonly string[];
}
