import { assertEquals } from "@std/assert";
import { onceTest } from "../../../support/once.ts";
import { F, NetF } from "../../../../spec/virtio/features.ts";
import { HandDevice, words } from "../support/hand.ts";
import { lines, MMIO_PACKED, run } from "./_card.ts";

onceTest("buffers of their queue's direction", () => {
  for (const place of [{}, MMIO_PACKED]) {
    const { reports } = run(place, (_net, { ring }) =>
      ring((r) => {
        if (r.queue !== 0) return;
        const { submit } = r;
        r.submit = (pieces) => submit.call(r, pieces.map((p) => ({ ...p, writable: false })));
      }));
    assertEquals(lines(reports), [
      "violation net-rx-writable: a buffer of 1530 bytes that is readable for the device, 1 of 1 in the chain; " +
      "expected writable buffers alone: the device fills them",
    ]);
    assertEquals(reports[0].place[0].file.startsWith("tests/drivers-gone-wrong/student/"), true);
    const sent = run(place, (net) => {
      const make = net.makeFrame.bind(net);
      net.makeFrame = (frame) => make(frame).map((p) => ({ ...p, writable: true }));
      net.work = () => net.transmit(new Uint8Array(60));
    });
    assertEquals(lines(sent.reports)[0].split(":")[0], "violation net-tx-readable");
  }
});

/** Reports about receive buffers of a size. */
function receiving(features: bigint, size: number, mtu?: number): string[] {
  const card = new HandDevice(1, F.VERSION_1 | features, [0, 1]);
  if (mtu !== undefined) card.config(10, mtu, 2);
  for (let i = 0; i < 4; i++) card.publish(0, size);
  card.time = 2e9;
  card.idle();
  return card.lines("net-rx");
}

onceTest("receive buffers have room for what may come", () => {
  assertEquals(receiving(0n, 1526), []);
  assertEquals(receiving(0n, 1525), [
    "warning net-rx-buffer-size: a receive buffer of 1525 bytes; " +
    "expected 1526 at least, as MRG_RXBUF was not negotiated",
  ]);
  const big = NetF.GUEST_CSUM | NetF.GUEST_TSO6;
  assertEquals(receiving(big, 65601), []);
  assertEquals(receiving(big, 1526).length, 1);
  assertEquals(receiving(NetF.HASH_REPORT | NetF.CTRL_VQ, 1533).length, 1);
  assertEquals(receiving(NetF.MRG_RXBUF, 12), []);
  assertEquals(receiving(NetF.MRG_RXBUF, 11), [
    "violation net-rx-header-fits: a receive buffer of 11 bytes; " +
    "expected 12 at least: the header with the negotiated features",
  ]);
  assertEquals(receiving(NetF.MTU, 1526, 1500), []);
  assertEquals(receiving(NetF.MTU, 1526, 1501), [
    "violation net-rx-room: the largest receive buffer has 1526 bytes; expected 1527 at least, as mtu is 1501",
  ]);
  assertEquals(receiving(NetF.MTU | NetF.MRG_RXBUF, 382, 1500), []);
  assertEquals(receiving(NetF.MTU | NetF.MRG_RXBUF, 381, 1500), [
    "violation net-rx-room: all receive buffers together have 1524 bytes; expected 1526 at least, as mtu is 1500",
  ]);
});

/** A frame in three buffers of 64 bytes, read by a driver in its way. */
function merged(read: (card: HandDevice, buffers: number[]) => void): string[] {
  const card = new HandDevice(1, F.VERSION_1 | NetF.MRG_RXBUF, [0, 1]);
  const buffers = [0, 1, 2].flatMap(() => card.publish(0, 64));
  card.device(buffers[0], words([0, 10], [3, 2]));
  for (const written of [64, 64, 30]) card.use(0, written);
  read(card, buffers);
  // They are given back with other contents.
  for (const at of buffers) card.store(at, new Uint8Array(64));
  card.strict.end("ended");
  return card.lines("net-rx-skipped");
}

onceTest("merged frames: only the first buffer has a header", () => {
  const whole = merged((card, [a, b, c]) => {
    card.load(a + 12, 52);
    card.load(b, 64);
    card.load(c, 30);
  });
  assertEquals(whole, []);
  const byField = merged((card, [a, b, c]) => {
    card.load(a + 12, 52);
    card.load(b + 32, 32);
    card.load(b, 32);
    card.load(c, 4);
  });
  assertEquals(byField, []);
  const dropped = merged((card, [a]) => card.load(a, 12));
  assertEquals(dropped, []);
  const holes = merged((card, [a, b, c]) => {
    card.load(a + 12, 52);
    card.load(b + 12, 52);
    card.load(c + 12, 18);
  });
  const line = (written: number, number: number) =>
    `warning net-rx-skipped: of the ${written} bytes in buffer ${number} of a frame the driver read from byte 12 on, ` +
    "never those before; expected all of them, from byte 0: there is no header";
  assertEquals(holes, [line(64, 2), line(30, 3)]);
});

/** Four frames in two buffers of 64 bytes each, read by a driver in its way. */
function frames(read: (card: HandDevice, first: number, second: number, round: number) => void): string[] {
  const card = new HandDevice(1, F.VERSION_1 | NetF.MRG_RXBUF, [0, 1]);
  const [first] = card.publish(0, 64), [second] = card.publish(0, 64);
  for (let round = 0; round < 4; round++) {
    card.device(first, words([0, 10], [2, 2]));
    card.use(0, 64);
    card.use(0, 30);
    read(card, first, second, round);
    card.publishAt(0, first, 64);
    card.publishAt(0, second, 64);
  }
  return card.lines("net-rx-rest");
}

