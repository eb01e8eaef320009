import { assertEquals } from "@std/assert";
import { replayTrace } from "../../verify/golden/replay.ts";
import { readTrace, TraceError } from "../../verify/golden/schema.ts";
import { main } from "../../verify/golden/main.ts";
import { onceTest } from "../support/once.ts";

const FOLDER = new URL("../data/golden/", import.meta.url);

const load = (name: string) => JSON.parse(Deno.readTextFileSync(new URL(`${name}.json`, FOLDER)));
const replay = (value: unknown) => replayTrace(readTrace(value, "trace"));

/** Scenarios by the divergences that they must show, from the table of Hermit's defects. D08: see the tool's help. */
const EXPECTED: Record<string, string> = {
  "split/full_chain_does_not_fit": "D01 D08 D21",
  "split/leak_until_dead": "D01 D07 D08 D21",
  "split/chain_longer_than_queue": "D01 D21",
  "packed/batch_await_multi": "D02 D08",
  "packed/batch_first_fills_ring": "D03",
  "packed/event_idx_device": "D04 D08",
  "packed/event_idx_batch": "D04 D05 D08",
  "packed/indirect_shapes": "D06 D08",
  "packed/indirect_mixed": "D06 D08",
  "packed/device_suppress": "D07 D08",
  "split/device_suppress": "D07 D08",
  "packed/full_indirect": "D06 D07 D08 D21",
  "split/order_platform": "D08",
  "split/used_id_free": "D08 D09",
  "split/used_id_out_of_range": "D08 D09",
  "split/used_twice": "D08 D09",
  "packed/used_id_free": "D08 D09",
  "split/device_edits_descriptor_flags": "D08 D10",
  "split/notif_true": "D08 D11",
  "split/batch_unimplemented": "D08 D11",
  "split/blocking_foreign": "D08 D12",
  "packed/blocking_after_disable": "D08 D12",
  "split/event_idx": "D08 D13",
  "split/event_idx_flag_set": "D08 D13",
  "split/in_order_feature": "D08 D14",
  "packed/in_order_feature": "D14",
  "split/create_zero": "D15",
  "split/wrap_5_odd_size": "D15",
  "split/size3_idx_limit": "D15",
  "packed/empty_token": "D08 D16",
  "split/zero_len_elems": "D08 D17",
  "packed/written_lengths": "D08 D18",
  "split/sized_elems": "D08 D18",
  "packed/batch_empty": "D08 D20",
  "packed/full_single": "D08 D21",
  "split/direct_1s1r": "D08",
  "split/laps_long": "D08",
  "packed/laps_long": "D08",
  "packed/size256_full": "D08 D21",
  "split/create_absent": "",
};

onceTest("golden: none of the 82 traces differs, and the known divergences are the ones in the table", () => {
  let count = 0;
  for (const queue of ["split", "packed"]) {
    for (const { name } of Deno.readDirSync(new URL(`${queue}/`, FOLDER))) {
      const scenario = `${queue}/${name.replace(/\.json$/, "")}`;
      const result = replay(load(scenario));
      assertEquals(result.difference, undefined, scenario);
      const expected = EXPECTED[scenario];
      if (expected !== undefined) assertEquals(result.divergences.join(" "), expected, scenario);
      count++;
    }
  }
  assertEquals(count, 82);
});

/** One change of a trace, by what it falsifies. Each must be noticed. */
// deno-lint-ignore no-explicit-any
type Edit = [string, string, (steps: any[]) => void];
const flip = (hex: string, at: number) =>
  hex.slice(0, at) + (parseInt(hex[at], 16) ^ 1).toString(16) + hex.slice(at + 1);
