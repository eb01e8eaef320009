import type { Value } from "./check.ts";
import { type Desc, W } from "./driver/mod.ts";
import {
  EVENT_IDX,
  frameTo,
  HEADER,
  MRG,
  type NetQuestion,
  type Nic,
  OURS,
  PACKED,
  RX,
  VERSION_1,
} from "./net_session.ts";

const MERGE = "virtio 1.4, 5.1.6.4.1", BUFFERS = "virtio 1.4, 5.1.6.3";
const OUTSIDE = 0x1_0000_0000_0000n;

/** Frames of these lengths come in, one after the other; what a driver sees of each. */
function arrive(card: Nic, peer: Nic, lengths: readonly number[]): Value {
  return lengths.map((n) => {
    peer.send(frameTo(OURS, n));
    return card.seen();
  });
}
/** What stands at the start of buffers. */
const starts = (card: Nic, places: readonly number[]) => places.map((at) => card.show(at, 20));

const merged = (
  name: string,
  title: string,
  buffers: readonly number[],
  frames: readonly number[],
): NetQuestion => ({
  name: `receive/merge/${name}`,
  title,
  spec: MERGE,
  run({ card, peer }, ring) {
    card.start(VERSION_1 | MRG | ring);
    const places = card.receive(...buffers);
    const seen = arrive(card, peer, frames);
    return { seen, starts: starts(card, places) };
  },
});
const plain = (
  name: string,
  title: string,
  features: bigint,
  buffers: readonly number[],
  frames: readonly number[],
): NetQuestion => ({
  name: `receive/plain/${name}`,
  title,
  spec: BUFFERS,
  run({ card, peer }, ring) {
    card.start(features | ring);
    const places = card.receive(...buffers);
    const seen = arrive(card, peer, frames);
    return { seen, starts: starts(card, places) };
  },
});
/** Buffers that a driver should not give. */
const bad = (
  name: string,
  title: string,
  features: bigint,
  chains: (card: Nic) => readonly (readonly Desc[])[],
  alone = false,
): NetQuestion => ({
  name: `receive/bad/${name}`,
  title,
  spec: "virtio 1.4, 2.1.2",
  ...alone ? { alone, transport: "pci" as const } : {},
  run({ card, peer }, ring): Value {
    card.start(VERSION_1 | features | ring);
    for (const chain of chains(card)) card.give(RX, chain);
    const seen = arrive(card, peer, [60]);
    return alone ? { seen } : { seen, after: arrive(card, peer, [60]) };
  },
});
const write = (card: Nic, len: number): Desc => ({ addr: card.room(), len, flags: W });
const read = (card: Nic, len: number): Desc => ({ addr: card.room(), len });

/** A frame comes after DRIVER_OK and before the receive queue is there; `then` something, and the queue is set up. */
function beforeQueue(card: Nic, peer: Nic, ring: bigint, then = () => {}): void {
  card.start(VERSION_1 | ring);
  card.front.status = 0;
  card.front.negotiate(VERSION_1 | ring);
  card.go();
  peer.send(frameTo(OURS, 50));
  then();
  card.setUp(RX, (ring & PACKED) !== 0n);
}

