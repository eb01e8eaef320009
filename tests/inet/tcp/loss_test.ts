import { assert, assertEquals } from "@std/assert";
import { once } from "../_support.ts";
import { MS, PEER_ISS, Script, SECOND, type Send } from "./_script.ts";

const NEXT = PEER_ISS + 1, MSS = 1460;

function ack(s: Script, bytes: number, more: Partial<Send> = {}): void {
  s.peer("A", { seq: NEXT, ack: s.iss + 1 + bytes, ...more });
}
function taken(s: Script): number[] {
  return s.sent.splice(0).map(({ seq }) => (seq - s.iss - 1 | 0) / MSS);
}
/** A connection with `count` full segments in flight, and a round trip of 20 ms measured. */
function flight(count: number, sackPermitted: boolean) {
  const s = new Script();
  const listener = s.tcp.listen({ address: 0, port: 80 })!;
  s.peer("S", { seq: PEER_ISS, mss: MSS, sackPermitted, scale: 4 });
  s.iss = s.expect("SA").seq;
  s.advance(20 * MS);
  ack(s, 0);
  const c = listener.accept()!;
  s.write(c, count * MSS);
  assertEquals(taken(s).length, count);
  s.advance(20 * MS);
  s.silence();
  return { s, c };
}
const blocks = (s: Script, ...pieces: [number, number][]) => ({
  sack: pieces.flatMap(([from, to]) => [s.iss + 1 + from * MSS >>> 0, s.iss + 1 + to * MSS >>> 0]),
});

once("loss: the timer: doubled each time, one segment first (RFC 6298, 5)", () => {
  const { s } = flight(5, false);
  s.sent.length = 0;
  const start = s.now - 20 * MS;
  s.advance(7 * SECOND);
  const times = s.sent.map(({ at }) => (at - start) / SECOND);
  assert(s.sent.every(({ seq }) => seq - s.iss - 1 === 0));
  // 200 ms is the least timeout; then 0.4, 0.8, ...
  assertEquals(times.map((t) => Math.round(t * 10) / 10), [0.2, 0.6, 1.4, 3, 6.2]);
});

once("loss: after the first measurement SRTT + 4 RTTVAR (RFC 6298, 2.2)", () => {
  const t = new Script();
  t.tcp.listen({ address: 0, port: 80 });
  t.peer("S", { seq: PEER_ISS, mss: 1460 });
  t.iss = t.expect("SA").seq;
  t.advance(400 * MS);
  t.peer("A", { seq: NEXT, ack: t.iss + 1 });
  const d = [...t.tcp.connections][0];
  t.write(d, 10);
  t.expect("A");
  // R = 400: SRTT 400, RTTVAR 200, RTO 1200.
  t.advance(1199 * MS);
  t.silence();
  t.advance(MS);
  t.expect("A", { seq: t.iss + 1 >>> 0 });
});

once("loss: the smoothed round trip by the numbers of RFC 6298", () => {
  const s = new Script({}, undefined, 0);
  s.tcp.listen({ address: 0, port: 80 });
  s.peer("S", { seq: PEER_ISS, mss: 1460 });
  s.iss = s.expect("SA").seq;
  s.advance(800 * MS);
  s.peer("A", { seq: NEXT, ack: s.iss + 1 });
  const c = [...s.tcp.connections][0];
  s.write(c, 10);
  s.expect("A");
  s.advance(400 * MS);
  ack(s, 10);
  // R' = 400: RTTVAR = 3/4 * 400 + 1/4 * |800 - 400| = 400; SRTT = 7/8 * 800 + 1/8 * 400 = 750; RTO = 2350.
  s.write(c, 10);
  s.expect("A");
  s.advance(2349 * MS);
  s.silence();
  s.advance(MS);
  s.expect("A");
});

once(
  "loss: where the SYN had to be repeated, data begins with one segment and waits three seconds (RFC 6298, 5.7)",
  () => {
    const s = new Script({ sack: false });
    const c = s.tcp.connect({ address: 0x0a000001, port: 80 }, { address: 0x0a000002, port: 4000 }, 0)!;
    s.advance(1100 * MS);
    assertEquals(s.sent.map(({ flags }) => flags), ["S", "S"]);
    s.iss = s.sent.splice(0)[0].seq;
    s.peer("SA", { seq: PEER_ISS, ack: s.iss + 1, mss: MSS });
    s.expect("A");
    s.write(c, 5 * MSS);
    assertEquals(taken(s), [0]);
    s.advance(2999 * MS);
    s.silence();
    s.advance(MS);
    assertEquals(taken(s), [0]);
  },
);

