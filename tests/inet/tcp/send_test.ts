import { assert, assertEquals } from "@std/assert";
import { once } from "../_support.ts";
import { MS, PEER_ISS, Script, SECOND, type Send } from "./_script.ts";

const NEXT = PEER_ISS + 1;

/** The peer acknowledges `bytes` of our data. */
function ack(s: Script, bytes: number, more: Partial<Send> = {}): void {
  s.peer("A", { seq: NEXT, ack: s.iss + 1 + bytes, ...more });
}
/** What was sent: position in our stream and length of each. */
function taken(s: Script): [number, number][] {
  return s.sent.splice(0).map(({ seq, data }) => [seq - s.iss - 1 | 0, data.length]);
}

once("send: ten segments at first (RFC 6928), then two for each that is acknowledged", () => {
  const s = new Script();
  const { c } = s.accept({ scale: 4, window: 65535 });
  c.write(new Uint8Array(200_000));
  s.tcp.poll(s.now);
  assertEquals(taken(s), Array.from({ length: 10 }, (_, i) => [i * 1460, 1460]));
  s.advance(MS);
  ack(s, 2920);
  assertEquals(taken(s).length, 4);
  ack(s, 5840);
  assertEquals(taken(s).length, 4);
  ack(s, 5840 + 4 * 1460);
  assertEquals(taken(s).length, 6, "two more for an acknowledgment of whatever length (RFC 3465)");
});

once("send: the first window for small and for large segments (RFC 6928, 2)", () => {
  for (const [mss, segments] of [[536, 10], [1460, 10], [2000, 7], [8960, 2]]) {
    const s = new Script();
    s.mtu = 9000;
    const { c } = s.accept({ mss, scale: 4, window: 65535 });
    c.write(new Uint8Array(100_000));
    s.tcp.poll(s.now);
    assertEquals(taken(s).length, segments, `MSS ${mss}`);
  }
});

once("send: small writes wait for each other (Nagle), unless told otherwise", () => {
  const s = new Script();
  const { c } = s.accept();
  s.write(c, 10);
  s.write(c, 11);
  s.write(c, 12);
  assertEquals(taken(s), [[0, 10]]);
  s.write(c, 1460);
  assertEquals(taken(s), [[10, 1460]], "a full segment need not wait");
  ack(s, 1470);
  assertEquals(taken(s), [[1470, 23]]);
  c.setNoDelay(true);
  s.write(c, 5);
  assertEquals(taken(s), [[1493, 5]]);
  s.write(c, 6);
  assertEquals(taken(s), [[1498, 6]]);
  ack(s, 1504);
  s.write(c, 3000);
  assertEquals(taken(s), [[1504, 1460], [2964, 1460], [4424, 80]]);
});

once("send: the end of a large write does not wait for its own beginning (Minshall)", () => {
  const s = new Script();
  const { c } = s.accept();
  s.write(c, 4000);
  assertEquals(taken(s), [[0, 1460], [1460, 1460], [2920, 1080]]);
  s.write(c, 10);
  assertEquals(taken(s), []);
});

once("send: writes before a poll go together", () => {
  const s = new Script();
  const { c } = s.accept();
  for (let i = 0; i < 10; i++) c.write(new Uint8Array(100));
  s.tcp.poll(s.now);
  assertEquals(taken(s), [[0, 1000]]);
});

once("send: no more than the peer's window; no silly pieces of it (RFC 9293, 3.8.6.2.1)", () => {
  const s = new Script();
  const { c } = s.accept({ window: 4000 });
  s.write(c, 10_000);
  assertEquals(taken(s), [[0, 1460], [1460, 1460]], "1080 is less than the half of the largest window");
  ack(s, 1460, { window: 3000 });
  assertEquals(taken(s), [[2920, 1460]]);
  ack(s, 4380, { window: 2100 });
  assertEquals(taken(s), [[4380, 1460]]);
});

once("send: a shut window is probed, ever more seldom, with one byte; and opened again", () => {
  const s = new Script();
  const { c } = s.accept({ window: 1460 });
  s.write(c, 5000);
  assertEquals(taken(s), [[0, 1460]]);
  s.advance(10 * MS);
  ack(s, 1460, { window: 0 });
  s.silence();
  const start = s.now;
  const times: number[] = [];
  for (let i = 0; i < 12; i++) {
    for (let step = 0; s.sent.length === 0; step++) {
      assert(step < 1000, "no probe");
      s.advance(100 * MS);
    }
    const { at, seq, data } = s.sent.shift()!;
    s.silence();
    times.push((at - start) / SECOND);
    assertEquals([seq - s.iss - 1 | 0, data.length], [1460, 1]);
    // The probe is answered, the window stays shut: for as long as the peer likes (RFC 9293, 3.8.6.1).
    ack(s, 1460, { window: 0 });
  }
  const gaps = times.map((t, i) => t - (times[i - 1] ?? 0));
  assert(gaps.every((gap, i) => i === 0 || gap >= gaps[i - 1] - 1e-6), `${gaps}`);
  assert(Math.abs(gaps.at(-1)! - 60) < 1e-6, `${gaps}`);
  assertEquals(c.state, "ESTABLISHED");
  ack(s, 1460, { window: 10_000 });
  assertEquals(taken(s).reduce((sum, [, length]) => sum + length, 0), 3540);
});

