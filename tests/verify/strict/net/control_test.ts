import { assertEquals } from "@std/assert";
import { onceTest } from "../../../support/once.ts";
import { F, NetF } from "../../../../spec/virtio/features.ts";
import { HandDevice, words } from "../support/hand.ts";
import { lines, MMIO_PACKED, OFFLOADS, run } from "./_card.ts";

/** Reports about a command's data; the device refuses what is wrong, and the driver goes on. */
function commanded(
  kind: number,
  command: number,
  data: Uint8Array,
  setting: Parameters<typeof run>[0] = {},
): string[] {
  const { reports, error } = run(setting, (net) => {
    net.work = () => net.command(kind, command, data);
  }, "net-ctrl");
  if (error !== undefined && !/refuses/.test(error.message)) throw error;
  return lines(reports);
}
const mac = (first: number) => [first, 0, 0, 0, 0, 1];
const macs = (
  ...list: number[]
) => [[list.length, 4] as const, ...list.flatMap(mac).map((b) => [b, 1] as const)];
const ALL = { wants: NetF.CTRL_VLAN | NetF.CTRL_MAC_ADDR | NetF.CTRL_RX_EXTRA };

onceTest("commands with the data that they have give no report, on both transports and rings", () => {
  for (const place of [ALL, { ...ALL, ...MMIO_PACKED }]) {
    assertEquals(commanded(0, 1, Uint8Array.of(1), place), []);
    assertEquals(commanded(0, 4, Uint8Array.of(0), place), []);
    assertEquals(commanded(1, 0, new Uint8Array(8), place), []);
    assertEquals(commanded(1, 0, words(...macs(0x52, 2), ...macs(1, 0x33)), place), []);
    assertEquals(commanded(1, 1, Uint8Array.from(mac(2)), place), []);
    assertEquals(commanded(2, 0, words([4095, 2]), place), []);
  }
});

onceTest("the data of a command has its length and its values", () => {
  const one = (kind: number, command: number, ...data: number[]) =>
    commanded(kind, command, Uint8Array.from(data), ALL).map((l) =>
      l.slice("violation net-ctrl-data: ".length)
    );
  assertEquals(one(0, 0, 1, 0, 0, 0), ["class RX (0), command 0: 4 bytes of data; expected 1 bytes"]);
  assertEquals(one(0, 0, 255), ["class RX (0), command 0: 255; expected 0 (off) or 1 (on)"]);
  assertEquals(one(1, 1, 2, 0, 0, 0), ["class MAC (1), command 1: 4 bytes of data; expected 6 bytes"]);
  assertEquals(one(2, 1, 1, 0, 0, 0), ["class VLAN (2), command 1: 4 bytes of data; expected 2 bytes"]);
  assertEquals(one(2, 0, 0, 0x10), [
    "class VLAN (2), command 0: VLAN 4096; expected 0 to 4095, little-endian",
  ]);
});

onceTest("TABLE_SET: two counted lists, the first without and the second with multicast addresses", () => {
  const table = (bytes: Uint8Array) =>
    commanded(1, 0, bytes).map((l) => l.slice("violation net-ctrl-mac-table: ".length));
  assertEquals(table(words(...macs(2))), [
    "10 bytes: no count of the multicast list at byte 10; expected a le32 there",
  ]);
  assertEquals(table(words([2, 4], ...mac(2).map((b) => [b, 1] as const), [0, 4])), [
    "2 addresses in the unicast list, in 10 bytes; expected 12 bytes of addresses (the count is little-endian)",
  ]);
  assertEquals(table(words([0x0100_0000, 4], ...mac(2).map((b) => [b, 1] as const), [0, 4])), [
    "16777216 addresses in the unicast list, in 10 bytes; " +
    "expected 100663296 bytes of addresses (the count is little-endian)",
  ]);
  assertEquals(table(words(...macs(3), ...macs())), [
    "03:00:00:00:00:01 in the unicast list; expected unicast addresses alone",
  ]);
  assertEquals(table(words(...macs(), ...macs(2))), [
    "02:00:00:00:00:01 in the multicast list; expected multicast addresses alone",
  ]);
  assertEquals(table(words(...macs(), ...macs(), [0, 3])), ["3 bytes behind the second list; expected none"]);
});

