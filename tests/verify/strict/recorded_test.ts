import { assert, assertEquals } from "@std/assert";
import { RamDeviceMemory } from "../../../arch/device_memory.ts";
import type { TraceEvent, TraceSink } from "../../../spec/trace.ts";
import { RULES, Strict } from "../../../verify/strict/mod.ts";
import { TracedDeviceMemory } from "../../../verify/trace/mod.ts";
import { bootDemo } from "../../support/simulated.ts";

/** A session that uses each buffer more than once. */
const LINES = ["rng 700", "help", "devices", "tasks", "no such command", "rng 300", "help"];

for (const packed of ["off", "on"]) {
  Deno.test(`a recorded run of drivers that are right breaks no rule, though it says less (packed=${packed})`, async () => {
    const events: { t: number; event: TraceEvent }[] = [];
    let now = () => 0;
    const trace: TraceSink = { on: true, emit: (event) => void events.push({ t: now(), event }) };
    const { machine, kernel } = bootDemo({
      ...{ lines: LINES, props: { packed }, trace },
      deviceMemory: (base, bytes) => new TracedDeviceMemory(new RamDeviceMemory(base, bytes), trace),
    });
    now = () => machine.now();
    assertEquals(await kernel.run(), 0);
    const strict = new Strict({ rules: RULES, platform: "trace" });
    let at = 0;
    strict.clock = () => at;
    let published = 0;
    for (const { t, event } of events) {
      at = t;
      strict.emit(event);
      if (event.ev === "notify") published++;
    }
    strict.end("ended");
    assert(published > 10, `${published} notifications`);
    assertEquals(strict.reports.map((r) => `${r.level} ${r.rule}: ${r.found}`), []);
  });
}
