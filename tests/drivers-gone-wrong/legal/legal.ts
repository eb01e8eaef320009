import type { Mistake } from "../mistake.ts";

/** Another way to be right, of which nothing must be said. */
export type Legal = Omit<Mistake, "expect" | "also">;