onceTest("a command has a class, a command, and a byte for the answer; somebody reads that", () => {
  const { reports } = run({}, (net) => {
    const make = net.makeCommand.bind(net);
    net.makeCommand = (...args) => make(...args).slice(0, 2);
    net.checkAck = () => {};
    net.work = () => net.command(0, 0, Uint8Array.of(0));
  });
  assertEquals(lines(reports), [
    "violation net-ctrl-layout: a command of 3 readable and 0 writable bytes; expected a writable byte for the answer",
  ]);
  assertEquals(reports[0].evidence.at(-1)!.value, "000000");
  const unread = run({}, (net) => {
    net.checkAck = () => {};
    net.work = () => net.command(0, 1, Uint8Array.of(1));
  });
  assertEquals(lines(unread.reports), [
    "warning net-ctrl-answer: class RX (0), command 1: the answer was never read; " +
    "expected its byte read after the command was used",
  ]);
});

onceTest("offloads are switched on if they were negotiated", () => {
  const setting = { ...OFFLOADS, wants: NetF.CTRL_GUEST_OFFLOADS | NetF.GUEST_CSUM | NetF.GUEST_TSO4 };
  const set = (bits: number) => commanded(5, 0, words([bits, 8]), setting);
  assertEquals(set(0x82), []);
  assertEquals(set(0), []);
  assertEquals(set(0x182), [
    "violation net-ctrl-offloads: offloads 0x182; expected nothing but 0x82; not negotiated: GUEST_TSO6",
  ]);
});

/** A card with two pairs that was started: pair 0 is in use. */
function twoPairs(queues = [0, 1, 2, 3, 4]): HandDevice {
  const card = new HandDevice(1, F.VERSION_1 | NetF.CTRL_VQ | NetF.MQ | NetF.CSUM, queues);
  card.config(8, 2, 2);
  return card;
}
/** The device answers the command that was published last. */
function pairs(card: HandDevice, count: number, answer: number | undefined = 0): void {
  const [, at] = card.publish(4, words([4, 1], [0, 1], [count, 2]), 1);
  if (answer === undefined) return;
  card.device(at, Uint8Array.of(answer));
  card.use(4, 1);
  card.load(at, 1);
}
const frame = () => new Uint8Array(72);

onceTest("VQ_PAIRS_SET: a number of pairs that there is, whose queues are set up", () => {
  for (const count of [1, 2]) {
    const card = twoPairs();
    pairs(card, count);
    assertEquals(card.lines("net-ctrl"), []);
  }
  for (const count of [0, 3, 512]) {
    const card = twoPairs();
    pairs(card, count, 1);
    assertEquals(card.lines("net-ctrl"), [
      `violation net-ctrl-pairs-range: VQ_PAIRS_SET with ${count}; expected 1 to 2, which is max_virtqueue_pairs`,
    ]);
  }
  const card = twoPairs([0, 1, 2, 4]);
  pairs(card, 2);
  assertEquals(card.lines("net-ctrl"), [
    "violation net-ctrl-pairs-queues: VQ_PAIRS_SET with 2, and queue 3 is not enabled; expected queues 0 to 3",
  ]);
});

onceTest("transmit queues are used as far as pairs are", () => {
  const card = twoPairs();
  card.publish(1, frame());
  pairs(card, 2, undefined);
  // The command is with the device: from here on the pair may be used.
  card.publish(3, frame());
  assertEquals(card.lines("net-tx-pair"), []);
  const early = twoPairs();
  early.publish(3, frame());
  assertEquals(early.lines("net-tx-pair"), [
    "violation net-tx-pair: a frame on transmitq2 (queue 3), while 1 pair is in use; expected transmitq1 alone",
  ]);
  const refused = twoPairs();
  pairs(refused, 2, 1);
  refused.publish(3, frame());
  assertEquals(refused.lines("net-tx-pair").length, 1);
  const fewer = twoPairs();
  pairs(fewer, 2);
  fewer.publish(3, frame());
  pairs(fewer, 1, undefined);
  assertEquals(fewer.lines("net-tx-pair"), []);
  fewer.publish(3, frame());
  assertEquals(fewer.lines("net-tx-pair").length, 1);
});

