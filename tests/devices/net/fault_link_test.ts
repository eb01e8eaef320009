import { once } from "./once.ts";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { FaultLink, type Faults, NO_FAULTS, REORDER_SPAN } from "../../../devices/net/fault_link.ts";
import { Card, frameOf, Sink, tagOf } from "./support.ts";

const N = 4000;

function linkOf(faults: Partial<Faults>, seed = 1) {
  const sink = new Sink();
  const link = new FaultLink(sink, { ...NO_FAULTS, ...faults });
  return { sink, link, card: new Card(link, seed) };
}
/** Sends N frames each way, one each 10 µs, and waits for the last. */
function run(faults: Partial<Faults>, seed = 1) {
  const parts = linkOf(faults, seed);
  for (let i = 0; i < N; i++) {
    parts.card.backend.send(frameOf(i));
    parts.sink.frontend!.receive(frameOf(i));
    parts.card.pass(10_000);
  }
  parts.card.pass(1e9);
  return parts;
}
const near = (value: number, expected: number) => Math.abs(value - expected) < 0.25 * expected;

once("loss, duplication and corruption happen as often as asked, both ways; nothing else does", () => {
  const lossy = run({ loss: 0.1 });
  for (const frames of [lossy.sink.sent, lossy.card.received]) {
    assert(near(N - frames.length, 0.1 * N), `${frames.length} of ${N}`);
    const tags = frames.map(tagOf);
    assertEquals(tags, [...new Set(tags)].sort((a, b) => a - b));
  }
  const twice = run({ duplicate: 0.1 });
  for (const frames of [twice.sink.sent, twice.card.received]) {
    assert(near(frames.length - N, 0.1 * N));
    assertEquals(new Set(frames.map(tagOf)).size, N);
  }
  const corrupt = run({ corrupt: 0.1 });
  const bits = corrupt.sink.sent.map((frame, i) =>
    frame.reduce((n, byte, at) => n + (byte ^ frameOf(i)[at]).toString(2).replaceAll("0", "").length, 0)
  );
  assert(near(bits.filter((n) => n === 1).length, 0.1 * N));
  assertEquals(bits.filter((n) => n > 1), []);
  assert(corrupt.sink.sent.every((f) => f.subarray(0, 14).join() === frameOf(0).subarray(0, 14).join()));
});

once("only IP packets are corrupted: an Ethernet link would have thrown the others away", () => {
  const { card, sink } = linkOf({ corrupt: 1 });
  const arp = frameOf(3);
  arp[13] = 0x06;
  card.backend.send(arp);
  assertEquals(sink.sent[0], arp);
});

once("reordered frames are late, by no more than they may be; with a delay all are", () => {
  const { card, sink } = run({ reorder: 0.1, delay: 5_000_000 });
  const tags = card.received.map(tagOf);
  assertEquals([tags.length, sink.sent.length], [N, N]);
  const late = card.times.map((t, i) => t - tags[i] * 10_000 - 5_000_000);
  assert(near(late.filter((t) => t > 0).length, 0.1 * N));
  assert(late.every((t) => t >= 0 && t <= REORDER_SPAN));
  assert(tags.some((t, i) => i > 0 && t < tags[i - 1]));
});

once("one seed, one run; another seed, another", () => {
  const all = { loss: 0.05, duplicate: 0.05, reorder: 0.05, corrupt: 0.05 };
  const trace = (seed: number) => {
    const { card, sink } = run(all, seed);
    return [card.received.map(tagOf).join(), sink.sent.map((f) => f.join("")).join(), card.times.join()];
  };
  assertEquals(trace(3), trace(3));
  assertNotEquals(trace(3), trace(4));
});

once("back-pressure goes through, with and without delay, and nothing piles up", () => {
  for (const delay of [0, 1_000_000]) {
    const { card, sink, link } = linkOf({ delay });
    sink.room = 2;
    let sent = 0;
    while (link.canSend() && sent < 5000) link.send(frameOf(sent++)), card.pass(100);
    card.pass(10_000_000);
    assert(sent < 5000 && sent <= 1024 + 2, `${sent} taken with delay ${delay}`);
    assertEquals(link.canSend(), false);
    assertEquals(sink.sent.length, 2);
    card.ready = sink.accepts = 0;
    sink.accept(5000);
    assertEquals([sink.sent.map(tagOf).join(), card.ready], [
      Array.from({ length: sent }, (_, i) => i).join(),
      1,
    ]);

    card.room = 1;
    let given = 0;
    while (given < 5000 && sink.frontend!.receive(frameOf(given))) given++, card.pass(100);
    card.pass(10_000_000);
    assert(given <= 1024 + 2, `${given} given with delay ${delay}`);
    assertEquals([card.received.length, sink.frontend!.canReceive()], [1, false]);
    sink.accepts = 0;
    card.accept(5000);
    assertEquals([card.received.length, sink.accepts], [given, 1]);
  }
});
