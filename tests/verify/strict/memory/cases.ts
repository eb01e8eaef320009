import { assert, assertEquals, assertMatch } from "@std/assert";
import { F } from "../../../../spec/virtio/features.ts";
import { Bench } from "./bench.ts";
import { PackedHand } from "./packed_hand.ts";
import { SplitHand } from "./split_hand.ts";

/** One mistake: the scenario runs once as it should be (no report), and once with the mistake (the rule's report). */
export interface Case<H> {
  readonly rule: string;
  readonly what: string;
  /** Besides VERSION_1, and RING_PACKED for a packed ring. */
  readonly features?: bigint;
  readonly platform?: string;
  readonly size?: number;
  /** What `found` says. */
  readonly found: RegExp;
  /** Other rules that the mistake breaks, too. */
  readonly also?: readonly string[];
  readonly run: (hand: H, wrong: boolean) => void;
}

export function splitCases(cases: readonly Case<SplitHand>[]): void {
  for (const c of cases) define("split", c, (bench) => new SplitHand(bench, c.size));
}
export function packedCases(cases: readonly Case<PackedHand>[]): void {
  for (const c of cases) define("packed", c, (bench) => new PackedHand(bench, c.size));
}

function define<H>(ring: "split" | "packed", c: Case<H>, make: (bench: Bench) => H): void {
  const features = F.VERSION_1 | (ring === "packed" ? F.RING_PACKED : 0n) | (c.features ?? 0n);
  const play = (wrong: boolean, platform = c.platform) => {
    const bench = new Bench(features, platform);
    c.run(make(bench), wrong);
    return bench;
  };
  Deno.test(`${c.rule} (${ring}): ${c.what}`, () => {
    for (const platform of c.platform === undefined ? ["simulated", "qemu", "trace"] : [c.platform]) {
      const found = play(false, platform).reports.map((r) => `${r.rule}: ${r.found}`);
      assertEquals(found, [], `the right driver is not reported (${platform})`);
    }
    const { reports, broken } = play(true);
    const report = reports.find((r) => r.rule === c.rule);
    assert(
      report !== undefined,
      `no report of ${c.rule}, but of ${JSON.stringify(reports.map((r) => r.found))}`,
    );
    assertMatch(report.found, c.found);
    assertEquals(broken.filter((id) => id !== c.rule).sort(), [...c.also ?? []].sort(), "other rules");
    assert(report.expected !== "" && report.hint !== "");
  });
}
