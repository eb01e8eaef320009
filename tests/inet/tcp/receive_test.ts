import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { TcpConnection } from "../../../inet/tcp/mod.ts";
import { once } from "../_support.ts";
import { MS, PEER_ISS, Script, SECOND, stream } from "./_script.ts";

const NEXT = PEER_ISS + 1;

function send(s: Script, seq: number, data: number, flags = "A"): void {
  s.peer(flags, { seq, ack: s.iss + 1, data });
}

once("receive: any pieces of a stream, overlapping, repeated, in any order, across the wrap", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(3000), fc.integer({ min: 1, max: 900 })), { maxLength: 40 }),
      fc.constantFrom(PEER_ISS, 0xffffffff - 5, 0xffffffff - 1500, 0x7fffffff - 700),
      fc.boolean(),
      (pieces, iss, sackPermitted) => {
        const s = new Script();
        const { c } = s.accept({ seq: iss, sackPermitted });
        for (const [at, length] of pieces) send(s, iss + 1 + at, length);
        for (let at = 0; at < 4000; at += 1000) send(s, iss + 1 + at, 1000);
        assertEquals(Script.read(c), stream(iss + 1 >>> 0, 4000));
        s.advance(40 * MS);
        assertEquals(s.sent.at(-1)?.ack, iss + 4001 >>> 0);
      },
    ),
    { numRuns: 200 },
  );
});

