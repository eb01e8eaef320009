import { assert, assertEquals } from "@std/assert";
import type { CallName, Calls, Request } from "../../dashboard/lib/protocol.ts";
import { Server } from "../../dashboard/worker/serve.ts";
import { inSlices } from "../../dashboard/worker/slices.ts";
import { CHUNK, Recorder } from "../../verify/record/mod.ts";
import { onceTest as test } from "../support/once.ts";

/** Every tenth event is a notification, the others are accesses to registers. */
function fill(recorder: Recorder, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    if (i % 10 === 0) recorder.add(i, { ev: "notify", dev: "virtio-rng-pci.0", queue: 0 });
    else recorder.add(i, { ev: "mmio_read", addr: 0xe000_0000 + i % 64, width: 4, value: i });
  }
}
function served(recorder: Recorder) {
  const source = { kind: "file", title: "t", canBoot: false, canInput: false, canFork: false } as const;
  const server = new Server(recorder, source);
  return <K extends CallName>(call: K, args: Calls[K]["args"]) =>
    server.work({ id: 1, call, args } as Request) as Generator<
      void,
      { ok: Calls[K]["answer"] } & { error?: string }
    >;
}
/** What came out, and in how many pieces. */
function counted<T>(work: Generator<void, T>, between = () => {}): { result: T; pieces: number } {
  for (let pieces = 1;; pieces++) {
    const { done, value } = work.next();
    if (done) return { result: value as T, pieces };
    between();
  }
}
const NOTIFY = [{ step: "notification" as const }];

test("whatever looks through the whole recording does so chunk by chunk", () => {
  const recorder = new Recorder();
  fill(recorder, 0, 20 * CHUNK);
  const ask = served(recorder);
  const all = Math.ceil(20 * CHUNK / 10);
  const found = counted(ask("matches", { filters: NOTIFY, from: 0, most: 1e6 }));
  assertEquals([found.result.ok.numbers.length, found.pieces], [all, 21]);
  assertEquals([...found.result.ok.numbers.subarray(0, 3)], [0, 10, 20]);
  const none = counted(ask("next", { filters: [{ dev: "nobody" }], from: 0, direction: 1 }));
  assertEquals([none.result.ok.at, none.pieces], [-1, 21]);
  const back = counted(ask("next", { filters: [{ dev: "nobody" }], from: 20 * CHUNK - 1, direction: -1 }));
  assertEquals([back.result.ok.at, back.pieces], [-1, 21]);
  const { result, pieces } = counted(ask("density", { buckets: 7 }));
  assertEquals(pieces, 21);
  assertEquals(result.ok.groups.notification.reduce((a, b) => a + b), all);
  assertEquals(result.ok.groups.register.reduce((a, b) => a + b), 20 * CHUNK - all);
  const rows = counted(ask("rows", { filters: NOTIFY, from: 0, to: 20 * CHUNK, most: 2000 }));
  assertEquals(rows.result.ok.rows.map((r) => r.at), Array.from({ length: 2000 }, (_, i) => 10 * i));
  assert(rows.pieces > 2000 / 300, "rows are made some at a time");
});

test("a recording that goes on, and loses its oldest events, while one looks: what is left is found", () => {
  const limit = 4 << 20;
  const recorder = new Recorder(limit);
  let length = 0;
  const grow = (n: number) => fill(recorder, length, length += n);
  grow(10 * CHUNK);
  const ask = served(recorder);
  const { result } = counted(ask("matches", { filters: NOTIFY, from: 0, most: 1e6 }), () => grow(2 * CHUNK));
  const numbers = [...result.ok.numbers];
  assert(recorder.first > 5 * CHUNK, "chunks were dropped meanwhile");
  assert(numbers.every((n, i) => n % 10 === 0 && (i === 0 || n > numbers[i - 1])));
  assert(numbers.at(-1)! < 10 * CHUNK + 10 && numbers[0] === 0, "up to the end as it was");
  const rows = counted(
    ask("rows", { filters: [{}], from: recorder.first, to: length, most: 5000 }),
    () => grow(CHUNK),
  );
  assertEquals(rows.result.error, undefined);
  const density = counted(ask("density", { buckets: 5 }), () => grow(CHUNK));
  assertEquals(density.result.error, undefined);
});

test("work in slices pauses when its time is over, and says what came out in the end", async () => {
  function* work(): Generator<void, string> {
    for (let i = 0; i < 5; i++) yield;
    return "done";
  }
  let pauses = 0;
  const pause = () => {
    pauses++;
    return Promise.resolve();
  };
  assertEquals(await new Promise((resolve) => inSlices(work(), resolve, pause, 0)), "done");
  assertEquals(pauses, 5, "a slice of nothing holds one piece");
  let at = "";
  inSlices(work(), (result) => at = result, pause, 1000);
  assertEquals([at, pauses], ["done", 5], "what is done in time is done at once");
});
