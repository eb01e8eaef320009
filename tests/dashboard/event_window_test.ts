import { testUnless } from "../support/once.ts";
import { assert, assertEquals } from "@std/assert";
import type { CallName, Calls, TraceEvent } from "../../dashboard/lib/protocol.ts";
import { EventWindow } from "../../dashboard/lib/views/mod.ts";
import { BUILT } from "./recorded_run.ts";

const ignore = Deno.env.get("CAREFUL") === "1" || BUILT === "mmio";
const test = testUnless(ignore);

/** A recording of which every tenth event is a notification; counts what it is asked for. */
class Fake {
  asked = 0;
  rowsGiven = 0;
  constructor(public length: number) {}
  async call<K extends CallName>(name: K, args: Calls[K]["args"]): Promise<Calls[K]["answer"] | undefined> {
    this.asked++;
    await Promise.resolve();
    const { from, count, to, most } = args as { from: number; count: number; to: number; most: number };
    const row = (at: number) => {
      this.rowsGiven++;
      const event: TraceEvent = at % 10 === 0
        ? { ev: "notify", dev: "d", queue: 0 }
        : { ev: "interrupt", vector: at % 256 };
      return { at, t: at, event };
    };
    const numbers = (end: number) => {
      const found: number[] = [];
      for (let at = Math.ceil(from / 10) * 10; at < end && found.length < most; at += 10) found.push(at);
      return found;
    };
    if (name === "events") {
      const n = Math.max(0, Math.min(count, this.length - from));
      return { rows: Array.from({ length: n }, (_, i) => row(from + i)) } as Calls[K]["answer"];
    }
    assertEquals((args as Calls["matches"]["args"]).filters, [{ step: "notification" }]);
    if (name === "matches") return { numbers: Float64Array.from(numbers(this.length)) } as Calls[K]["answer"];
    return { rows: numbers(to).map(row) } as Calls[K]["answer"];
  }
}
const settle = () => new Promise((resolve) => setTimeout(resolve));

test("a window onto a million events fetches what is looked at", async () => {
  const source = new Fake(1_000_000);
  let drawn = 0;
  const w = new EventWindow(source, () => drawn++);
  w.update(1, 0, source.length, "event", "");
  assertEquals(w.length, 1_000_000);
  assertEquals(w.rows(700_000, 20), new Array(20).fill(undefined));
  await settle();
  assertEquals(drawn, 1);
  assertEquals(w.rows(700_000, 20).map((r) => r?.at), Array.from({ length: 20 }, (_, i) => 700_000 + i));
  assertEquals(w.indexOf(700_003), 700_003);
  for (let i = 0; i < 300; i++) {
    w.rows(i * 3000, 20);
    await settle();
  }
  assert(source.rowsGiven < 300 * 600, `${source.rowsGiven} rows for 300 windows`);
});

test("events that were dropped are not listed; the window goes on", async () => {
  const source = new Fake(10_000);
  const w = new EventWindow(source, () => {});
  w.update(1, 4096, 10_000, "event", "");
  assertEquals([w.length, w.indexOf(4096)], [5904, 0]);
  w.rows(0, 5);
  await settle();
  assertEquals(w.rows(0, 2).map((r) => r?.at), [4096, 4097]);
});

test(
  "with a filter the list grows as the recording does, and starts anew with another run",
  async () => {
    const source = new Fake(1005);
    const w = new EventWindow(source, () => {});
    const look = () => w.update(1, 0, source.length, "notification", "");
    look();
    await settle();
    assertEquals(w.length, 101);
    w.rows(98, 3);
    await settle();
    assertEquals(w.rows(98, 3).map((r) => r?.at), [980, 990, 1000]);
    assertEquals([w.indexOf(985), w.indexOf(990), w.indexOf(-1)], [98, 99, -1]);
    source.length = 1200;
    look();
    await settle();
    assertEquals(w.length, 120);
    w.rows(100, 20);
    await settle();
    assertEquals(w.rows(118, 2).map((r) => r?.at), [1180, 1190]);
    w.update(1, 500, 1200, "notification", "");
    await settle();
    w.rows(0, 1);
    await settle();
    assertEquals([w.length, w.rows(0, 1)[0]?.at], [70, 500]);
    w.update(2, 0, 5, "notification", "");
    source.length = 5;
    await settle();
    assertEquals(w.length, 1);
  },
);