once("send: the window was opened and the news got lost: the probe finds out", () => {
  const s = new Script();
  const { c } = s.accept({ window: 1460 });
  s.write(c, 3000);
  taken(s);
  ack(s, 1460, { window: 0 });
  s.advance(5 * SECOND);
  const probes = taken(s);
  assert(probes.length >= 1);
  // The peer has room by now and takes the byte.
  ack(s, 1461, { window: 65535 });
  assertEquals(taken(s), [[1461, 1460], [2921, 79]]);
});

once("send: a window that shrinks does not stop what must be repeated, nor the connection", () => {
  const s = new Script();
  const { c } = s.accept({ window: 20_000 });
  s.write(c, 10_000);
  assertEquals(taken(s).length, 7);
  ack(s, 1460, { window: 100 });
  s.silence();
  s.advance(2 * SECOND);
  assert(taken(s).every(([at]) => at === 1460), "only the first");
  ack(s, 10_000, { window: 20_000 });
  assertEquals(c.unacknowledged, 0);
});

once("send: the numbers wrap", () => {
  // The clock that initial numbers follow is turned so far that ours is just before the wrap.
  const probe = new Script();
  probe.accept();
  const wanted = 0xffffffff - 2000;
  const steps = (wanted - probe.iss) >>> 0;
  const s = new Script({}, undefined, steps * 4000);
  const { c } = s.accept();
  assertEquals(s.iss, wanted);
  for (let sent = 0; sent < 20_000; sent += 1000) {
    s.write(c, 1000);
    const segments = taken(s);
    assertEquals(segments, [[sent, 1000]]);
    s.advance(MS);
    ack(s, sent + 1000);
  }
  assertEquals([c.unacknowledged, s.tcp.counters.retransmitted], [0, 0]);
  c.close();
  s.tcp.poll(s.now);
  s.expect("FA", { seq: wanted + 20_001 >>> 0 });
});

once("send: the buffer has an end; acknowledgments make room and tell", () => {
  const s = new Script({ sendBuffer: 5000 });
  const { c } = s.accept({ window: 2000 });
  let told = 0;
  c.onChange = () => told++;
  assertEquals([c.writable, c.write(new Uint8Array(8000)), c.writable, c.write(new Uint8Array(1))], [
    5000,
    5000,
    0,
    0,
  ]);
  s.tcp.poll(s.now);
  assertEquals(told, 0);
  ack(s, 1460);
  assertEquals([c.writable, told], [1460, 1]);
});

once("send: PMTU: smaller segments when a router says so (RFC 1191)", () => {
  const s = new Script();
  const { c } = s.accept();
  s.write(c, 4000);
  const first = s.sent.splice(0);
  const quote = new Uint8Array(8);
  const view = new DataView(quote.buffer);
  view.setUint16(0, 80);
  view.setUint16(2, 4000);
  const say = (seq: number, mtu: number) => {
    view.setUint32(4, seq >>> 0);
    s.tcp.unreachable(0x0a000001, 0x0a000002, quote, 0, 8, "fragmentation", s.now, mtu);
    s.tcp.poll(s.now);
  };
  say(first[0].seq - 1000, 1000);
  say(first[0].seq + 10_000, 1000);
  say(first[0].seq, 100);
  s.silence("not about something in flight, or absurd");
  say(first[0].seq, 1000);
  // A peer that acknowledges what it gets, and lets nothing too large through.
  let got = 0;
  for (let i = 0; i < 20 && got < 4000; i++) {
    for (const [at, length] of taken(s)) {
      assert(length <= 960);
      if (at <= got) got = Math.max(got, at + length);
    }
    s.advance(MS);
    ack(s, got);
  }
  assertEquals([got, c.unacknowledged, s.tcp.counters.timeouts], [4000, 0, 0]);
  const { recoveries } = s.tcp.counters;
  s.write(c, 2000);
  assertEquals(taken(s)[0], [4000, 960]);
  ack(s, 6000);
  assertEquals(s.tcp.counters.recoveries, recoveries, "nothing is thought lost any more");
});

once("send: ICMP unreachable ends an attempt, but nothing that is open (RFC 9293, 3.9.2.2)", () => {
  const s = new Script();
  const quote = (seq: number) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint32(0, 80 << 16 | 4000);
    new DataView(bytes.buffer).setUint32(4, seq >>> 0);
    return bytes;
  };
  const c = s.tcp.connect({ address: 0x0a000001, port: 80 }, { address: 0x0a000002, port: 4000 }, 0)!;
  s.tcp.poll(0);
  const { seq } = s.expect("S");
  const say = (at: number, kind: "host" | "port") =>
    s.tcp.unreachable(0x0a000001, 0x0a000002, quote(at), 0, 8, kind, s.now);
  say(seq + 1, "host");
  s.tcp.unreachable(0x0a000001, 0x0a000002, quote(seq), 0, 7, "host", s.now);
  assertEquals(c.state, "SYN-SENT");
  say(seq, "host");
  assertEquals([c.state, c.error], ["CLOSED", "unreachable"]);

  const { c: open } = s.accept();
  s.write(open, 10);
  say(s.expect("A").seq, "port");
  assertEquals(open.state, "ESTABLISHED");
});
