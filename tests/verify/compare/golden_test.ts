import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  againstOurs,
  compareSides,
  type Comparison,
  differencesOf,
  explain,
  readTraceFile,
  Vocabulary,
} from "../../../verify/compare/mod.ts";
import { onceTest } from "../../support/once.ts";
import { compare } from "./_support.ts";

const FOLDER = new URL("../../data/golden/", import.meta.url);
// deno-lint-ignore no-explicit-any
type Json = any;

async function against(text: string): Promise<{ comparison: Comparison; divergences: string[] }> {
  const vocabulary = new Vocabulary();
  const { golden } = await readTraceFile("trace", [new TextEncoder().encode(text)], vocabulary);
  const [theirs, ours] = againstOurs(golden!.trace, golden!.replay, "trace", vocabulary);
  const comparison = compareSides(theirs, ours, vocabulary, { devices: [] });
  return { comparison, divergences: Object.keys(golden!.replay.at).sort() };
}
const load = (name: string) => Deno.readTextFileSync(new URL(`${name}.json`, FOLDER));
/** Divergences that show in what a driver hands back, or in what it does with its own variables, not in memory. */
const UNSEEN = ["D09", "D10", "D14", "D16", "D18", "D20", "D21"];
/** Traces whose queue was made and used up so fast that only a repeated cycle is left: slow, and tested by the replayer. */
const SLOW = ["split/laps_long", "packed/laps_long", "packed/create_32768"];

onceTest(
  "compare: what differs between Hermit's traces and our queue is what the replayer says, in all scenarios",
  async () => {
    let count = 0;
    for (const queue of ["split", "packed"]) {
      for (const { name } of Deno.readDirSync(new URL(`${queue}/`, FOLDER))) {
        const scenario = `${queue}/${name.replace(/\.json$/, "")}`;
        if (SLOW.includes(scenario)) continue;
        count++;
        const { comparison, divergences } = await against(load(scenario));
        const lanes = comparison.lanes.filter((l) => l.hunks.length > 0).map((l) => l.lane);
        const visible = divergences.filter((id) => id !== "D08" && !UNSEEN.includes(id));
        // Barriers are D08, and nothing else is different where the replayer has found nothing else.
        if (divergences.includes("D08")) assert(lanes.includes("barrier"), scenario);
        else if (divergences.length === 0) assertEquals(lanes, [], scenario);
        const others = lanes.filter((lane) => lane !== "barrier");
        if (visible.length === 0 && !divergences.includes("D16")) assertEquals(others, [], scenario);
        // D12 may show in what is returned only.
        if (visible.some((id) => id !== "D12")) assert(others.length > 0, `${scenario}: ${divergences}`);
        for (const found of differencesOf(comparison)) {
          const { known, text } = explain(comparison, found);
          assert(known.length > 0, `${scenario}: not explained: ${text}`);
          for (const { id } of known) {
            assert(id === undefined || divergences.includes(id), `${scenario}: ${id}`);
          }
        }
      }
    }
    assertEquals(count, 82 - SLOW.length);
  },
);

onceTest("compare: what is only in one trace is not taken for something else in the other", async () => {
  const { comparison } = await against(load("split/direct_1s1r"));
  const [first] = differencesOf(comparison).map((found) => explain(comparison, found));
  // Hermit's try_recv on an empty queue has a barrier; the barriers that follow are of other types.
  assertStringIncludes(
    first.text,
    "A executes dma/read (step 3); B does not: next it executes smp/write (step 4)",
  );
  assertStringIncludes(
    first.known[0].text,
    "Hermit's split try_recv has its read barrier before the load of used.idx",
  );
});

onceTest("compare: a golden trace that was falsified differs where it was", async () => {
  const edits: [string, (steps: Json[]) => void, string, number][] = [
    [
      "split/direct_1s1r",
      (s) => s[14].areas.desc = s[14].areas.desc.replace("05000000", "06000000"),
      "desc[1].len <- 6",
      14,
    ],
    ["split/notification_data", (s) => s[1].notifications[0].value = "0x00020001", "data 0x20001", 1],
    ["packed/direct_1s1r", (s) => s[4].notifications = [], "notify queue 1", 4],
    ["split/wrap_4_mixed", (s) => s[0].config_writes[2].value = "0x8", "queue 1 queue_size:2 <- 0x8", 0],
  ];
  for (const [scenario, edit, text, step] of edits) {
    const trace = JSON.parse(load(scenario));
    edit(trace.steps);
    const { comparison } = await against(JSON.stringify(trace));
    const told = differencesOf(comparison).filter(({ lane }) => lane.lane !== "barrier")
      .map((found) => explain(comparison, found).text);
    assert(told.length > 0, scenario);
    assertStringIncludes(told[0], text, scenario);
    assertStringIncludes(told[0], `step ${step}`);
  }
});

onceTest(
  "compare: the tool shows a golden trace against ours, with the clause of the divergence",
  async () => {
    const file = new URL("split/event_idx.json", FOLDER).pathname;
    const { code, out } = await compare(file);
    assertEquals(code, 1);
    assertStringIncludes(out, "B: ours of event_idx: golden trace");
    assertStringIncludes(
      out,
      "A known divergence of Hermit: D13: virtio 1.4, 2.7.7.1, 2.7.10: used_event and avail_event",
    );
    assertStringIncludes(
      out,
      "notification: a notification that there are buffers (virtio 1.4, 2.7.10, 2.8.10)",
    );
    assertEquals((await compare(file, file)).code, 0);
    assertEquals((await compare(new URL("split/create_absent.json", FOLDER).pathname)).code, 0);
  },
);