once("loss: a repeated segment gives no measurement (Karn)", () => {
  const { s, c } = flight(1, false);
  s.advance(180 * MS);
  assertEquals(taken(s), [0]);
  s.advance(5000 * MS);
  s.sent.length = 0;
  ack(s, MSS);
  s.write(c, MSS);
  taken(s);
  // Had 5 s been measured, it would wait for more than that.
  s.advance(201 * MS);
  assertEquals(taken(s), [1]);
});

once("loss: three duplicates: repeated at once (RFC 5681, 3.2), and each gap after it (RFC 6582)", () => {
  const { s, c } = flight(10, false);
  ack(s, 0);
  ack(s, 0);
  s.silence("two may be reordering");
  ack(s, 0);
  assertEquals(taken(s), [0]);
  for (let i = 0; i < 5; i++) ack(s, 0);
  assertEquals(taken(s), []);
  // Segment 4 is missing as well: an acknowledgment of a part.
  ack(s, 4 * MSS);
  assertEquals(taken(s), [4]);
  ack(s, 10 * MSS);
  assertEquals([c.unacknowledged, taken(s)], [0, []]);
  assertEquals([s.tcp.counters.recoveries, s.tcp.counters.timeouts], [1, 0]);
});

once("loss: what does not count as a duplicate: data with it, another window", () => {
  const { s } = flight(5, false);
  for (let i = 0; i < 5; i++) s.peer("A", { seq: NEXT + i * 100, ack: s.iss + 1, data: 100 });
  for (let i = 0; i < 5; i++) s.peer("A", { seq: NEXT + 500, ack: s.iss + 1, window: 60_000 - i });
  assertEquals(s.sent.filter(({ data }) => data.length > 0).length, 0);
});

once("loss: half as fast afterwards, and one segment after the timer (RFC 5681)", () => {
  const { s, c } = flight(10, true);
  for (let i = 2; i <= 10; i++) ack(s, 0, blocks(s, [1, i]));
  ack(s, 10 * MSS);
  assertEquals([c.unacknowledged, s.tcp.counters.recoveries], [0, 1]);
  taken(s);
  s.write(c, 100 * MSS);
  assertEquals(taken(s).length, 5);

  const { s: t, c: d } = flight(10, true);
  d.write(new Uint8Array(100 * MSS));
  t.advance(SECOND / 5);
  taken(t);
  t.advance(SECOND / 5);
  assert(t.tcp.counters.timeouts > 0);
  taken(t);
  ack(t, MSS);
  assertEquals(taken(t).length, 2, "slow start");
});

once("loss: with SACK only what is missing is repeated", () => {
  const { s } = flight(10, true);
  ack(s, MSS, blocks(s, [2, 3]));
  ack(s, MSS, blocks(s, [2, 4]));
  ack(s, MSS, blocks(s, [5, 6], [2, 4]));
  assert(taken(s).includes(1));
  ack(s, MSS, blocks(s, [5, 8], [2, 4]));
  ack(s, MSS, blocks(s, [5, 10], [2, 4]));
  ack(s, MSS, blocks(s, [5, 10], [2, 4]));
  s.advance(10 * MS);
  assertEquals(taken(s).filter((n) => n < 10), [4]);
  ack(s, 10 * MSS);
  s.advance(10 * SECOND);
  assertEquals(taken(s), []);
  assertEquals(s.tcp.counters.retransmitted, 2);
});

once("loss: a little reordering is no loss (RFC 8985)", () => {
  const { s } = flight(4, true);
  // Segment 0 is overtaken by one; the rest of its time is a quarter of the least round trip.
  ack(s, 0, blocks(s, [1, 2]));
  s.advance(4 * MS);
  s.silence();
  ack(s, 4 * MSS);
  s.advance(SECOND);
  s.silence();
  assertEquals(s.tcp.counters.retransmitted, 0);
  const { s: t } = flight(4, true);
  ack(t, 0, blocks(t, [1, 2]));
  t.advance(6 * MS);
  assertEquals(taken(t), [0], "but later than that it is");
});