once("receive: a stream cut into pieces, each delivered once, some twice: whole without a repetition", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 1999 }), { maxLength: 25 }),
      fc.constantFrom(PEER_ISS, 0xffffffff - 5, 0xffffffff - 1000, 0x7fffffff - 700),
      fc.infiniteStream(fc.nat(1000)),
      (cuts, iss, order) => {
        const s = new Script();
        const { c } = s.accept({ seq: iss });
        const edges = [...new Set([0, ...cuts, 2000])].sort((a, b) => a - b);
        const pieces = edges.slice(1).map((end, i) => ({ at: edges[i], end, key: order.next().value }));
        // Some pieces reach into the next one.
        for (const piece of pieces) if (piece.key % 3 === 0) piece.end = Math.min(2000, piece.end + 50);
        for (const { at, end } of pieces.sort((a, b) => a.key - b.key)) send(s, iss + 1 + at, end - at);
        assertEquals(Script.read(c), stream(iss + 1 >>> 0, 2000));
        // What SACK tells of lies apart; but for a first block that is a report of what came twice.
        for (const { sack, ack } of s.sent) {
          const blocks: [number, number][] = [];
          for (let i = 0; i < sack.length; i += 2) blocks.push([sack[i] - ack | 0, sack[i + 1] - ack | 0]);
          const [first, second] = blocks;
          const twice = first !== undefined &&
            (first[1] <= 0 || second !== undefined && second[0] <= first[0] && first[1] <= second[1]);
          const ahead = blocks.slice(twice ? 1 : 0).sort(([a], [b]) => a - b);
          for (const [i, [start, end]] of ahead.entries()) {
            assert(start < end && start > (i === 0 ? 0 : ahead[i - 1][1]), `${blocks}`);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

once("receive: an acknowledgment for every second full segment, or after 40 ms", () => {
  const s = new Script();
  s.accept();
  send(s, NEXT, 1460);
  s.silence();
  send(s, NEXT + 1460, 1460);
  s.expect("A", { ack: NEXT + 2920 });
  send(s, NEXT + 2920, 100);
  s.advance(40 * MS - 1);
  s.silence();
  s.advance(1);
  s.expect("A", { ack: NEXT + 3020 });
  s.advance(SECOND);
  s.silence();
});

once("receive: our own data carries the acknowledgment", () => {
  const s = new Script();
  const { c } = s.accept();
  send(s, NEXT, 100);
  s.write(c, 10);
  s.expect("A", { ack: NEXT + 100, length: 10 });
  s.advance(100 * MS);
  assertEquals(s.sent.filter(({ data }) => data.length === 0).length, 0);
});

once("receive: what is ahead is acknowledged at once, and so is what fills the gap", () => {
  const s = new Script();
  const { c } = s.accept();
  send(s, NEXT + 1000, 500);
  s.expect("A", { ack: NEXT, sack: [NEXT + 1000, NEXT + 1500] });
  send(s, NEXT + 3000, 500);
  s.expect("A", { ack: NEXT, sack: [NEXT + 3000, NEXT + 3500, NEXT + 1000, NEXT + 1500] });
  send(s, NEXT + 1500, 100);
  s.expect("A", { sack: [NEXT + 1000, NEXT + 1600, NEXT + 3000, NEXT + 3500] });
  assertEquals(c.readable, 0);
  send(s, NEXT, 1000);
  s.expect("A", { ack: NEXT + 1600, sack: [NEXT + 3000, NEXT + 3500] });
  assertEquals(c.readable, 1600);
  send(s, NEXT + 1600, 1400);
  s.expect("A", { ack: NEXT + 3500, sack: [] });
});

once(
  "receive: the last piece that changed is the first block, and there are four at most (RFC 2018, 4)",
  () => {
    const s = new Script();
    s.accept();
    for (let i = 1; i <= 6; i++) send(s, NEXT + i * 1000, 10);
    const { sack } = s.sent.at(-1)!;
    assertEquals(sack, [6, 5, 4, 3].flatMap((i) => [NEXT + i * 1000, NEXT + i * 1000 + 10]));
  },
);

once("receive: what comes twice is reported (RFC 2883, 4)", () => {
  const s = new Script();
  s.accept();
  send(s, NEXT, 500);
  send(s, NEXT, 500);
  s.expect("A", { ack: NEXT + 500, sack: [NEXT, NEXT + 500] });
  send(s, NEXT + 1000, 500);
  s.expect("A", { sack: [NEXT + 1000, NEXT + 1500] });
  send(s, NEXT + 1000, 500);
  s.expect("A", { sack: [NEXT + 1000, NEXT + 1500, NEXT + 1000, NEXT + 1500] });
  s.advance(SECOND);
  s.sent.length = 0;
  send(s, NEXT + 2000, 500);
  s.expect("A", { sack: [NEXT + 2000, NEXT + 2500, NEXT + 1000, NEXT + 1500] });
});

once("receive: no SACK for a peer that does not know it", () => {
  const s = new Script();
  s.accept({ sackPermitted: false });
  send(s, NEXT + 1000, 500);
  s.expect("A", { ack: NEXT, sack: [] });
});

once("receive: data beyond the window is cut off", () => {
  const s = new Script({ receiveBuffer: 1000 });
  const { c } = s.accept();
  send(s, NEXT + 600, 800);
  s.expect("A", { ack: NEXT, sack: [NEXT + 600, NEXT + 1000] });
  send(s, NEXT + 1000, 100);
  s.expect("A", { ack: NEXT });
  send(s, NEXT, 600);
  s.expect("A", { ack: NEXT + 1000, window: 0 });
  assertEquals(Script.read(c), stream(NEXT, 1000));
});

once("receive: the window shuts, probes are answered, and reading opens it", () => {
  const s = new Script({ receiveBuffer: 3000 });
  const { c } = s.accept();
  send(s, NEXT, 1460);
  send(s, NEXT + 1460, 1460);
  s.expect("A", { ack: NEXT + 2920, window: 80 });
  send(s, NEXT + 2920, 80);
  s.advance(SECOND);
  s.expect("A", { ack: NEXT + 3000, window: 0 });
  send(s, NEXT + 3000, 1);
  s.expect("A", { ack: NEXT + 3000, window: 0 });
  assertEquals(c.readable, 3000);
  const few = new Uint8Array(100);
  c.read(few);
  s.tcp.poll(s.now);
  s.silence("no silly window (RFC 9293, 3.8.6.2.2)");
  send(s, NEXT + 3000, 1);
  s.expect("A", { window: 0 });
  c.read(new Uint8Array(1400));
  s.tcp.poll(s.now);
  s.expect("A", { ack: NEXT + 3000, window: 1500 });
});

once("receive: the right edge of the window never moves back", () => {
  const s = new Script({ receiveBuffer: 10_000 });
  s.accept();
  let edge = 0;
  for (let i = 0; i < 20; i++) {
    send(s, NEXT + i * 700, 700);
    for (const { ack, window } of s.sent.splice(0)) {
      assert(ack + window >= edge);
      edge = ack + window;
    }
  }
});

once("receive: acknowledgments that come with a shut window are heard", () => {
  const s = new Script({ receiveBuffer: 1000 });
  const { c } = s.accept();
  send(s, NEXT, 1000);
  s.advance(SECOND);
  s.expect("A", { window: 0 });
  s.write(c, 100);
  s.expect("A", { length: 100 });
  // A probe of our window of one byte, that acknowledges our data.
  s.peer("A", { seq: NEXT + 1000, ack: s.iss + 101, data: 1 });
  assertEquals(c.unacknowledged, 0);
});

once("receive: a FIN is taken though the window is shut", () => {
  const s = new Script({ receiveBuffer: 1000 });
  const { c } = s.accept();
  send(s, NEXT, 1000);
  s.peer("FA", { seq: NEXT + 1000, ack: s.iss + 1 });
  assertEquals(c.state, "CLOSE-WAIT");
  s.expect("A", { ack: NEXT + 1001 });
});

once("receive: urgent data is data like any other (RFC 9293, 3.8.5 leaves it to old applications)", () => {
  const s = new Script();
  const { c } = s.accept();
  send(s, NEXT, 20, "UA");
  assertEquals(Script.read(c), stream(NEXT, 20));
});

once("receive: a segment without ACK is dropped", () => {
  const s = new Script();
  const { c } = s.accept();
  s.peer("", { seq: NEXT, data: 10 });
  s.peer("F", { seq: NEXT });
  assertEquals([c.readable, c.state], [0, "ESTABLISHED"]);
  s.silence();
});

once("receive: a wrong checksum, a header that cannot be", () => {
  const s = new Script();
  const { c } = s.accept();
  const bytes = Script.build("A", { seq: NEXT, ack: s.iss + 1, data: 11 });
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const bad = bytes.slice();
    bad[bit >> 3] ^= 1 << (bit & 7);
    s.tcp.input(0x0a000002, 0x0a000001, bad, 0, bad.length, s.now);
  }
  s.tcp.input(0x0a000002, 0x0a000001, bytes, 0, 19, s.now);
  s.tcp.poll(s.now);
  assertEquals([c.readable, c.state], [0, "ESTABLISHED"]);
  s.silence();
  // The header's length is looked at before the checksum.
  const { badChecksum, malformed } = s.tcp.counters;
  assertEquals(badChecksum + malformed, bytes.length * 8 + 1);
  s.tcp.input(0x0a000002, 0x0a000001, bytes, 0, bytes.length, s.now);
  assertEquals(c.readable, 11);
});

once("receive: memory that is used up costs the peer a repetition, not us our memory", () => {
  const s = new Script({ memory: 8192, receiveBuffer: 65535 });
  const listener = s.tcp.listen({ address: 0, port: 80 })!;
  const all: TcpConnection[] = [];
  for (let i = 0; i < 10; i++) {
    const to = { sourcePort: 5000 + i };
    s.peer("S", { seq: 0, mss: 1460, ...to });
    const { seq } = s.sent.pop()!;
    s.peer("A", { seq: 1, ack: seq + 1, ...to });
    all.push(listener.accept()!);
    for (let at = 0; at < 40_000; at += 1000) s.peer("A", { seq: 1 + at, ack: seq + 1, data: 1000, ...to });
  }
  // 4 KiB each, and 8 KiB for all together.
  assert(s.tcp.memory <= 10 * 4096 + 8192, `${s.tcp.memory}`);
  assert(s.tcp.counters.noMemory > 0);
  for (const c of all) {
    const length = c.readable;
    assert(length >= 4096);
    assertEquals(Script.read(c), stream(1, length));
  }
  assertEquals(s.tcp.memory, 0);
});

once("receive: pieces that never fit together are bounded", () => {
  const s = new Script({ receiveBuffer: 1 << 20 });
  const { c } = s.accept();
  for (let i = 1; i < 5000; i++) send(s, NEXT + i * 3, 1);
  assert(s.tcp.counters.noMemory > 4000, "dropped");
  s.sent.length = 0;
  for (let at = 0; at < 15_000; at += 1000) send(s, NEXT + at, 1000);
  assertEquals(Script.read(c), stream(NEXT, 15_000));
});

once("receive: the user who keeps up gets a larger window", () => {
  const s = new Script({ receiveBuffer: 1 << 20 });
  const { c } = s.accept();
  const first = 65535;
  let seq = NEXT, widest = 0;
  for (let i = 0; i < 3000; i++, seq += 1460) {
    send(s, seq, 1460);
    Script.read(c);
    s.tcp.poll(s.now);
    for (const { ack, window } of s.sent.splice(0)) widest = Math.max(widest, ack + (window << 5) - seq);
  }
  assert(widest > 4 * first, `${widest}`);
  // And one who does not read keeps the first one.
  const t = new Script({ receiveBuffer: 1 << 20 });
  t.accept();
  seq = NEXT;
  for (let i = 0; i < 100; i++, seq += 1460) send(t, seq, 1460);
  assert(t.sent.every(({ ack, window }) => ack - NEXT + (window << 5) <= first));
});

once(
  "receive: an acknowledgment from the right edge of the window counts, though something before it is missing",
  () => {
    const s = new Script({ receiveBuffer: 2000 });
    const { c } = s.accept();
    s.write(c, 100);
    s.expect("A", { length: 100 });
    send(s, NEXT + 1000, 1000);
    s.peer("A", { seq: NEXT + 2000, ack: s.iss + 101 });
    assertEquals(c.unacknowledged, 0);
  },
);

once("receive: what was offered stays offered, though scaled windows are rounded down", () => {
  const s = new Script({ receiveBuffer: 1 << 20 });
  const { c } = s.accept();
  send(s, NEXT, 1);
  s.advance(40 * MS);
  const { ack, window } = s.expect("A");
  assert(ack + (window << 5) < NEXT + 65535, "rounded");
  for (let at = 1; at < 65535; at += 1000) send(s, NEXT + at, Math.min(1000, 65535 - at));
  assertEquals(c.readable, 65535);
});

once("receive: an older segment that comes late does not bring its window back (SND.WL1, SND.WL2)", () => {
  const s = new Script();
  const { c } = s.accept();
  s.peer("A", { seq: NEXT + 100, ack: s.iss + 1, data: 100, window: 3000 });
  s.peer("A", { seq: NEXT, ack: s.iss + 1, data: 100, window: 60_000 });
  s.sent.length = 0;
  s.write(c, 10_000);
  assertEquals(s.sent.reduce((sum, { data }) => sum + data.length, 0), 2920);
});

once("receive: segments with SACK blocks carry so much less", () => {
  const s = new Script();
  const { c } = s.accept();
  for (const at of [1000, 2000, 3000]) send(s, NEXT + at, 10);
  s.sent.length = 0;
  s.write(c, 5000);
  const segments = s.sent.splice(0);
  assertEquals(segments[0].sack.length, 6);
  assert(
    segments.every(({ data, sack }) => data.length + (sack.length === 0 ? 0 : 4 + sack.length * 4) <= 1460),
  );
  assertEquals(segments[0].data.length, 1460 - 28);
});
