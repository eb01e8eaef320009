import { assertEquals } from "@std/assert";
import { onceTest } from "../../../support/once.ts";
import { NetF } from "../../../../spec/virtio/features.ts";
import { MMIO_PACKED, OFFLOADS, packet, sending } from "./_card.ts";

/** csum_start and csum_offset of an untagged TCP segment over IPv4. */
const TCP4 = { FLAGS: 1, CSUM_START: 34, CSUM_OFFSET: 16 };

onceTest(
  "frames that are right give no report: any protocol, with and without offloads, on both transports and rings",
  () => {
    for (const place of [{}, MMIO_PACKED]) {
      const plain = sending(place, ({ mac }) =>
        [false, true].flatMap((v6) =>
          [false, true].flatMap((udp) => [
            [packet(mac, { v6, udp })] as const,
            [packet(mac, { v6, udp, tag: true, payload: 21 })] as const,
          ])
        ));
      assertEquals(plain, []);
      const offloaded = sending({ ...place, ...OFFLOADS }, ({ mac }) => {
        const start = (v6: boolean, tag = false) => (tag ? 18 : 14) + (v6 ? 40 : 20);
        return [
          [packet(mac, { left: "pseudo" }), TCP4],
          [packet(mac, { left: "pseudo", udp: true }), { ...TCP4, CSUM_OFFSET: 6 }],
          [packet(mac, { left: "pseudo", v6: true, tag: true }), { ...TCP4, CSUM_START: start(true, true) }],
          [packet(mac)],
          // No checksum at all is UDP's own way over IPv4 (RFC 768).
          [packet(mac, { udp: true, left: "none" })],
          [packet(mac, { left: "pseudo", payload: 5000 }), {
            ...TCP4,
            GSO_TYPE: 1,
            GSO_SIZE: 1400,
            HDR_LEN: 54,
          }],
          [packet(mac, { left: "pseudo", payload: 5000, v6: true }), {
            ...{ ...TCP4, CSUM_START: start(true), GSO_TYPE: 4, GSO_SIZE: 1400, HDR_LEN: 128 },
          }],
        ] as const;
      });
      assertEquals(offloaded, []);
    }
  },
);

onceTest("num_buffers, and flags that need CSUM or are the device's", () => {
  assertEquals(sending({}, ({ mac }) => [[packet(mac), { NUM_BUFFERS: 1 }]]), [
    "violation net-tx-num-buffers: num_buffers (bytes 10 and 11) is 1; expected 0",
  ]);
  assertEquals(sending({}, ({ mac }) => [[packet(mac), TCP4]]), [
    "violation net-tx-flags-without-csum: flags are 0x1, and CSUM was not negotiated; " +
    "expected flags 0, and a frame whose checksums are complete",
  ]);
  for (const [flags, wrong] of [[2, 2], [4, 4], [8, 8], [0x10, 0x10], [0x23, 0x22], [0x80, 0x80]]) {
    const header = flags === 0x23 ? { ...TCP4, FLAGS: flags } : { FLAGS: flags };
    const reports = sending(
      OFFLOADS,
      ({ mac }) => [[packet(mac, { left: flags & 1 ? "pseudo" : "whole" }), header]],
    );
    assertEquals(reports, [
      `violation net-tx-flags: flags are 0x${flags.toString(16)}; expected bits 0x${
        wrong.toString(16)
      } clear: ` +
      "the device sets them, or they need a feature that was not negotiated",
    ]);
  }
});

onceTest("a checksum that is asked for: where it is, what the field holds, what is before it", () => {
  const one = (
    options: Parameters<typeof packet>[1],
    header: object,
    change: (frame: Uint8Array) => void = () => {},
  ) =>
    sending(OFFLOADS, ({ mac }) => {
      const frame = packet(mac, options);
      change(frame);
      return [[frame, header]];
    });
  assertEquals(one({ left: "pseudo" }, { ...TCP4, CSUM_START: 20 }), [
    "violation net-tx-checksum-place: csum_start is 20, csum_offset 16; " +
    "expected csum_start 34 and csum_offset 16: a TCP header begins there",
  ]);
  assertEquals(one({ left: "pseudo", udp: true }, TCP4), [
    "violation net-tx-checksum-place: csum_start is 34, csum_offset 16; " +
    "expected csum_start 34 and csum_offset 6: a UDP header begins there",
  ]);
  // The same in big-endian.
  assertEquals(one({ left: "pseudo" }, { ...TCP4, CSUM_START: 34 << 8 }), [
    "violation net-tx-checksum-place: csum_start is 8704, csum_offset 16, in a frame of 74 bytes; " +
    "expected a place within the frame",
  ]);
  const pseudo = "the sum of the pseudo header";
  assertEquals(one({ left: "none" }, TCP4), [
    "violation net-tx-pseudo-header: the TCP checksum field (bytes 50 and 51 of the frame) holds 0x0: nothing; " +
    `expected 0x183f, ${pseudo}`,
  ]);
  assertEquals(one({ left: "complement" }, TCP4), [
    "violation net-tx-pseudo-header: the TCP checksum field (bytes 50 and 51 of the frame) holds 0xe7c0: " +
    `the complement of the sum; expected 0x183f, ${pseudo}`,
  ]);
  assertEquals(one({ left: "whole" }, TCP4).map((l) => l.replace(/holds 0x\w+/, "holds it")), [
    "violation net-tx-pseudo-header: the TCP checksum field (bytes 50 and 51 of the frame) holds it: " +
    `a complete checksum; expected 0x183f, ${pseudo}`,
  ]);
  assertEquals(one({ left: "pseudo" }, TCP4, (frame) => frame.fill(0, 24, 26)), [
    `violation net-tx-ip-checksum: the header checksum of the IPv4 packet is 0x0; expected ${ipChecksum()}`,
  ]);
});

