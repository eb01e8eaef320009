/** Rules about features that no device here offers: a made-up one has them. */
import { assertEquals } from "@std/assert";
import { onceTest } from "../../../support/once.ts";
import { F, NetF } from "../../../../spec/virtio/features.ts";
import { HandDevice, type Piece, words } from "../support/hand.ts";
import { packet } from "./_card.ts";

const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
const OFFLOADS = F.VERSION_1 | NetF.CSUM | NetF.HOST_TSO4 | NetF.HOST_TSO6;

/** flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, num_buffers, and more bytes. */
function header(flags: number, gso: number, hdrLen: number, more = 0): Uint8Array {
  return words([flags, 1], [gso, 1], [hdrLen, 2], [1400, 2], [34, 2], [16, 2], [0, 2], [0, more]);
}
/** Reports about one frame. */
function sent(features: bigint, ...pieces: Piece[]): string[] {
  const card = new HandDevice(1, features, [0, 1]);
  card.publish(1, ...pieces);
  return card.lines("net-tx");
}
const big = (cwr = false) => packet(MAC, { left: "pseudo", payload: 4000, cwr });

onceTest("ECN: a TCP packet with CWR that is to be cut is marked, if HOST_ECN allows", () => {
  const ecn = OFFLOADS | NetF.HOST_ECN;
  assertEquals(sent(ecn, header(1, 0x81, 54), big(true)), []);
  assertEquals(sent(ecn, header(1, 1, 54), big()), []);
  assertEquals(sent(ecn, header(1, 1, 54), big(true)), [
    "violation net-tx-gso-ecn: gso_type is 0x1 for a packet with CWR; expected the bit ECN (0x80)",
  ]);
  assertEquals(sent(OFFLOADS, header(1, 1, 54), big(true)), [
    "warning net-tx-gso-ecn-feature: a TCP packet with CWR and gso_type 0x1; expected no such packet",
  ]);
});

onceTest("GUEST_HDRLEN: hdr_len is exact", () => {
  const exact = OFFLOADS | NetF.GUEST_HDRLEN;
  assertEquals(sent(exact, header(1, 1, 54), big()), []);
  for (const length of [0, 53, 66]) {
    assertEquals(sent(exact, header(1, 1, length), big()), [
      `violation net-tx-hdr-len-exact: hdr_len is ${length}; expected 54`,
    ]);
  }
});

onceTest(
  "the header grows with features: 20 bytes with HASH_REPORT, 24 with tunnels, 32 with OUT_NET_HEADER",
  () => {
    const base = F.VERSION_1 | NetF.CSUM;
    const sizes: readonly [bigint, number][] = [
      [base, 12],
      [base | NetF.CTRL_VQ | NetF.HASH_REPORT, 20],
      [base | NetF.HOST_TSO4 | NetF.HOST_TSO6 | NetF.HOST_USO | NetF.HOST_UDP_TUNNEL_GSO, 24],
      [base | NetF.OUT_NET_HEADER, 32],
    ];
    for (const [features, size] of sizes) {
      for (const used of [10, 12, 20, 24, 32]) {
        const card = new HandDevice(1, features | NetF.MAC, [0, 1]);
        for (const [i, byte] of MAC.entries()) card.config(i, byte, 1);
        card.publish(1, new Uint8Array(used), packet(MAC, { udp: true }));
        assertEquals(
          card.lines("net-tx"),
          used === size ? [] : [
            `violation net-tx-header-size: the frame begins at byte ${used}: there is the card's own address as its ` +
            `source; expected the frame at byte ${size}, behind the header`,
          ],
        );
      }
    }
  },
);

onceTest("tunnels: one bit of gso_type, with both features for the outer checksum", () => {
  const tunnel = OFFLOADS | NetF.HOST_USO | NetF.HOST_UFO | NetF.HOST_UDP_TUNNEL_GSO;
  const one = (features: bigint, flags: number, gso: number) =>
    sent(features, header(flags, gso, 54, 12), big());
  assertEquals(one(tunnel, 1, 0x21), []);
  assertEquals(one(tunnel | NetF.HOST_UDP_TUNNEL_GSO_CSUM, 9, 0x21), []);
  assertEquals(one(tunnel, 1, 0x61).map((l) => l.split(";")[1]), [
    " expected bit 0x20 for an inner IPv4 packet, or 0x40 for IPv6, not both",
  ]);
  assertEquals(one(tunnel, 1, 0x43).map((l) => l.split(";")[1]), [
    " expected another type than UDP (3), which no tunnel carries",
  ]);
  assertEquals(one(tunnel, 9, 0x21).map((l) => l.split(":")[0]), ["violation net-tx-flags"]);
  assertEquals(one(tunnel | NetF.HOST_UDP_TUNNEL_GSO_CSUM, 9, 1).map((l) => l.split(";")[1]), [
    " expected a tunnel bit in gso_type beside the flag UDP_TUNNEL_CSUM",
  ]);
});

/** Reports about one command, on a card of two pairs. */
function commanded(features: bigint, kind: number, command: number, data: Uint8Array): string[] {
  const card = new HandDevice(1, F.VERSION_1 | NetF.CTRL_VQ | NetF.MQ | features, [0, 1, 2, 3, 4]);
  card.config(8, 2, 2);
  card.config(17, 40, 1);
  card.config(18, 128, 2);
  card.config(20, 0x3f, 4);
  const [, answer] = card.publish(4, Uint8Array.of(kind, command, ...data), 1);
  card.device(answer, Uint8Array.of(0));
  card.use(4, 1);
  card.load(answer, 1);
  return card.lines("net-ctrl");
}