onceTest("merged frames: all buffers are read", () => {
  const begin = (card: HandDevice, first: number) => card.load(first + 12, 52);
  assertEquals(
    frames((card, first, second) => {
      begin(card, first);
      card.load(second, 30);
    }),
    [],
  );
  // Dropped, one by its addresses, one in between.
  assertEquals(frames((card, first) => card.load(first + 12, 14)), []);
  assertEquals(
    frames((card, first, second, round) => {
      begin(card, first);
      if (round === 2) card.load(second, 30);
    }),
    [],
  );
  assertEquals(frames(begin), [
    "warning net-rx-rest-unread: 3 buffers that continue a frame were given back unread, after the frame's first was " +
    "read; expected the whole frame, from as many buffers as num_buffers says",
  ]);
});

onceTest("a receive queue has buffers again in time", () => {
  const start = () => {
    const card = new HandDevice(1, F.VERSION_1, [0, 1]);
    const buffers = [0, 1].flatMap(() => card.publish(0, 1526));
    return { card, buffers };
  };
  const given = start();
  given.card.use(0, 72);
  given.card.use(0, 72);
  given.card.idle();
  given.card.publishAt(0, given.buffers[0], 1526);
  given.card.time = 5e9;
  given.card.idle();
  given.card.strict.end("stuck");
  assertEquals(given.card.lines("net-rx-empty"), []);
  const kept = start();
  kept.card.use(0, 72);
  kept.card.time = 3e9;
  kept.card.use(0, 72);
  kept.card.idle();
  assertEquals(kept.card.lines("net-rx-empty"), []);
  kept.card.time = 4e9;
  kept.card.idle();
  assertEquals(kept.card.lines("net-rx-empty"), [
    "warning net-rx-empty: the queue has no buffer, for 1000000000 ns; all 2 of it were used; " +
    "expected buffers for the frames that come next",
  ]);
  const stuck = start();
  stuck.card.use(0, 72);
  stuck.card.use(0, 72);
  stuck.card.idle();
  stuck.card.strict.end("stuck");
  assertEquals(stuck.card.lines("net-rx-empty").length, 1);
});

onceTest("num_buffers without MRG_RXBUF is not looked at", () => {
  const look = (features: bigint, at: number, length: number) => {
    const card = new HandDevice(1, F.VERSION_1 | features, [0, 1]);
    const [buffer] = card.publish(0, 1526);
    card.device(buffer, words([0, 10], [7, 2]));
    card.use(0, 72);
    card.load(buffer + at, length);
    return card.lines("net-rx-num");
  };
  assertEquals(look(0n, 10, 2), [
    "warning net-rx-num-buffers: num_buffers was read: 7; expected one buffer for each frame, as MRG_RXBUF was not negotiated",
  ]);
  assertEquals(look(NetF.MRG_RXBUF, 10, 2), []);
  // A copy of the whole is no look.
  assertEquals(look(0n, 0, 72), []);
  assertEquals(look(0n, 6, 2), []);
});

/** A frame of 60 bytes in one buffer, read by a driver in its way. */
function plain(features: bigint, read: (card: HandDevice, buffer: number) => void): string[] {
  const card = new HandDevice(1, F.VERSION_1 | features, [0, 1]);
  const [buffer] = card.publish(0, 1526);
  card.device(buffer, words([0, 10], [1, 2]));
  card.use(0, 72);
  read(card, buffer);
  card.store(buffer, new Uint8Array(12));
  card.publishAt(0, buffer, 1526);
  return card.lines("net-rx");
}

onceTest(
  "the frame begins behind the header, and the header's flags are looked at where they mean something",
  () => {
    assertEquals(plain(0n, (card, at) => card.load(at + 12, 60)), []);
    assertEquals(plain(0n, (card, at) => card.load(at, 72)), []);
    // In words, as it comes.
    const inWords = (card: HandDevice, at: number) => {
      for (let i = 0; i < 72; i += 8) card.load(at + i, 8);
    };
    assertEquals(plain(NetF.GUEST_CSUM, inWords), []);
    assertEquals(plain(0n, (card, at) => card.load(at + 10, 62)), [
      "violation net-rx-header-size: the frame was read from byte 10 of the buffer on, 62 bytes: that is within the " +
      "header; expected the frame at byte 12",
    ]);
    const blind = (card: HandDevice, at: number) => card.load(at + 12, 60);
    assertEquals(plain(NetF.GUEST_CSUM, blind), [
      "warning net-rx-flags: a frame was read, and given back without a look at the flags of its header; " +
      "expected a look at byte 0 of the header, as GUEST_CSUM was negotiated",
    ]);
    const seeing = (card: HandDevice, at: number) => {
      card.load(at, 1);
      card.load(at + 12, 60);
    };
    assertEquals(plain(NetF.GUEST_CSUM, seeing), []);
    // Dropped by its addresses: nobody cares for its checksum.
    assertEquals(plain(NetF.GUEST_CSUM, (card, at) => card.load(at + 12, 14)), []);
  },
);
