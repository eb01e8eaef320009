import type { Value } from "./check.ts";
import { type Desc, type PciFront, W } from "./driver/mod.ts";
import {
  BROADCAST,
  CTRL,
  EVENT_IDX,
  frameTo,
  HEADER,
  type NetQuestion,
  type Nic,
  OTHER,
  RX,
  TX,
  VERSION_1,
} from "./net_session.ts";

const SEND = "virtio 1.4, 5.1.6.2";
const CTRL_VQ = 1n << 17n;
/** Bytes between the places that notify two queues. */
const NOTIFY_STRIDE = 4;

/** What the peer got: lengths, and the start of each frame. */
function got(peer: Nic, places: readonly number[]): Value {
  return peer.used(RX).map(({ id, len }) => `${len}: ${peer.show(places[id] + HEADER, 20)}`);
}

/** Chains are sent, one after the other. */
const sent = (
  name: string,
  title: string,
  chains: (card: Nic) => readonly (readonly Desc[])[],
  more: { readonly features?: bigint; readonly alone?: boolean } = {},
): NetQuestion => ({
  name: `transmit/${name}`,
  title,
  spec: SEND,
  ...more.alone ? { alone: true, transport: "pci" } : {},
  run({ card, peer }, ring) {
    const places = peer.receive(...new Array(8).fill(2000));
    card.start((more.features ?? VERSION_1) | ring);
    const steps = chains(card).map((chain) => {
      card.give(TX, chain);
      return { ...card.seen(), got: got(peer, places) };
    });
    card.send(frameTo(BROADCAST));
    const last = { ...card.seen(), got: got(peer, places) };
    return { steps, last };
  },
});
const out = (card: Nic, bytes: Uint8Array | number): Desc => {
  const data = typeof bytes === "number" ? new Uint8Array(bytes) : bytes;
  return { addr: card.room(data), len: data.length };
};
const FRAME = frameTo(OTHER, 100);

/** Frames on their way from the driver. */
export const transmitQuestions: readonly NetQuestion[] = [
  sent(
    "one-piece",
    "header and frame in one buffer, of some lengths",
    (c) =>
      [1, 13, 14, 60, 1514].map((n) => {
        const bytes = new Uint8Array(HEADER + n);
        bytes.set(frameTo(OTHER, n), HEADER);
        return [out(c, bytes)];
      }),
  ),
  sent("two-pieces", "header, frame", (c) => [[out(c, HEADER), out(c, FRAME)]]),
  sent("pieces", "a header and a frame in pieces", (c) => [
    [out(c, 4), out(c, 8), out(c, FRAME.subarray(0, 1)), out(c, FRAME.subarray(1))],
    [out(c, 10), out(c, Uint8Array.of(0, 0, ...FRAME.subarray(0, 50))), out(c, FRAME.subarray(50))],
  ]),
  sent("with-writable", "a buffer to write behind the frame", (c) => [
    [out(c, HEADER), out(c, FRAME), { addr: c.room(), len: 50, flags: W }],
  ]),
  sent("header-ignored", "what the header says means nothing without CSUM", (c) => [
    [out(c, new Uint8Array(HEADER).fill(0xff)), out(c, FRAME)],
  ]),
  sent("old-header", "a header of 10 bytes without VERSION_1", (c) => [[out(c, 10), out(c, FRAME)]], {
    features: 0n,
  }),
  sent("too-long", "more than 69632 bytes are lost", (c) => {
    const place = out(c, 4000);
    return [[out(c, HEADER), ...new Array(15).fill({ ...place, len: 4700 })]];
  }),
  sent("no-readable", "nothing to read", (c) => [[{ addr: c.room(), len: 100, flags: W }]]),
  sent("header-alone", "a header without a frame", (c) => [[out(c, HEADER)]]),
  sent("zero", "a buffer of length 0", (c) => [[out(c, HEADER), { addr: c.room(), len: 0 }]]),
  sent("short", "less than a header", (c) => [[out(c, HEADER - 1)]], { alone: true }),
  {
    name: "transmit/batch",
    title: "many frames behind one notification",
    spec: SEND,
    run({ card, peer }, ring) {
      const places = peer.receive(...new Array(10).fill(200));
      card.start(VERSION_1 | ring);
      for (let i = 0; i < 10; i++) card.send(frameTo(OTHER, 60 + i), i === 9);
      return [card.seen(), got(peer, places)];
    },
  },
  {
    name: "transmit/burst",
    title: "many frames, two at a time (x-txburst=2)",
    spec: SEND,
    options: ",x-txburst=2",
    run({ card, peer }, ring) {
      const places = peer.receive(...new Array(5).fill(200));
      card.start(VERSION_1 | ring);
      for (let i = 0; i < 5; i++) card.send(frameTo(OTHER, 60 + i), i === 4);
      return [card.seen(), got(peer, places)];
    },
  },
  {
    name: "transmit/event-idx",
    title: "interrupts and wishes with EVENT_IDX",
    spec: "virtio 1.4, 2.7.10",
    run({ card, peer }, ring) {
      peer.receive(...new Array(8).fill(200));
      card.start(VERSION_1 | EVENT_IDX | ring);
      if (ring !== 0n) card.rings[TX].setInterrupts(2);
      return [0, 2, 5].map((event) => {
        card.rings[TX].setEvent(event);
        for (let i = 0; i < 2; i++) card.send(frameTo(OTHER), i === 1);
        return card.seen();
      });
    },
  },
  {
    name: "transmit/before-driver-ok",
    title: "frames and notifications before DRIVER_OK",
    spec: "virtio 1.4, 3.1.1",
    run({ card, peer }, ring) {
      const places = peer.receive(200, 200, 200);
      card.start(VERSION_1 | ring, true);
      card.send(frameTo(OTHER));
      const before = card.seen();
      card.go();
      const after = [card.seen(), got(peer, places)];
      card.send(frameTo(OTHER));
      return [before, ...after, card.seen(), got(peer, places)];
    },
  },
  {
    name: "transmit/driver-ok-off-and-on",
    title: "DRIVER_OK goes and comes back between frames",
    spec: "virtio 1.4, 2.1",
    run({ card, peer }, ring) {
      const places = peer.receive(200, 200, 200);
      card.start(VERSION_1 | ring);
      card.front.status = 11;
      card.send(frameTo(OTHER));
      const off = [card.seen(), got(peer, places)];
      card.front.status = 15;
      card.front.run();
      return [...off, card.seen(), got(peer, places)];
    },
  },
  {
    name: "transmit/two-notified",
    title:
      "one access notifies the transmit queue and, over its edge, the control queue, which has a bad chain",
    spec: "virtio 1.4, 4.1.3.1",
    transport: "pci",
    run({ card, peer }, ring) {
      card.start(VERSION_1 | CTRL_VQ | ring);
      const [place] = peer.receive(200);
      const frame = frameTo(OTHER);
      const bytes = new Uint8Array(HEADER + frame.length);
      bytes.set(frame, HEADER);
      card.give(TX, [{ addr: card.room(bytes), len: bytes.length }], false);
      card.give(CTRL, [{ addr: card.room(), len: 0 }], false);
      const front = card.front as PciFront;
      front.store(front.notify + TX * NOTIFY_STRIDE + 2, 4, 0);
      front.run();
      return { sent: got(peer, [place]), status: front.status };
    },
  },
];