onceTest(
  "RSS_CONFIG: hash types that the device has, a table of enabled receive queues, its length a power of two",
  () => {
    const rss = (types: number, mask: number, unclassified: number, table: number[]) =>
      commanded(
        NetF.RSS,
        4,
        1,
        words([types, 4], [mask, 2], [unclassified, 2], ...table.map((q) => [q, 2] as const), [2, 2], [0, 1]),
      );
    assertEquals(rss(0x3f, 3, 0, [0, 1, 0, 1]), []);
    const what = (line: string[]) => line.map((l) => l.replace(/; expected.*/, ""));
    assertEquals(what(rss(0x43f, 0, 0, [0])), ["violation net-ctrl-rss: hash_types 0x43f"]);
    assertEquals(what(rss(1, 2, 0, [0, 1, 0])), [
      "violation net-ctrl-rss: indirection_table_mask 0x2: 3 entries",
    ]);
    assertEquals(what(rss(1, 127, 0, new Array(128).fill(1))), []);
    assertEquals(what(rss(1, 255, 0, new Array(256).fill(0))), [
      "violation net-ctrl-rss: indirection_table_mask 255",
    ]);
    assertEquals(what(rss(1, 1, 0, [0, 2])), [
      "violation net-ctrl-rss: entry 1 is receiveq3 (queue 4), no receive queue that is enabled",
    ]);
    assertEquals(what(rss(1, 1, 5, [0, 1])), [
      "violation net-ctrl-rss: unclassified_queue is receiveq6 (queue 10), no receive queue that is enabled",
    ]);
  },
);

onceTest("HASH_CONFIG has zeroes where it is reserved; VQ_SET names a queue that is enabled", () => {
  const hash = (reserved: number) =>
    commanded(NetF.HASH_REPORT, 4, 2, words([1, 4], [0, 4], [reserved, 4], [0, 1]));
  assertEquals(hash(0), []);
  assertEquals(hash(256), ["violation net-ctrl-hash-reserved: byte 9 of the data is 0x1; expected 0"]);
  const coalesce = (queue: number) =>
    commanded(NetF.VQ_NOTF_COAL, 6, 2, words([queue, 2], [0, 2], [8, 4], [10, 4]));
  for (const queue of [0, 1, 2, 3]) assertEquals(coalesce(queue), []);
  for (const queue of [4, 5, 100]) {
    assertEquals(coalesce(queue), [
      `violation net-ctrl-coalesce: vq_index is ${queue}; expected an enabled receive or transmit queue`,
    ]);
  }
});

onceTest("each command needs its feature, and is one that there is", () => {
  const needs: readonly [kind: number, command: number, features: bigint, name: string, data: number][] = [
    [0, 0, NetF.CTRL_RX, "CTRL_RX", 1],
    [0, 1, NetF.CTRL_RX, "CTRL_RX", 1],
    [0, 2, NetF.CTRL_RX_EXTRA, "CTRL_RX_EXTRA", 1],
    [0, 5, NetF.CTRL_RX_EXTRA, "CTRL_RX_EXTRA", 1],
    [1, 0, NetF.CTRL_RX, "CTRL_RX", 8],
    [1, 1, NetF.CTRL_MAC_ADDR, "CTRL_RX or CTRL_MAC_ADDR", 6],
    [2, 0, NetF.CTRL_VLAN, "CTRL_VLAN", 2],
    [2, 1, NetF.CTRL_VLAN, "CTRL_VLAN", 2],
    [3, 0, NetF.GUEST_ANNOUNCE, "GUEST_ANNOUNCE", 0],
    [4, 1, NetF.RSS, "RSS", 13],
    [4, 2, NetF.HASH_REPORT, "HASH_REPORT", 13],
    [5, 0, NetF.CTRL_GUEST_OFFLOADS, "CTRL_GUEST_OFFLOADS", 8],
    [6, 0, NetF.NOTF_COAL, "NOTF_COAL", 8],
    [6, 1, NetF.NOTF_COAL, "NOTF_COAL", 8],
    [6, 2, NetF.VQ_NOTF_COAL, "VQ_NOTF_COAL", 12],
    [6, 3, NetF.VQ_NOTF_COAL, "VQ_NOTF_COAL", 4],
    [7, 0, NetF.HASH_TUNNEL, "HASH_TUNNEL", 4],
    [8, 1, NetF.DEVICE_STATS, "DEVICE_STATS", 16],
    [9, 2, NetF.RSS_CONTEXT, "RSS_CONTEXT", 20],
  ];
  for (const [kind, command, features, name, length] of needs) {
    const data = new Uint8Array(length);
    assertEquals(commanded(features, kind, command, data), [], `class ${kind}, command ${command}`);
    const [line, ...more] = commanded(0n, kind, command, data);
    assertEquals(more, []);
    assertEquals(
      line.replace(/class \w+ /, ""),
      `violation net-ctrl-feature: (${kind}), command ${command}, without ${name}; ` +
        `expected ${name} negotiated before such a command`,
    );
  }
  assertEquals(commanded(0n, 4, 3, new Uint8Array(0)).length, 1);
  assertEquals(commanded(0n, 200, 0, new Uint8Array(0)), [
    "violation net-ctrl-feature: class unknown (200), command 0; expected a class and a command that the specification knows",
  ]);
});
