import { once } from "./once.ts";
import { assert, assertEquals } from "@std/assert";
import { SocketNetdev } from "../../../devices/net/socket_netdev.ts";
import { FakeListener, FakeStream } from "./fake_stream.ts";
import { Card, frameOf, tagOf } from "./support.ts";

/** QEMU's framing, written a second time. */
function framed(...frames: Uint8Array[]): Uint8Array {
  const out: number[] = [];
  for (const f of frames) out.push(0, f.length >> 16 & 255, f.length >> 8 & 255, f.length & 255, ...f);
  return Uint8Array.from(out);
}

once("frames go out behind their length, and come in however the bytes are cut", () => {
  for (const cut of [1, 2, 3, 4, 5, 63, 64, 65, 200, 100_000]) {
    const stream = new FakeStream();
    const card = new Card(new SocketNetdev("n0", { stream }));
    const frames = [frameOf(1), frameOf(2, 1514), frameOf(3, 61), frameOf(4, 14), frameOf(5, 300)];
    const bytes = framed(...frames);
    for (let at = 0; at < bytes.length; at += cut) stream.arrive(bytes.subarray(at, at + cut));
    while (card.backend.deliver!());
    assertEquals(card.received, frames, `in pieces of ${cut}`);
    for (const frame of frames) {
      while (!card.backend.canSend!()) stream.onEvent!(), card.backend.deliver!();
      card.backend.send(frame);
    }
    while (!card.backend.canSend!()) stream.onEvent!(), card.backend.deliver!();
    assertEquals(Uint8Array.from(stream.sent), bytes);
  }
});

once("a slow peer: the card has to wait, and is told when it need not", () => {
  const stream = new FakeStream();
  stream.capacity = 150;
  const card = new Card(new SocketNetdev("n0", { stream }));
  let sent = 0;
  while (card.backend.canSend!()) card.backend.send(frameOf(sent++));
  assertEquals([sent, stream.sent.length, card.ready], [3, 150, 0]);
  stream.drain(1000);
  card.backend.deliver!();
  assertEquals([card.backend.canSend!(), card.ready], [true, 1]);
  assertEquals(Uint8Array.from(stream.sent), framed(frameOf(0), frameOf(1), frameOf(2)));
});

once("a card that takes nothing: the socket is not read, and nothing is lost", () => {
  const stream = new FakeStream();
  const card = new Card(new SocketNetdev("n0", { stream }));
  card.room = 2;
  stream.arrive(framed(frameOf(1), frameOf(2), frameOf(3)));
  stream.arrive(framed(frameOf(4)).subarray(0, 30));
  while (card.backend.deliver!());
  assertEquals([card.received.map(tagOf), stream.input.length], [[1, 2], 64]);
  card.accept(10);
  stream.arrive(framed(frameOf(4)).subarray(30));
  while (card.backend.deliver!());
  assertEquals(card.received.map(tagOf), [1, 2, 3, 4]);
});

once(
  "a listener has one peer at a time, and takes the next when that has gone; garbage is thrown out",
  () => {
    const listener = new FakeListener();
    const log: string[] = [];
    const netdev = new SocketNetdev("n0", { listener }, (line) => log.push(line));
    const card = new Card(netdev);
    const step = () => {
      while (netdev.deliver());
    };
    assertEquals([netdev.deliver(), netdev.inputOpen, netdev.realTime], [false, true, true]);
    netdev.send(frameOf(0)); // nobody there: lost
    const [a, b, c] = [new FakeStream(), new FakeStream(), new FakeStream()];
    listener.arrive(a);
    listener.arrive(b);
    step();
    b.arrive(framed(frameOf(2)));
    a.arrive(framed(frameOf(1)));
    step();
    assertEquals(card.received.map(tagOf), [1]);
    netdev.send(frameOf(9));
    assertEquals([a.sent.length, b.sent.length], [64, 0]);
    a.finish();
    step();
    assertEquals([a.aborted, card.received.map(tagOf)], [true, [1, 2]]);
    b.arrive(Uint8Array.of(0x47, 0x45, 0x54, 0x20, 0x2f)); // "GET /"
    step();
    assert(b.aborted);
    listener.arrive(c);
    c.arrive(framed(frameOf(3)));
    step();
    assertEquals(card.received.map(tagOf), [1, 2, 3]);
    assertEquals(log.filter((l) => l.includes("no frames")).length, 1);
    netdev.close();
    assertEquals([c.aborted, listener.closed], [true, true]);
  },
);

once("a peer that goes while the card waits for it lets the card go on", () => {
  const stream = new FakeStream();
  stream.capacity = 10;
  const netdev = new SocketNetdev("n0", { stream });
  const card = new Card(netdev);
  netdev.send(frameOf(1));
  assertEquals(netdev.canSend(), false);
  stream.change("failed");
  netdev.deliver();
  assertEquals([card.ready, netdev.canSend(), netdev.deliver(), netdev.inputOpen], [1, true, true, false]);
});