/** The header checksum of the packet above, by the book. */
function ipChecksum(): string {
  const frame = packet(new Uint8Array(6));
  return `0x${(frame[24] << 8 | frame[25]).toString(16)}`;
}

onceTest("a frame that asks for nothing is complete", () => {
  const [tcp] = sending({}, ({ mac }) => [[packet(mac, { left: "pseudo" })]]);
  const whole = packet(new Uint8Array(6));
  assertEquals(
    tcp,
    "warning net-tx-complete: the TCP checksum is 0x183f, the sum of the pseudo header alone; expected 0x" +
      (whole[50] << 8 | whole[51]).toString(16),
  );
  const broken = sending({}, ({ mac }) => [[packet(mac).fill(0, 24, 26)]]);
  assertEquals(broken, [
    `warning net-tx-complete: the header checksum of the IPv4 packet is 0x0; expected ${ipChecksum()}`,
  ]);
  // What is no sound packet is not judged by its sums: nobody knows what its author meant.
  const noPacket = sending({}, ({ mac }) => {
    const version = packet(mac, { left: "none" });
    version[14] = 0x55;
    return [[version]];
  });
  assertEquals(noPacket, []);
});

onceTest("segmentation is asked for as it was negotiated", () => {
  const big = { left: "pseudo", payload: 5000 } as const;
  const gso = { ...TCP4, GSO_TYPE: 1, GSO_SIZE: 1400, HDR_LEN: 54 };
  const one = (wants: bigint, header: object, options: Parameters<typeof packet>[1] = big) =>
    sending({ ...OFFLOADS, wants }, ({ mac }) => [[packet(mac, options), header]]);
  assertEquals(one(NetF.CSUM, gso), [
    "violation net-tx-gso-feature: gso_type is 0x1 (TCPV4); expected NONE (0), as HOST_TSO4 was not negotiated",
  ]);
  assertEquals(one(NetF.CSUM | NetF.HOST_TSO4, { ...gso, GSO_TYPE: 5 }), [
    "violation net-tx-gso-feature: gso_type is 0x5 (UDP_L4); expected NONE (0), as HOST_USO was not negotiated",
  ]);
  assertEquals(one(NetF.CSUM | NetF.HOST_TSO4, { ...gso, GSO_TYPE: 2 }), [
    "violation net-tx-gso-feature: gso_type is 0x2; expected NONE, TCPV4, UDP, TCPV6 or UDP_L4",
  ]);
  const tso = NetF.CSUM | NetF.HOST_TSO4;
  assertEquals(one(tso, { ...gso, FLAGS: 0 }), [
    "violation net-tx-gso-fields: gso_type is 0x1, and flags are 0x0; expected NEEDS_CSUM (1) among the flags",
  ]);
  assertEquals(one(tso, { ...gso, GSO_SIZE: 0 }), [
    "violation net-tx-gso-fields: gso_type is 0x1, and gso_size is 0; expected the size of a piece",
  ]);
  assertEquals(one(tso, { ...gso, HDR_LEN: 20 }), [
    "warning net-tx-hdr-len: hdr_len is 20; expected at least 54",
  ]);
  assertEquals(one(tso, { ...gso, GSO_TYPE: 0x21 }), [
    "violation net-tx-gso-tunnel: gso_type is 0x21, flags are 0x1; " +
    "expected bits 0x60 of gso_type clear, as HOST_UDP_TUNNEL_GSO was not negotiated",
  ]);
  assertEquals(one(tso, { ...gso, GSO_TYPE: 0x81 }), [
    "warning net-tx-gso-ecn-feature: gso_type is 0x81: it has the bit ECN; expected no such packet",
  ]);
});

onceTest("with MTU a frame is no longer than that, its tag left out", () => {
  const mtu = { props: "host_mtu=1000" };
  assertEquals(
    sending(mtu, ({ mac }) => [[packet(mac, { payload: 960 })], [packet(mac, { payload: 960, tag: true })]]),
    [],
  );
  assertEquals(sending(mtu, ({ mac }) => [[packet(mac, { payload: 961 })]]), [
    "violation net-tx-mtu: a frame of 1015 bytes: 1001 behind its Ethernet header of 14; " +
    "expected 1000 at most, which is the device's mtu",
  ]);
});

onceTest("a frame is as long as its packet", () => {
  const one = (frame: (mac: Uint8Array) => Uint8Array) => sending({}, ({ mac }) => [[frame(mac)]]);
  const arp = (mac: Uint8Array) =>
    Uint8Array.from([
      ...packet(mac).subarray(0, 12),
      8,
      6,
      0,
      1,
      8,
      0,
      6,
      4,
      0,
      1,
      ...mac,
      ...new Uint8Array(14),
    ]);
  assertEquals(one(arp), []);
  // Padded to what Ethernet wants at least.
  assertEquals(one((mac) => Uint8Array.from([...arp(mac), ...new Uint8Array(18)])), []);
  assertEquals(one((mac) => arp(mac).subarray(0, 30)), [
    "warning net-tx-cut-short: a frame of 30 bytes, 12 less than its packet has: as many as the header; " +
    "expected 42 bytes behind the header of 12",
  ]);
  for (const v6 of [false, true]) {
    const whole = packet(new Uint8Array(6), { v6 }).length;
    assertEquals(one((mac) => packet(mac, { v6 }).subarray(0, -2)), [
      `warning net-tx-cut-short: a frame of ${whole - 2} bytes, 2 less than its packet has; ` +
      `expected ${whole} bytes behind the header of 12`,
    ]);
  }
});
