import type { World } from "./world.ts";

/** What a check observed: anything that JSON can hold. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value };

/**
 * One question that both worlds are asked. Equal observations mean that the simulated machine behaves as the real one.
 *
 * Checks of one machine run one after the other on the same two machines: each puts its device back to the start
 * before it begins, and what survives that (QEMU keeps some registers over a device reset) is the same on both.
 */
export interface Check {
  /** Unique, words with slashes: `rng-pci/split/zero-length`. */
  readonly id: string;
  /** One line for people. */
  readonly title: string;
  /** The clause that rules it: `virtio 1.4, 4.1.4.3`. */
  readonly spec: string;
  readonly kind: "static" | "probe";
  /** The machine, in QEMU's words. */
  readonly machine: string;
  /** The check leaves the machine in a state that no reset heals, or QEMU may hang: nobody else uses these two. */
  readonly alone?: boolean;
  /** Milliseconds that QEMU may take for one command before it counts as hung. */
  readonly patience?: number;
  run(world: World): Value | Promise<Value>;
}

/** Which checks are wanted. */
export interface Selection {
  readonly static: boolean;
  readonly probes: boolean;
  /** Part of an id or title, in small letters; everything if not given. */
  readonly filter?: string | undefined;
}

/** The checks of a list that a selection names, in order. */
export function select(checks: readonly Check[], selection: Selection): Check[] {
  const text = selection.filter?.toLowerCase() ?? "";
  return checks.filter((check) =>
    (check.kind === "static" ? selection.static : selection.probes) &&
    (check.id.toLowerCase().includes(text) || check.title.toLowerCase().includes(text))
  );
}
