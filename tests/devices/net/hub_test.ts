import { once } from "./once.ts";
import { assertEquals } from "@std/assert";
import { EventQueue } from "../../../devices/events.ts";
import { FrameQueue } from "../../../devices/net/frame_queue.ts";
import { Hub } from "../../../devices/net/hub.ts";
import { Card, frameOf, Sink, tagOf } from "./support.ts";

once("a frame queue keeps order and bytes, round and round, with frames of any length", () => {
  const q = new FrameQueue(3);
  const seen: number[] = [];
  let next = 0;
  for (let round = 0; round < 20; round++) {
    while (q.push(frameOf(next, 60 + 97 * (next % 40)))) next++;
    assertEquals([q.length, q.full], [3, true]);
    for (let i = 0; i <= round % 3; i++) {
      const frame = q.peek()!;
      assertEquals(frame.length, 60 + 97 * (tagOf(frame) % 40));
      seen.push(tagOf(frame));
      q.shift();
    }
  }
  assertEquals(seen, seen.map((_, i) => i));
  q.clear();
  assertEquals([q.length, q.peek()], [0, undefined]);
});

once("a hub floods to all ports but the sender's, and what was sent may be used again", () => {
  const hub = new Hub();
  const events = new EventQueue();
  const cards = ["a", "b", "c"].map((id) => new Card(hub.port(id), 1, events));
  const frame = frameOf(7);
  cards[0].backend.send(frame);
  frame.fill(0);
  events.advance(0);
  assertEquals(cards.map((c) => c.received.map(tagOf)), [[], [7], [7]]);
});

once(
  "a card that takes nothing keeps its frames on the hub, in order, up to a bound; others do not suffer",
  () => {
    const hub = new Hub();
    const events = new EventQueue();
    const [a, b, c] = ["a", "b", "c"].map((id) => new Card(hub.port(id), 1, events));
    b.room = 2;
    for (let i = 0; i < 2000; i++) {
      a.backend.send(frameOf(i));
      events.advance(0);
    }
    assertEquals([b.received.length, c.received.length, hub.dropped], [2, 2000, 2000 - 2 - 1024]);
    b.accept(1000);
    assertEquals(b.received.length, 1002);
    b.accept(Infinity);
    assertEquals(b.received.map(tagOf), Array.from({ length: 1026 }, (_, i) => i));
  },
);

once(
  "a card that can receive again without having asked: the next frame comes first, then those that wait",
  () => {
    const hub = new Hub();
    const events = new EventQueue();
    const [a, b] = ["a", "b"].map((id) => new Card(hub.port(id), 1, events));
    b.room = 0;
    for (const tag of [1, 2]) a.backend.send(frameOf(tag));
    events.advance(0);
    b.room = Infinity;
    events.advance(1000);
    assertEquals(b.received.length, 0);
    a.backend.send(frameOf(3));
    events.advance(0);
    assertEquals(b.received.map(tagOf), [3, 1, 2]);
  },
);

once("a link's delay: a frame arrives on its receiver's clock, and in the past of none", () => {
  const hub = new Hub({ delay: 1000 });
  const [a, b] = ["a", "b"].map((id) => new Card(hub.port(id)));
  a.pass(500);
  a.backend.send(frameOf(1));
  b.pass(1499);
  assertEquals(b.received.length, 0);
  b.pass(1);
  assertEquals(b.times, [1500]);
  b.pass(8500);
  a.backend.send(frameOf(2)); // would have been there at 1500, but b is at 10000
  b.pass(0);
  assertEquals(b.times, [1500, 10_000]);
});

once("another back end in a port: frames go both ways, and it may refuse", () => {
  const hub = new Hub();
  const events = new EventQueue();
  const sink = new Sink();
  const port = hub.port("uplink", sink);
  new Card(port, 1, events);
  const card = new Card(hub.port("a"), 1, events);
  sink.room = 1;
  for (let i = 0; i < 3; i++) card.backend.send(frameOf(i));
  events.advance(0);
  assertEquals(sink.sent.map(tagOf), [0]);
  sink.accept(5);
  assertEquals(sink.sent.map(tagOf), [0, 1, 2]);
  sink.frontend!.receive(frameOf(9));
  events.advance(0);
  assertEquals(card.received.map(tagOf), [9]);
});