onceTest("each receive queue in use has buffers", () => {
  const card = twoPairs();
  card.publish(0, 1526);
  pairs(card, 2);
  card.idle();
  assertEquals(card.lines("net-rx-populated"), []);
  card.time = 2e9;
  card.idle();
  assertEquals(card.lines("net-rx-populated"), [
    "warning net-rx-populated: no buffer was ever given to receiveq2 (queue 2); 2 pairs are in use; " +
    "expected receive buffers in each",
  ]);
  const full = twoPairs();
  full.publish(0, 1526);
  full.publish(2, 1526);
  pairs(full, 2);
  full.time = 2e9;
  full.idle();
  assertEquals(full.lines("net-rx-populated"), []);
});

onceTest("ANNOUNCE is answered", () => {
  const start = () => {
    const card = new HandDevice(1, F.VERSION_1 | NetF.CTRL_VQ | NetF.STATUS | NetF.GUEST_ANNOUNCE, [0, 1, 2]);
    card.config(6, 3, 2);
    return card;
  };
  const silent = start();
  silent.idle();
  assertEquals(silent.lines("net-announce"), []);
  silent.time = 5e6;
  silent.reset();
  assertEquals(silent.lines("net-announce"), [
    "violation net-announce: status was read with ANNOUNCE at 0 ns, and no ANNOUNCE_ACK was sent in 5000000 ns; " +
    "expected class ANNOUNCE (3), command 0 on the control queue",
  ]);
  const answering = start();
  const [, at] = answering.publish(2, Uint8Array.of(3, 0), 1);
  // The bit stands until the device has seen the answer.
  answering.config(6, 3, 2);
  answering.device(at, Uint8Array.of(0));
  answering.use(2, 1);
  answering.config(6, 1, 2);
  answering.time = 2e9;
  answering.idle();
  answering.reset();
  assertEquals(answering.lines("net-announce"), []);
  // The device took it back by itself.
  const gone = start();
  gone.config(6, 1, 2);
  gone.idle();
  gone.reset();
  assertEquals(gone.lines("net-announce"), []);
});

onceTest("buffers go to queues that there are", () => {
  const used = (features: bigint, queue: number, pairs?: number) => {
    const card = new HandDevice(1, F.VERSION_1 | features, [0, 1, 2, 3, 4, 5]);
    if (pairs !== undefined) card.config(8, pairs, 2);
    card.publish(queue, new Uint8Array(72));
    return card.lines("net-queue").map((l) => l.slice("violation net-queue-exists: ".length));
  };
  const control = NetF.CTRL_VQ, pairs = NetF.CTRL_VQ | NetF.MQ;
  assertEquals(used(0n, 1), []);
  assertEquals(used(control, 2), []);
  assertEquals(used(pairs, 4, 2), []);
  assertEquals(used(0n, 2), [
    "a buffer in queue 2; expected queues 0 to 1, as CTRL_VQ was not negotiated and there is one pair",
  ]);
  // Without MQ there is one pair, however many the device has.
  assertEquals(used(control, 4), [
    "a buffer in queue 4; expected queues 0 to 2, as CTRL_VQ was negotiated and there is one pair",
  ]);
  assertEquals(used(pairs, 5, 2), [
    "a buffer in queue 5; expected queues 0 to 4, as CTRL_VQ was negotiated and there are 2 pairs",
  ]);
  // Nobody knows how many pairs there are.
  assertEquals(used(pairs, 5), []);
});