/** Frames on their way to the driver. */
export const receiveQuestions: readonly NetQuestion[] = [
  merged("one", "each frame fits into one buffer, the last exactly", [100, 100, 100], [14, 60, 88]),
  merged("two", "a frame in two buffers, in three, in three to the last byte", [
    100,
    100,
    100,
    100,
    100,
    50,
    50,
    50,
  ], [100, 250, 138]),
  merged("header-alone", "the first buffer holds the header and nothing else", [12, 100], [60]),
  merged("tiny", "buffers of a byte behind the first", [13, 1, 1, 1, 100], [20]),
  merged("pieces", "many frames over buffers of 40 bytes", new Array(12).fill(40), [60, 28, 29, 90]),
  {
    name: "receive/merge/chains",
    title: "buffers that are chains: the header lies in pieces",
    spec: MERGE,
    run({ card, peer }, ring) {
      card.start(VERSION_1 | MRG | ring);
      const chains = [[6, 6, 30], [11, 1, 10], [1, 100]].map((list) => list.map((n) => write(card, n)));
      for (const chain of chains) card.give(RX, chain);
      const seen = arrive(card, peer, [60, 20]);
      return { seen, starts: chains.flat().map((d) => card.show(Number(d.addr), 16)) };
    },
  },
  {
    name: "receive/merge/waits",
    title: "not enough buffers: the frame waits until there are more",
    spec: MERGE,
    run({ card, peer }, ring) {
      card.start(VERSION_1 | MRG | ring);
      card.receive(40, 30);
      peer.send(frameTo(OURS, 60));
      const waits = card.seen();
      card.receive(1);
      const still = card.seen();
      card.receive(100);
      return [waits, still, card.seen(), arrive(card, peer, [20])];
    },
  },
  {
    name: "receive/merge/readable-first",
    title: "buffers to read before those to write",
    spec: BUFFERS,
    run({ card, peer }, ring) {
      card.start(VERSION_1 | MRG | ring);
      card.give(RX, [read(card, 50), write(card, 40)]);
      card.give(RX, [read(card, 50), write(card, 100)]);
      return arrive(card, peer, [60]);
    },
  },
  plain("fits", "one buffer a frame: shorter, exact", VERSION_1, [100, 100, 72], [14, 88, 60]),
  plain("too-long", "a frame that is a byte too long is lost, its buffer serves the next", VERSION_1, [
    72,
    100,
  ], [61, 60, 88]),
  plain("old-header", "neither VERSION_1 nor MRG_RXBUF: a header of 10 bytes", 0n, [100, 70], [60, 60]),
  plain("old-merged", "MRG_RXBUF without VERSION_1", MRG, [100, 70, 70], [60, 100]),
  plain("pieces", "chains of small buffers", VERSION_1, [100], [60]),
  {
    name: "receive/plain/too-long-for-chain",
    title: "a frame is too long for a chain of two buffers, the next one is not",
    spec: BUFFERS,
    run({ card, peer }, ring) {
      card.start(VERSION_1 | ring);
      card.give(RX, [write(card, 40), write(card, 40)]);
      card.give(RX, [write(card, 100)]);
      return arrive(card, peer, [69, 60, 61]);
    },
  },
  {
    name: "receive/waits",
    title: "no buffer: the frame waits, with notifications wanted, and arrives with the next buffer",
    spec: BUFFERS,
    run({ card, peer }, ring) {
      card.start(VERSION_1 | ring);
      const none = card.seen();
      peer.send(frameTo(OURS));
      const waits = card.seen();
      card.receive(100);
      return [none, waits, card.seen()];
    },
  },
  {
    name: "receive/before-driver-ok",
    title: "a frame and a buffer before DRIVER_OK",
    spec: "virtio 1.4, 3.1.1",
    run({ card, peer }, ring) {
      card.start(VERSION_1 | ring, true);
      card.receive(100);
      peer.send(frameTo(OURS));
      const before = card.seen();
      card.go();
      return [before, card.seen()];
    },
  },
  {
    name: "receive/overtaken",
    title: "a frame before the receive queue is ready, and one behind it: which comes first",
    spec: BUFFERS,
    listener: true,
    run({ card, peer }, ring) {
      beforeQueue(card, peer, ring);
      card.give(RX, [write(card, 100)], false);
      card.give(RX, [write(card, 100)], false);
      peer.send(frameTo(OURS, 60));
      return card.seen();
    },
  },
  {
    name: "receive/lost-by-status",
    title: "a frame before the receive queue is ready, and the status written once more",
    spec: BUFFERS,
    listener: true,
    run({ card, peer }, ring) {
      beforeQueue(card, peer, ring, () => void card.go());
      card.receive(100, 100);
      const lost = card.seen();
      return [lost, arrive(card, peer, [60])];
    },
  },
  {
    name: "receive/over-reset",
    title: "a frame that waits survives a reset of the device",
    spec: "virtio 1.4, 2.4",
    run({ card, peer }, ring) {
      card.start(VERSION_1 | ring);
      peer.send(frameTo(OURS, 77));
      card.front.status = 0;
      card.front.run();
      card.start(VERSION_1 | ring);
      card.receive(100);
      return card.seen();
    },
  },
  {
    name: "receive/queue-reset",
    title: "the receive queue alone is reset and set up again; a frame in between",
    spec: "virtio 1.4, 2.6.1",
    transport: "pci",
    run({ card, peer }, ring) {
      card.start(VERSION_1 | ring | 1n << 40n);
      card.receive(100);
      const first = arrive(card, peer, [60]);
      card.front.select(RX);
      card.front.write(0x3a, 1, 2);
      peer.send(frameTo(OURS, 50));
      card.front.bytes(card.rings[RX].desc, 0x1_0000).fill(0);
      card.setUp(RX, (ring & PACKED) !== 0n);
      card.receive(100);
      return [first, card.seen()];
    },
  },
  {
    name: "receive/event-idx",
    title: "interrupts and wishes with EVENT_IDX, frame by frame",
    spec: "virtio 1.4, 2.7.10",
    run({ card, peer }, ring) {
      card.start(VERSION_1 | EVENT_IDX | ring);
      card.rings[RX].setEvent(2);
      if (ring !== 0n) card.rings[RX].setInterrupts(2);
      card.receive(80, 80, 80, 80);
      return arrive(card, peer, [60, 60, 60, 60, 60]);
    },
  },
  {
    name: "receive/no-interrupt",
    title: "NO_INTERRUPT: nothing but the ring tells",
    spec: "virtio 1.4, 2.7.7",
    run({ card, peer }, ring) {
      card.start(VERSION_1 | ring);
      card.rings[RX].setInterrupts(1);
      card.receive(80, 80);
      return arrive(card, peer, [60, 60]);
    },
  },
  bad("readable", "nothing to write in a buffer", 0n, (c) => [[read(c, 100)], [write(c, 100)]]),
  bad(
    "readable-merge",
    "nothing to write in a buffer, MRG_RXBUF",
    MRG,
    (c) => [[read(c, 100)], [write(c, 100)]],
  ),
  bad(
    "readable-second",
    "nothing to write in the second buffer of a frame",
    MRG,
    (c) => [[write(c, 40)], [read(c, 100)], [write(c, 100)]],
  ),
  bad("outside", "a buffer outside memory", 0n, () => [[{ addr: OUTSIDE, len: 5000, flags: W }]]),
  bad(
    "outside-second",
    "the second buffer of a frame lies outside memory",
    MRG,
    (c) => [[write(c, 40)], [{ addr: OUTSIDE, len: 5000, flags: W }]],
  ),
  bad("order", "a buffer to read behind one to write", 0n, (c) => [[write(c, 40), read(c, 40)]]),
  bad("zero", "a buffer of length 0", 0n, (c) => [[write(c, 0)]]),
  bad("short", "a buffer that is shorter than the header", 0n, (c) => [[write(c, HEADER - 1)]], true),
  bad(
    "short-merge",
    "a buffer that is shorter than the header, MRG_RXBUF",
    MRG,
    (c) => [[write(c, HEADER - 1)], [write(c, 100)]],
    true,
  ),
];