const EDITS: Edit[] = [
  ["descriptor", "split/direct_1s1r", (s) => s[4].areas.desc = flip(s[4].areas.desc, 3)],
  ["available ring", "split/wrap_4_mixed", (s) => s[9].areas.driver = flip(s[9].areas.driver, 9)],
  ["used ring", "split/direct_1s1r", (s) => s[9].areas.device = flip(s[9].areas.device, 5)],
  ["packed flags", "packed/wrap_4_mixed", (s) => s[9].areas.desc = flip(s[9].areas.desc, 28)],
  ["notification", "split/notification_data", (s) => s[1].notifications[0].value = "0x00020001"],
  ["no notification", "packed/direct_1s1r", (s) => s[4].notifications = []],
  [
    "returned bytes",
    "split/direct_1s1r",
    (s) => s[11].returned.recv[0].hex = flip(s[11].returned.recv[0].hex, 0),
  ],
  ["written length", "packed/direct_1s1r", (s) => s[11].returned.written_len++],
  ["free descriptors", "split/direct_1s1r", (s) => s[4].driver_state.free_count++],
  ["packed capacity", "packed/direct_1s1r", (s) => s[4].driver_state.capacity--],
  ["live id", "packed/direct_1s1r", (s) => s[4].driver_state.live[0].id++],
  ["read index", "split/direct_1s1r", (s) => s[11].driver_state.read_idx++],
  ["barrier order", "split/direct_1s1r", (s) => s[4].barriers.reverse()],
  ["barrier missing", "packed/direct_1s1r", (s) => s[4].barriers.pop()],
  ["register", "split/direct_1s1r", (s) => s[0].config_writes[4].value = "0x100010"],
  ["result", "split/full_single", (s) => s[5].result = { ok: true }],
  ["panic", "split/used_id_free", (s) => s[4].result = { err: "NoNewUsed" }],
  ["table, D06", "packed/indirect_shapes", (s) => s[1].indirect[0].hex = flip(s[1].indirect[0].hex, 4)],
  ["after D01", "split/full_chain_does_not_fit", (s) => s[8].areas.desc = flip(s[8].areas.desc, 2)],
  ["after D07", "split/device_suppress", (s) => s[6].areas.driver = flip(s[6].areas.driver, 5)],
  ["after D09", "split/used_id_free", (s) => s[7].driver_state.free_count--],
  ["after D15", "split/wrap_5_odd_size", (s) => s[4].areas.device = flip(s[4].areas.device, 1)],
  ["chain", "split/direct_1s1r", (s) => s[7].result.chain.segments[1].len--],
  [
    "device's data",
    "split/direct_1s1r",
    (s) => s[9].device_writes[0].hex = flip(s[9].device_writes[0].hex, 1),
  ],
  ["has_used_buffers", "packed/direct_1s1r", (s) => s[10].result.value = false],
];

Deno.test("golden: a falsified trace differs, also after a known divergence", () => {
  for (const [what, scenario, edit] of EDITS) {
    const trace = load(scenario);
    edit(trace.steps);
    assertEquals(replay(trace).difference !== undefined, true, `${scenario}: ${what} was not noticed`);
  }
});

Deno.test("golden: a difference names the step and shows both sides", () => {
  const trace = load("split/direct_1s1r");
  trace.steps[4].areas.driver = "0000010002000000000000000000";
  const d = replay(trace).difference!;
  assertEquals([d.step, d.trace], [4, "0000010002000000000000000000"]);
  assertEquals(d.ours, "0000010001000000000000000000");
});

Deno.test("golden: addresses and bases are taken from the trace", () => {
  const text = JSON.stringify(load("split/direct_shapes"));
  const trace = JSON.parse(text);
  trace.arena_base = "0x200000";
  assertEquals(replay(trace).difference !== undefined, true);
});

Deno.test("golden: bad input is an error that names file, key, found and expected", () => {
  const message = (value: unknown): string => {
    try {
      readTrace(value, "x.json");
    } catch (e) {
      if (e instanceof TraceError) return e.message;
    }
    return "no error";
  };
  assertEquals(
    message({ ...load("split/direct_1s1r"), schema: "hermit-virtq-golden/2" }),
    'x.json: schema: found "hermit-virtq-golden/2", expected "hermit-virtq-golden/1"',
  );
  assertEquals(
    message({ ...load("split/direct_1s1r"), queue_type: "ring" }),
    'x.json: queue_type: found "ring", expected "split" or "packed"',
  );
  const unknown = load("split/direct_1s1r");
  unknown.steps[3].op.op = "jump";
  assertEquals(
    message(unknown).startsWith('x.json: steps[3].op.op: found "jump", expected one of create'),
    true,
  );
  const missing = load("split/direct_1s1r");
  delete missing.steps[9].op.used_len;
  assertEquals(
    message(missing),
    "x.json: steps[9].op.used_len: found nothing, expected a value (device_complete)",
  );
  assertEquals(message([]), "x.json: the file: found [], expected an object");
});

Deno.test("golden: exit status 0, 1 and 2", () => {
  const log = console.log, error = console.error;
  const lines: string[] = [];
  console.log = console.error = (text: string) => void lines.push(text);
  const folder = Deno.makeTempDirSync();
  try {
    const path = new URL("split/create_absent.json", FOLDER).pathname;
    assertEquals(main([path]), 0);
    assertEquals(lines.pop(), "split/create_absent: same");
    const trace = load("split/create_absent");
    trace.steps[0].result = { err: "NoDescrAvail" };
    Deno.writeTextFileSync(`${folder}/a.json`, JSON.stringify(trace));
    assertEquals(main(["--json", folder]), 1);
    assertEquals(JSON.parse(lines.pop()!)[0].status, "differs");
    Deno.writeTextFileSync(`${folder}/b.json`, "{");
    assertEquals(main([folder]), 2);
    assertEquals(main([`${folder}/none`]), 2);
    assertEquals(main([]), 2);
    assertEquals(main(["--fast", folder]), 2);
  } finally {
    console.log = log;
    console.error = error;
    Deno.removeSync(folder, { recursive: true });
  }
});
