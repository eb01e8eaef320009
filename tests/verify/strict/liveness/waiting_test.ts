import { assert, assertEquals, assertMatch } from "@std/assert";
import { F } from "../../../../spec/virtio/features.ts";
import { Avail } from "../../../../spec/virtio/split.ts";
import type { Rule } from "../../../../verify/strict/mod.ts";
import {
  graphDot,
  graphText,
  LIVENESS_RULES,
  waitForGraph,
  Waiting,
} from "../../../../verify/strict/rules/liveness/mod.ts";
import { Bench, le16 } from "../memory/bench.ts";
import { PackedHand } from "../memory/packed_hand.ts";
import { SplitHand } from "../memory/split_hand.ts";

/** Who waits for whom, who is owed a notification, and who goes on looking. */

Deno.test("a device that asked for none is not owed a notification, and one that looks again is not either", () => {
  const q = new SplitHand(new Bench(F.VERSION_1));
  q.setUsedFlags(1);
  q.submit(q.bench.writable());
  q.bench.idle();
  // It wants some again, and looks before it sleeps: what was published before is its own business.
  q.setUsedFlags(0);
  q.bench.idle();
  assertEquals(q.bench.broken, []);
});

Deno.test("on a real device, what the driver saw counts, not what stands there a moment later", () => {
  const q = new SplitHand(new Bench(F.VERSION_1, "qemu"));
  q.bench.ram.set(le16(1), q.used);
  q.entry(q.chain([q.bench.writable()]));
  q.bench.barrier("write");
  q.index();
  q.bench.barrier("general");
  assertEquals(q.wanted(), false);
  // The device wants notifications again, and has looked at the ring itself.
  q.bench.ram.set(le16(0), q.used);
  q.bench.idle();
  assertEquals(q.bench.broken, []);
});

Deno.test("a recorded run: an event that is set behind what was published is no wish", () => {
  const q = new SplitHand(new Bench(F.VERSION_1 | F.EVENT_IDX, "trace"));
  for (let i = 0; i < 4; i++) q.submit(q.bench.writable());
  // The device has looked at the first only, and knows of the others.
  q.setAvailEvent(1);
  q.bench.idle();
  q.submit(q.bench.writable());
  q.bench.idle();
  assertEquals(q.bench.broken, []);
});

Deno.test("one notification is enough for several chains, and a second one for none is allowed", () => {
  const q = new SplitHand(new Bench(F.VERSION_1));
  for (let i = 0; i < 3; i++) {
    q.entry(q.chain([q.bench.writable()]));
    q.bench.barrier("write");
    q.index();
  }
  q.kick();
  q.bench.notify();
  q.bench.idle();
  assertEquals(q.bench.broken, []);
});

for (const ring of ["split", "packed"] as const) {
  Deno.test(`a stuck machine is reported with who waits for whom (${ring} ring)`, () => {
    const bench = new Bench(F.VERSION_1 | (ring === "packed" ? F.RING_PACKED : 0n));
    bench.strict.emit({ ev: "task_switch", task: "shell" });
    bench.strict.emit({ ev: "task_wait", task: "shell", on: "entropy" });
    const name = "virtio-rng.0 queue 0";
    if (ring === "split") {
      const q = new SplitHand(bench);
      q.entry(q.chain([bench.writable()]));
      bench.barrier("write");
      q.index();
    } else {
      const q = new PackedHand(bench);
      const { slot, flags } = q.chain([bench.writable()]);
      bench.barrier("write");
      q.flags(slot, flags);
    }
    bench.time = 2_500_000;
    bench.strict.emit({ ev: "stuck" } as never);
    const report = bench.reports.find((r) => r.rule === "stuck-machine");
    assert(report !== undefined);
    assertEquals(
      report.found,
      `the machine is stuck: ${name} holds 1 chain, and was never notified; task shell waits for entropy, which never comes`,
    );
    const about = (what: string) => report.evidence.find((e) => e.what === what)?.value ?? "";
    assertMatch(about(name), /1 chain in flight, the oldest for 2.5 ms; 1 published, 0 used; never notified/);
    assertMatch(about(name), /waits for virtio-rng.0: 1 chain in flight/);
    assertMatch(about("task shell"), /waiting since 2.5 ms; waits for entropy/);
    assertMatch(about("virtio-rng.0"), /DRIVER_OK/);
  });
}