once("loss: a repetition that gets lost is repeated without the timer (RFC 8985)", () => {
  const { s, c } = flight(6, true);
  c.write(new Uint8Array(20 * MSS));
  s.tcp.poll(s.now);
  s.sent.length = 0;
  ack(s, 0, blocks(s, [1, 5]));
  assert(taken(s).includes(0));
  s.advance(20 * MS);
  // Everything arrives but the repetition of 0, also what was sent after it.
  ack(s, 0, blocks(s, [1, 7]));
  s.advance(20 * MS);
  ack(s, 0, blocks(s, [1, 9]));
  s.advance(10 * MS);
  assert(taken(s).includes(0));
  assertEquals(s.tcp.counters.timeouts, 0);
});

once("loss: the end of a flight is probed after two round trips (RFC 8985, 7)", () => {
  const { s, c } = flight(3, true);
  ack(s, MSS);
  s.advance(100 * MS);
  assertEquals(taken(s), [2], "the last one again");
  assertEquals([s.tcp.counters.tailProbes, s.tcp.counters.timeouts], [1, 0]);
  // The probe has arrived, segment 1 has not: no timer needed.
  ack(s, MSS, blocks(s, [2, 3]));
  s.advance(30 * MS);
  assertEquals(taken(s), [1]);
  ack(s, 3 * MSS);
  assertEquals([c.unacknowledged, s.tcp.counters.timeouts], [0, 0]);
});

once("loss: a probe sends new data, if there is any", () => {
  const s = new Script();
  const { c } = s.accept({ scale: 4 });
  s.write(c, 10);
  s.advance(20 * MS);
  ack(s, 10);
  s.sent.length = 0;
  s.iss += 10;
  s.write(c, 30 * MSS);
  const first = taken(s).length;
  s.advance(100 * MS);
  assertEquals(taken(s), [first]);
});

once("loss: blocks that make no sense change nothing", () => {
  for (
    const [start, end] of [
      [2 * MSS, MSS],
      [-5000, 5 * MSS],
      [MSS, 500_000],
      [MSS, MSS],
      [0x80000000, 0x80000100],
      [MSS, 0x80000000],
    ]
  ) {
    const { s, c } = flight(5, true);
    const at = s.iss + 1;
    ack(s, 0, { sack: [at + start >>> 0, at + end >>> 0] });
    s.advance(10 * MS);
    s.silence(`${start} to ${end}`);
    // The first is still missing, and is found to be so.
    ack(s, 0, blocks(s, [1, 4]));
    assertEquals(taken(s)[0], 0, `${start} to ${end}`);
    ack(s, 5 * MSS);
    assertEquals(c.unacknowledged, 0);
  }
});

once("loss: what came twice was only late: next time it gets longer (RFC 8985, 6.2; RFC 2883)", () => {
  const { s, c } = flight(4, true);
  ack(s, 0, blocks(s, [1, 2]));
  s.advance(6 * MS);
  assertEquals(taken(s), [0], "5 ms are a quarter of the least round trip");
  ack(s, 4 * MSS);
  s.advance(MS);
  ack(s, 4 * MSS, blocks(s, [0, 1]));
  s.write(c, 2 * MSS);
  taken(s);
  s.advance(20 * MS);
  ack(s, 4 * MSS, blocks(s, [5, 6]));
  s.advance(9 * MS);
  s.silence();
  s.advance(2 * MS);
  assertEquals(taken(s), [4], "but not for ever");
});

once(
  "loss: an answer too soon for the repetition is one to the original, and says nothing of the others",
  () => {
    const { s, c } = flight(6, true);
    ack(s, 0, blocks(s, [1, 2]));
    s.advance(6 * MS);
    assertEquals(taken(s), [0]);
    s.advance(MS);
    ack(s, 2 * MSS);
    s.advance(MS);
    assertEquals(taken(s), []);
    ack(s, 6 * MSS);
    assertEquals([c.unacknowledged, s.tcp.counters.retransmitted], [0, 1]);
  },
);

once("loss: a peer that throws away what it had (RFC 2018, 8) gets everything again by the timer", () => {
  const { s, c } = flight(5, true);
  ack(s, 0, blocks(s, [1, 5]));
  s.advance(10 * MS);
  taken(s);
  // It acknowledges the first and has forgotten the rest.
  ack(s, MSS);
  const again = new Set<number>();
  for (let i = 0; i < 10; i++) {
    s.advance(SECOND);
    for (const n of taken(s)) again.add(n);
    const got = [1, 2, 3, 4].find((n) => !again.has(n)) ?? 5;
    ack(s, got * MSS);
  }
  assertEquals([...again].sort(), [1, 2, 3, 4]);
  assertEquals(c.unacknowledged, 0);
});
