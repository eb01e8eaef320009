/**
 * The normative statements ("clauses") of virtio 1.4, and how this project stands to each. `deno task clauses` prints the
 * table.
 */
import { type Clause, readSection } from "./clause.ts";
import balloon from "./data/balloon.json" with { type: "json" };
import basic from "./data/basic.json" with { type: "json" };
import block from "./data/block.json" with { type: "json" };
import console from "./data/console.json" with { type: "json" };
import fs from "./data/fs.json" with { type: "json" };
import mmio from "./data/mmio.json" with { type: "json" };
import net from "./data/net.json" with { type: "json" };
import packed from "./data/packed.json" with { type: "json" };
import pci from "./data/pci.json" with { type: "json" };
import rng from "./data/rng.json" with { type: "json" };
import split from "./data/split.json" with { type: "json" };
import vsock from "./data/vsock.json" with { type: "json" };

export * from "./clause.ts";
export * from "./state.ts";
export { STATES } from "./states/mod.ts";

/** Whose clauses they are: the tag and the commit of the specification's sources. */
export const CLAUSES_VERSION = "virtio v1.4-cs01 @ 15f488c162107f7b52fb2e4d0f36a2349fe9d3a9";

/** Sections that we implement, in the specification's order. */
export const IMPLEMENTED: readonly string[] = [basic, split, packed, pci, mmio, net, console, rng]
  .map((data) => data.section);

/** All clauses: the sections that we implement first. */
export const CLAUSES: readonly Clause[] = [
  basic,
  split,
  packed,
  pci,
  mmio,
  net,
  console,
  rng,
  block,
  balloon,
  vsock,
  fs,
].flatMap((data) => readSection(data));

const BY_ID: ReadonlyMap<string, Clause> = new Map(CLAUSES.map((clause) => [clause.id, clause]));

/**
 * The clause of an id.
 *
 * ```ts
 * import { clauseOf } from "./mod.ts";
 * const id = "drivernormative:Basic Facilities of a Virtio Device / Virtqueues / The Virtqueue Available Ring#1";
 * console.assert(clauseOf(id)?.level === "MUST NOT");
 * ```
 */
export function clauseOf(id: string): Clause | undefined {
  return BY_ID.get(id);
}