Deno.test("a stuck machine: a device that is not live, an interrupt line that is masked, used buffers nobody looked at", () => {
  const cases: [(q: SplitHand) => void, RegExp][] = [
    [(q) => {
      q.submit(q.bench.writable());
      q.bench.setStatus(q.bench.live | 0x80);
    }, /holds 1 chain, and was given up by its driver/],
    [(q) => {
      q.submit(q.bench.writable());
      q.bench.strict.emit({ ev: "irq_line", line: 10, level: true });
    }, /interrupt line 10 is asserted, and masked in the IOAPIC/],
    [
      (q) => q.use(q.submit(q.bench.writable())),
      /queue 0 has 1 used buffer that the driver has not looked at/,
    ],
    [(q) => void q.submit(q.bench.writable()), /queue 0 holds 1 chain: it is the device's turn/],
  ];
  for (const [run, found] of cases) {
    const q = new SplitHand(new Bench(F.VERSION_1));
    run(q);
    q.bench.strict.end("stuck");
    assertMatch(q.bench.reports.find((r) => r.rule === "stuck-machine")!.found, found);
  }
});

Deno.test("a stuck machine: who polls a queue is not waited for by its used buffers", () => {
  const q = new SplitHand(new Bench(F.VERSION_1));
  q.memory.writeU16(q.avail, 1);
  for (let i = 0; i < q.size; i++) q.use(q.submit(q.bench.writable()));
  q.bench.strict.emit({ ev: "task_wait", task: "shell", on: "input on virtio-console" });
  q.bench.strict.end("stuck");
  const { found } = q.bench.reports.find((r) => r.rule === "stuck-machine")!;
  assertEquals(
    found,
    "the machine is stuck: task shell waits for input on virtio-console, which never comes",
  );
});

Deno.test("the wait-for graph as text, as JSON, and for Graphviz", () => {
  const bench = new Bench(F.VERSION_1);
  let waiting: Waiting | undefined;
  const rule: Rule = {
    ...LIVENESS_RULES[0],
    watch: (scene) => (waiting = new Waiting(scene)).watcher(),
  };
  const watched = new Bench(F.VERSION_1, "simulated", [rule]);
  const q = new SplitHand(watched);
  watched.strict.emit({ ev: "task_wait", task: 'a "task"', on: "entropy" });
  q.submit(watched.writable());
  const graph = waitForGraph(waiting!);
  assertEquals(graph.edges, [
    { from: 'task a "task"', to: "entropy", why: "waits for it" },
    { from: "virtio-rng.0 queue 0", to: "virtio-rng.0", why: "1 chain in flight" },
  ]);
  assertEquals(JSON.parse(JSON.stringify(graph)), graph);
  assertMatch(
    graphText(graph).join("\n"),
    /virtio-rng.0 queue 0: 1 chain in flight.*\n {2}-> virtio-rng.0 \(1 chain/,
  );
  const dot = graphDot(graph);
  assertMatch(dot, /^digraph waiting \{\n/);
  assertMatch(dot, /"task a \\"task\\"" -> "entropy" \[label="waits for it"\];/);
  assertEquals(bench.broken, []);
});

Deno.test("a machine that ends is not stuck", () => {
  const q = new SplitHand(new Bench(F.VERSION_1));
  q.submit(q.bench.writable());
  q.bench.strict.end("ended");
  assertEquals(q.bench.broken, []);
});

Deno.test("spinning-driver: the same index 200,000 times; news begins anew", () => {
  for (const wrong of [true, false]) {
    const q = new SplitHand(new Bench(F.VERSION_1));
    const heads = [q.submit(q.bench.writable()), q.submit(q.bench.writable())];
    for (let i = 0; i < 150_000; i++) q.take();
    if (!wrong) q.use(heads[0]);
    for (let i = 0; i < 150_000; i++) q.take();
    const report = q.bench.reports[0];
    assertEquals(q.bench.broken, wrong ? ["spinning-driver"] : []);
    if (wrong) assertMatch(report.found, /the driver read the device area of .* queue 0 200000 times/);
  }
});

Deno.test("spinning-driver: a register", () => {
  const bench = new Bench(F.VERSION_1);
  for (let i = 0; i < 200_010; i++) bench.register(0x70, 3, false);
  assertEquals(bench.broken, ["spinning-driver"]);
  assertMatch(bench.reports[0].found, /the driver read status of virtio-rng.0 200000 times/);
});

Deno.test("a packed ring's used buffers are seen by their flags", () => {
  const q = new PackedHand(new Bench(F.VERSION_1 | F.RING_PACKED));
  q.use(q.submit(q.bench.readable()));
  q.bench.strict.end("stuck");
  assertMatch(q.bench.reports[0].found, /1 used buffer that the driver has not looked at/);
  const seen = new PackedHand(new Bench(F.VERSION_1 | F.RING_PACKED));
  seen.use(seen.submit(seen.bench.readable()));
  seen.take();
  seen.bench.strict.end("stuck");
  assertMatch(seen.bench.reports[0].found, /no task waits for anything, and no device has anything to do/);
});

Deno.test("who goes on looking needs no barrier behind the wish; nor who looks once more behind one", () => {
  const q = new SplitHand(new Bench(F.VERSION_1));
  q.memory.writeU16(q.avail + Avail.FLAGS, 1);
  const head = q.submit(q.bench.writable());
  q.memory.writeU16(q.avail + Avail.FLAGS, 0);
  q.take();
  q.take();
  q.bench.barrier("general");
  q.take();
  q.bench.idle();
  q.use(head);
  q.take();
  assertEquals(q.bench.broken, []);
});

Deno.test("an event that is moved on with what was taken needs no look by itself", () => {
  const q = new SplitHand(new Bench(F.VERSION_1 | F.EVENT_IDX));
  const heads = [q.submit(q.bench.writable()), q.submit(q.bench.writable()), q.submit(q.bench.writable())];
  q.use(heads[0]);
  q.use(heads[1]);
  // One after the other, as they are needed; the device was ahead.
  for (let i = 0; i < 2; i++) {
    q.take();
    q.memory.writeU16(q.usedEventAt, q.usedIdx);
  }
  q.bench.idle();
  assertEquals(q.bench.broken, []);
});

Deno.test("interrupts asked for before anything was published need no look", () => {
  const q = new SplitHand(new Bench(F.VERSION_1));
  q.memory.writeU16(q.avail + Avail.FLAGS, 1);
  q.memory.writeU16(q.avail + Avail.FLAGS, 0);
  q.bench.idle();
  assertEquals(q.bench.broken, []);
});

Deno.test("a used_event that was passed long ago asks for no interrupt", () => {
  const q = new SplitHand(new Bench(F.VERSION_1 | F.EVENT_IDX), 4);
  q.memory.writeU16(q.usedEventAt, 0xffff);
  for (let i = 0; i < 20; i++) {
    q.use(q.submit(q.bench.readable()));
    q.take();
  }
  q.use(q.submit(q.bench.readable()));
  // Off still: an index just behind.
  q.memory.writeU16(q.usedEventAt, 19);
  q.memory.writeU16(q.usedEventAt, 4);
  q.bench.idle();
  assertEquals(q.bench.broken, []);
});

Deno.test("a recorded run does not show what a driver read: what the device wanted when chains came counts", () => {
  for (const wrong of [false, true]) {
    const q = new SplitHand(new Bench(F.VERSION_1, "trace"));
    if (!wrong) q.setUsedFlags(1);
    q.entry(q.chain([q.bench.writable()]));
    q.bench.barrier("write");
    q.index();
    q.bench.barrier("general");
    q.setUsedFlags(0);
    q.bench.idle();
    assertEquals(q.bench.broken, wrong ? ["lost-notification"] : []);
  }
});
