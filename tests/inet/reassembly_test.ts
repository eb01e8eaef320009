import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Ipv4Header, readIpv4, writeIpv4Fragment } from "../../inet/ipv4.ts";
import { Reassembler } from "../../inet/reassembly.ts";
import { once } from "./_support.ts";

const SOURCE = 0x0a000001, DESTINATION = 0x0a000002, UDP = 17;

function payload(length: number, salt = 0): Uint8Array {
  return new Uint8Array(length).map((_, i) => (i * 7 + salt + (i >> 8)) & 255);
}

/** Hands [start, end) of `data` over as a fragment. */
function send(
  to: Reassembler,
  data: Uint8Array,
  start: number,
  end: number,
  more: boolean,
  { id = 1, now = 0, source = SOURCE, ttl = 64 } = {},
): Uint8Array | undefined {
  const bytes = new Uint8Array(20 + end - start);
  writeIpv4Fragment(bytes, 0, source, DESTINATION, UDP, end - start, id, ttl, start, more);
  bytes.set(data.subarray(start, end), 20);
  const header = new Ipv4Header();
  assertEquals(readIpv4(header, bytes, 0, bytes.length), undefined);
  return to.input(header, bytes, now);
}

function check(packet: Uint8Array | undefined, data: Uint8Array): void {
  assert(packet !== undefined);
  const header = new Ipv4Header();
  assertEquals(readIpv4(header, packet, 0, packet.length), undefined);
  assertEquals([header.source, header.destination, header.protocol], [SOURCE, DESTINATION, UDP]);
  assert(!header.isFragment);
  assertEquals(packet.slice(20), data);
}

once("reassembly: any cuts, in any order, with repetitions", () => {
  fc.assert(fc.property(
    fc.integer({ min: 9, max: 4000 }),
    fc.array(fc.integer({ min: 1, max: 499 }), { minLength: 1, maxLength: 12 }),
    fc.integer(),
    fc.array(fc.nat(20), { maxLength: 4 }),
    (length, cuts, order, again) => {
      const data = payload(length);
      const edges = [...new Set([0, ...cuts.map((c) => c * 8).filter((c) => c < length), length])].sort((
        a,
        b,
      ) => a - b);
      const pieces = edges.slice(1).map((end, i): [number, number] => [edges[i], end]);
      if (pieces.length === 1) return;
      let x = order | 1;
      const last = pieces.length - 1;
      const sequence = pieces.map((p) => ({ p, key: x = Math.imul(x, 1664525) + 1013904223 | 0 }))
        .sort((a, b) => a.key - b.key).map(({ p }) => p);
      const all = [...again.map((i) => sequence[Math.min(i, last - 1) % Math.max(1, last)]), ...sequence];
      const to = new Reassembler();
      let done: Uint8Array | undefined;
      for (const [start, end] of all) {
        assertEquals(done, undefined, "whole before its time");
        done = send(to, data, start, end, end < length);
      }
      check(done, data);
      assertEquals([to.bytes, to.size, to.counters.completed], [0, 0, 1]);
    },
  ));
});

once("reassembly: the longest datagram", () => {
  const data = payload(65515), to = new Reassembler();
  for (let at = 64000; at >= 0; at -= 8000) send(to, data, at, Math.min(at + 8000, 65515), at + 8000 < 65515);
  assertEquals(to.counters.completed, 1);
});

once("reassembly: datagrams are told apart by all four of their numbers", () => {
  const to = new Reassembler(), one = payload(32, 1), two = payload(32, 2), three = payload(32, 3);
  send(to, one, 0, 16, true, { id: 1 });
  send(to, two, 0, 16, true, { id: 2 });
  send(to, three, 0, 16, true, { id: 1, source: 0x0a000009 });
  check(send(to, two, 16, 32, false, { id: 2 }), two);
  check(send(to, one, 16, 32, false, { id: 1 }), one);
  assertEquals(to.size, 1);
});

once("reassembly: fragments that contradict each other cost the datagram", () => {
  const data = payload(200);
  const cases: [string, [number, number, boolean][]][] = [
    ["overlap from behind", [[0, 64, true], [56, 120, true]]],
    ["overlap in front", [[64, 128, true], [0, 72, true]]],
    ["around another", [[64, 72, true], [0, 128, true]]],
    ["two ends", [[8, 64, false], [64, 128, false]]],
    ["behind the end", [[64, 128, false], [128, 136, true]]],
    ["an end before what is there", [[64, 128, true], [0, 64, false]]],
  ];
  for (const [name, fragments] of cases) {
    const to = new Reassembler();
    for (const [start, end, more] of fragments) {
      assertEquals(send(to, data, start, end, more), undefined, name);
    }
    assertEquals([to.counters.inconsistent, to.size, to.bytes], [1, 0, 0], name);
  }
});

once("reassembly: the teardrop: a fragment inside another is one that came twice", () => {
  const to = new Reassembler(), data = payload(80);
  send(to, data, 0, 64, true);
  send(to, data, 8, 24, true);
  check(send(to, data, 64, 80, false), data);
});

once("reassembly: fragments that cannot be are dropped: not of 8 bytes, empty", () => {
  const to = new Reassembler(), data = payload(80);
  send(to, data, 0, 13, true);
  send(to, data, 16, 16, true);
  send(to, data, 16, 16, false);
  assertEquals([to.size, to.bytes], [0, 0]);
});

once("reassembly: time runs out, and the beginning is there for an ICMP message", () => {
  const to = new Reassembler({ datagrams: 4, bytes: 1 << 20, timeout: 30e9 }), data = payload(64);
  send(to, data, 0, 16, true, { id: 1, now: 5 });
  send(to, data, 16, 32, true, { id: 2, now: 6 });
  assertEquals(to.nextDeadline(), 30e9 + 5);
  const reports: Uint8Array[] = [];
  to.expire(30e9 + 4, (packet) => reports.push(packet));
  assertEquals(to.size, 2);
  to.expire(30e9 + 6, (packet) => reports.push(packet));
  assertEquals([to.size, to.bytes, to.counters.expired, reports.length], [0, 0, 2, 1]);
  assertEquals(reports[0].slice(20), data.slice(0, 16));
  assertEquals(to.nextDeadline(), undefined);
  // The rest comes too late: it begins anew.
  assertEquals(send(to, data, 16, 64, false, { id: 1, now: 31e9 }), undefined);
});

once("reassembly: the bounds hold, whatever comes", () => {
  const limits = { datagrams: 8, bytes: 100_000, timeout: 30e9 };
  const data = payload(65000);
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(20), fc.nat(8000), fc.integer({ min: 1, max: 180 }), fc.boolean()), {
      maxLength: 100,
    }),
    (fragments) => {
      const to = new Reassembler(limits);
      for (const [id, offset, length, more] of fragments) {
        const start = offset * 8, end = Math.min(65000, start + length * 8);
        if (start < end) send(to, data, start, end, more, { id });
        assert(to.size <= limits.datagrams && to.bytes <= limits.bytes);
      }
    },
  ));
  // Many tiny pieces with gaps between them are given up.
  const to = new Reassembler();
  for (let i = 0; i < 2000; i++) send(to, data, i * 16, i * 16 + 8, true);
  assert(to.counters.inconsistent > 0);
});
