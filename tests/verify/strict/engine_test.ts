import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { Rule, Watcher } from "../../../verify/strict/rule.ts";
import { LiveMemory, type Report, Strict, StrictStop, watchBoot } from "../../../verify/strict/mod.ts";
import { JsonLinesTrace, tee, TracedDeviceMemory } from "../../../verify/trace/mod.ts";
import { readLine } from "../../../verify/record/read_lines.ts";
import { RamDeviceMemory } from "../../../arch/device_memory.ts";
import { boot, type Kernel } from "../../../kernel/mod.ts";
import { createMachine, type Machine } from "../../../devices/machine/mod.ts";
import { NO_TRACE, type TraceSink } from "../../../spec/trace.ts";
import { CAREFUL, demo, ScriptedTerminal } from "../../support/simulated.ts";

/** A rule that only listens. */
function listener(watcher: (rule: Parameters<Rule["watch"]>[0]) => Watcher): Rule {
  return {
    id: "listener",
    clauses: [],
    level: "violation",
    section: "none",
    title: "a test listens",
    hint: "none",
    watch: watcher,
  };
}

interface World {
  readonly strict: Strict;
  readonly machine: Machine;
  readonly kernel: Kernel;
}

function world(
  rule: Rule,
  options: {
    packed?: boolean;
    lines?: string[];
    mode?: "report" | "stop";
    json?: TraceSink;
    reports?: Report[];
  },
): World {
  const made: { machine?: Machine } = {};
  const strict = new Strict({
    rules: [rule],
    platform: "simulated",
    mode: options.mode,
    memory: new LiveMemory(() => made.machine?.ram ?? []),
    onReport: (report) => options.reports?.push(report),
  });
  const props: Record<string, string> = options.packed ? { packed: "on" } : {};
  const json = options.json ?? NO_TRACE;
  const machine = made.machine = createMachine(demo(props), {
    chardevs: new Map([["c0", new ScriptedTerminal(options.lines ?? [])]]),
    seed: 1,
    trace: tee([json, strict]),
  });
  strict.clock = () => machine.now();
  if (json instanceof JsonLinesTrace) json.clock = strict.clock;
  const watched = watchBoot(strict, (base, bytes) => {
    const memory = new RamDeviceMemory(base, bytes);
    return json.on ? new TracedDeviceMemory(memory, json) : memory;
  });
  return { strict, machine, kernel: boot(machine, { careful: CAREFUL, ...watched }) };
}

/** Notes what happened in words. */
function noting(notes: string[]): Rule {
  return listener(({ machine }) => ({
    reset: (d) => void notes.push(`reset ${d.name}`),
    featuresOk: (d) => void notes.push(`features ${d.name} ${d.negotiated.toString(16)}`),
    driverOk: (d) => void notes.push(`driver ok ${d.name}`),
    queueEnabled: (q) => void notes.push(`enabled ${q.name} ${q.size} ${q.ring!.kind}`),
    queueStopped: (q) => void notes.push(`stopped ${q.name} with ${q.ring!.inFlight.size}`),
    published: (q, c) => {
      const what = c.segments.map((s) => `${s.writable ? "w" : "r"}${s.length}`).join("+");
      notes.push(
        `${machine.time} published ${q.name} #${c.number} id ${c.id}: ${what} ${c.faults.length} faults`,
      );
    },
    used: (q, c, id, written) => void notes.push(`used ${q.name} #${c?.number} id ${id} ${written}`),
    notified: (d, q) => void notes.push(`notified ${d.name} ${q?.index}`),
  }));
}

for (const packed of [false, true]) {
  const ring = packed ? "packed" : "split";

  Deno.test(`the engine follows registers and ${ring} rings as drivers and devices have them`, async () => {
    const notes: string[] = [];
    let checked = 0;
    const { kernel, strict } = world(
      listener((scene) => ({
        ...noting(notes).watch(scene),
        // Whenever the CPU is halted, the driver's own books say the same.
        idle: () => {
          for (const driver of [...kernel.parts.drivers.rng, ...kernel.parts.drivers.console]) {
            for (const { index, inFlight } of driver.device.queues()) {
              const place = driver.device.location;
              const device = scene.machine.devices.find((d) => d.place === place)!;
              const model = device.queues.get(index)!.ring!;
              const known = [...model.inFlight.keys()].sort((a, b) => a - b);
              const own = inFlight.map((c) => c.id).sort((a, b) => a - b);
              assert(
                known.every((id) => own.includes(id)),
                `${device.name} queue ${index}: ${known} of ${own}`,
              );
              checked++;
            }
          }
        },
      })),
      { packed, lines: ["rng 64", "help", "rng 300"] },
    );
    assertEquals(await kernel.run(), 0);
    assert(checked > 10);
    assertEquals(strict.reports, []);
    const text = notes.join("\n");
    assertEquals(notes.filter((n) => /faults$/.test(n) && !n.endsWith(" 0 faults")), []);
    assertMatch(text, new RegExp(`enabled virtio-rng\\S+ queue 0 \\d+ ${ring}`));
    // 64 and 300 bytes in buffers of 32, all written in full.
    const bytes = notes.filter((n) => /^used virtio-rng/.test(n)).map((n) => Number(n.split(" ").at(-1)));
    assert(bytes.length >= 12 && bytes.every((n) => n === 32), bytes.join());
    assert(notes.some((n) => /^notified virtio-serial/.test(n)));
  });

  Deno.test(`a recorded run tells rules the same as the run itself, ${ring} ring`, async () => {
    const live: string[] = [], recorded: string[] = [];
    let text = "";
    const json = new JsonLinesTrace((line) => text += line);
    const { kernel } = world(noting(live), { packed, lines: ["rng 64"], json });
    await kernel.run();
    const again = new Strict({ rules: [noting(recorded)], platform: "trace" });
    let time = 0;
    again.clock = () => time;
    for (const line of text.trimEnd().split("\n")) {
      const { t, event } = readLine(line)!;
      time = t;
      again.emit(event);
    }
    assert(live.length > 20);
    assertEquals(recorded, live);
  });

  Deno.test(`a report names the line of the driver that published, ${ring} ring`, async () => {
    const reports: Report[] = [];
    const rule = listener((scene) => ({
      published: (queue) => scene.report({ queue, found: "a chain", expected: "none" }),
    }));
    const { kernel } = world(rule, { packed, lines: ["rng 64"], reports });
    await kernel.run();
    const rng = reports.find((r) => /^virtio-rng/.test(r.device!))!;
    assertEquals(rng.place[0].file, `drivers/virtio/virtqueue/${ring}.ts`);
    assert(rng.place.some((f) => f.file === "drivers/rng.ts"), JSON.stringify(rng.place));
    const source = await Deno.readTextFile(new URL(`../../../${rng.place[0].file}`, import.meta.url));
    assertMatch(source.split("\n")[rng.place[0].line - 1], /memory\.write/);
  });
}

Deno.test("the same finding at the same place is one report, and counted", async () => {
  const rule = listener((scene) => ({
    barrier: () => scene.report({ found: "a barrier", expected: "none", place: [] }),
  }));
  const { kernel, strict } = world(rule, { lines: ["rng 64"] });
  await kernel.run();
  assertEquals(strict.reports.length, 1);
  assert(strict.reports[0].count > 10);
  assert(strict.reports[0].lastTime > strict.reports[0].time);
});

Deno.test("stop: the run ends at the first violation, and nothing goes on behind it", () => {
  const reports: Report[] = [];
  const rule = listener((scene) => ({
    driverOk: (device) => scene.report({ device, found: `status ${device.status}`, expected: "nothing" }),
  }));
  const stop = assertThrows(() => world(rule, { mode: "stop", reports }), StrictStop);
  assertEquals(reports.length, 1);
  assertEquals(stop.report, reports[0]);
  assertMatch(stop.message, /^stopped by rule listener: status 15$/);
});

Deno.test("a rule that throws does not reach the driver: it is reported, once, and not asked again", () => {
  const reports: Report[] = [];
  let asked = 0;
  const faulty = listener(() => ({
    access() {
      asked++;
      throw new TypeError("oh");
    },
    driverOk: () => void asked++,
  }));
  const { kernel } = world(faulty, { reports });
  assert(kernel !== undefined);
  assertEquals(asked, 1);
  assertEquals(reports.map((r) => [r.rule, r.level]), [["listener", "note"]]);
  assertMatch(reports[0].found, /the rule itself failed.*TypeError: oh/);
});

Deno.test("what a listener to reports throws goes to whoever did it", () => {
  const strict = new Strict({
    rules: [listener(({ report }) => ({ idle: () => report({ found: "x", expected: "y" }) }))],
    platform: "trace",
    onReport: () => {
      throw new RangeError("mine");
    },
  });
  assertThrows(() => strict.emit({ ev: "idle" }), RangeError, "mine");
});
