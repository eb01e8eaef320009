import { assert, assertEquals } from "@std/assert";
import { once } from "../_support.ts";
import { Link, PERFECT, random } from "./_link.ts";
import { MS, PEER_ISS, PEER_PORT, Script, SECOND, stream } from "./_script.ts";

const PEER_NEXT = PEER_ISS + 1;

once(
  "close: by us first: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT for 2 MSL, CLOSED (RFC 9293, 3.6, figure 12)",
  () => {
    const s = new Script();
    const { c } = s.accept();
    c.close();
    s.tcp.poll(s.now);
    const { seq } = s.expect("FA");
    assertEquals(c.state, "FIN-WAIT-1");
    s.peer("A", { seq: PEER_NEXT, ack: seq + 1 });
    assertEquals(c.state, "FIN-WAIT-2");
    s.peer("FA", { seq: PEER_NEXT, ack: seq + 1 });
    assertEquals(c.state, "TIME-WAIT");
    s.expect("A", { seq: seq + 1 >>> 0, ack: PEER_NEXT + 1 });
    s.advance(60 * SECOND - 1);
    assertEquals(c.state, "TIME-WAIT");
    s.advance(1);
    assertEquals([c.state, c.error], ["CLOSED", undefined]);
    assertEquals([s.tcp.nextDeadline(), [...s.tcp.connections].length], [undefined, 0]);
  },
);

once("close: by the peer first: CLOSE-WAIT, LAST-ACK, CLOSED", () => {
  const s = new Script();
  const { c } = s.accept();
  s.peer("FA", { seq: PEER_NEXT, ack: s.iss + 1 });
  s.expect("A", { ack: PEER_NEXT + 1 });
  assertEquals([c.state, c.ended], ["CLOSE-WAIT", true]);
  c.close();
  s.tcp.poll(s.now);
  const { seq } = s.expect("FA", { ack: PEER_NEXT + 1 });
  assertEquals(c.state, "LAST-ACK");
  s.peer("A", { seq: PEER_NEXT + 1, ack: seq + 1 });
  assertEquals([c.state, c.error], ["CLOSED", undefined]);
});

once("close: FIN and its acknowledgment in one segment go from FIN-WAIT-1 to TIME-WAIT", () => {
  const s = new Script();
  const { c } = s.accept();
  c.close();
  s.tcp.poll(s.now);
  const { seq } = s.expect("FA");
  s.peer("FA", { seq: PEER_NEXT, ack: seq + 1 });
  assertEquals(c.state, "TIME-WAIT");
  s.expect("A");
});

once("close: both at once: CLOSING, then TIME-WAIT (RFC 9293, 3.6, figure 13)", () => {
  const s = new Script();
  const { c } = s.accept();
  c.close();
  s.tcp.poll(s.now);
  const { seq } = s.expect("FA");
  s.peer("FA", { seq: PEER_NEXT, ack: seq });
  assertEquals(c.state, "CLOSING");
  s.expect("A", { seq: seq + 1 >>> 0, ack: PEER_NEXT + 1 });
  s.peer("A", { seq: PEER_NEXT + 1, ack: seq + 1 });
  assertEquals(c.state, "TIME-WAIT");

  const link = new Link(PERFECT, random(4));
  const { a, b } = link.open();
  a.close();
  b.close();
  const seen = new Set<string>();
  assert(link.run(() => {
    seen.add(a.state).add(b.state);
    return a.state === "CLOSED" && b.state === "CLOSED";
  }, 200e9));
  assert(seen.has("CLOSING") && seen.has("TIME-WAIT"));
  assertEquals([a.error, b.error], [undefined, undefined]);
});

once("close: half: we have said all, and go on listening", () => {
  const s = new Script();
  const { c } = s.accept();
  assertEquals(c.write(new Uint8Array(10)), 10);
  c.shutdownWrite();
  assertEquals([c.write(new Uint8Array(1)), c.writable], [0, 0]);
  s.tcp.poll(s.now);
  const { seq } = s.expect("FA", { length: 10 });
  s.peer("A", { seq: PEER_NEXT, ack: seq + 11 });
  assertEquals(c.state, "FIN-WAIT-2");
  s.advance(1000 * SECOND);
  assertEquals(c.state, "FIN-WAIT-2", "for as long as the peer likes");
  s.peer("A", { seq: PEER_NEXT, ack: seq + 11, data: 100 });
  assertEquals(Script.read(c), stream(PEER_NEXT, 100));
  s.peer("FA", { seq: PEER_NEXT + 100, ack: seq + 11, data: 7 });
  assertEquals([c.state, c.readable, c.ended], ["TIME-WAIT", 7, false]);
  Script.read(c);
  assert(c.ended);
});

once("close: half: the peer has said all, and hears us out", () => {
  const s = new Script();
  const { c } = s.accept();
  s.peer("FA", { seq: PEER_NEXT, ack: s.iss + 1, data: 5 });
  s.expect("A", { ack: PEER_NEXT + 6 });
  assertEquals([c.state, c.readable], ["CLOSE-WAIT", 5]);
  Script.read(c);
  s.write(c, 100);
  s.expect("A", { length: 100 });
  s.peer("A", { seq: PEER_NEXT + 6, ack: s.iss + 101 });
  assertEquals([c.state, c.unacknowledged], ["CLOSE-WAIT", 0]);
  c.shutdownWrite();
  s.tcp.poll(s.now);
  s.expect("FA");
  assertEquals(c.state, "LAST-ACK");
});

once("close: FIN waits for the data before it, and goes with the last of them", () => {
  const s = new Script();
  const { c } = s.accept({ window: 2000 });
  assertEquals(c.write(new Uint8Array(3000)), 3000);
  c.close();
  s.tcp.poll(s.now);
  assertEquals(c.state, "FIN-WAIT-1");
  s.expect("A", { length: 1460 });
  s.silence();
  s.peer("A", { seq: PEER_NEXT, ack: s.iss + 1461, window: 2000 });
  s.expect("A", { length: 1460 });
  s.expect("FA", { length: 80 });
});

once("close: a FIN that came too early waits for what is before it; nothing counts behind it", () => {
  const s = new Script();
  const { c } = s.accept();
  s.peer("FA", { seq: PEER_NEXT + 10, ack: s.iss + 1, data: 10 });
  s.expect("A", { ack: PEER_NEXT, sack: [PEER_NEXT + 10, PEER_NEXT + 21] });
  s.peer("A", { seq: PEER_NEXT + 21, ack: s.iss + 1, data: 30 });
  s.expect("A", { ack: PEER_NEXT });
  s.peer("A", { seq: PEER_NEXT + 15, ack: s.iss + 1, data: 30 });
  s.expect("A", { ack: PEER_NEXT });
  s.peer("A", { seq: PEER_NEXT, ack: s.iss + 1, data: 10 });
  s.expect("A", { ack: PEER_NEXT + 21 });
  assertEquals(c.state, "CLOSE-WAIT");
  assertEquals(Script.read(c).length, 20);
  assert(c.ended);
});

once("close: a FIN comes twice, alone or with data", () => {
  const s = new Script();
  const { c } = s.accept();
  for (let i = 0; i < 3; i++) {
    s.peer("FA", { seq: PEER_NEXT, ack: s.iss + 1, data: 3 });
    s.expect("A", { ack: PEER_NEXT + 4 });
  }
  assertEquals([c.state, c.readable], ["CLOSE-WAIT", 3]);
});

once("close: TIME-WAIT answers a repeated FIN and begins anew", () => {
  const s = new Script();
  const { c } = s.accept();
  c.close();
  s.tcp.poll(s.now);
  const { seq } = s.expect("FA");
  s.peer("FA", { seq: PEER_NEXT, ack: seq + 1 });
  s.expect("A");
  s.advance(50 * SECOND);
  s.peer("FA", { seq: PEER_NEXT, ack: seq + 1 });
  s.expect("A", { ack: PEER_NEXT + 1 });
  s.advance(59 * SECOND);
  assertEquals(c.state, "TIME-WAIT");
  s.advance(2 * SECOND);
  assertEquals(c.state, "CLOSED");
});

once("close: TIME-WAIT is not assassinated (RFC 1337): by a reset, or by old data", () => {
  const s = new Script();
  const { c } = s.accept();
  c.close();
  s.tcp.poll(s.now);
  const { seq } = s.expect("FA");
  s.peer("FA", { seq: PEER_NEXT, ack: seq + 1 });
  s.expect("A");
  s.peer("R", { seq: PEER_NEXT + 1 });
  s.peer("RA", { seq: PEER_NEXT + 1, ack: seq + 1 });
  assertEquals([c.state, c.error], ["TIME-WAIT", undefined]);
  s.peer("A", { seq: PEER_NEXT - 100, ack: seq + 1, data: 50 });
  s.expect("A", { seq: seq + 1 >>> 0, ack: PEER_NEXT + 1 });
  assertEquals(c.state, "TIME-WAIT");
});

once("close: a SYN opens the connection anew in TIME-WAIT only with a later number (RFC 6191)", () => {
  const s = new Script();
  const { c, listener } = s.accept();
  c.close();
  s.tcp.poll(s.now);
  const { seq } = s.expect("FA");
  s.peer("FA", { seq: PEER_NEXT, ack: seq + 1 });
  s.expect("A");
  s.peer("S", { seq: PEER_NEXT - 500 });
  s.expect("A", { ack: PEER_NEXT + 1 });
  assertEquals(c.state, "TIME-WAIT");
  s.peer("S", { seq: PEER_NEXT + 5000 });
  const answer = s.expect("SA", { ack: PEER_NEXT + 5001 });
  assert((answer.seq - seq | 0) > 0, "our numbers go on, too");
  assertEquals(c.state, "CLOSED");
  s.peer("A", { seq: PEER_NEXT + 5001, ack: answer.seq + 1 });
  const next = listener.accept()!;
  assertEquals([next.state, next.remote.port], ["ESTABLISHED", PEER_PORT]);
});

once("close: something was not read: RST, not FIN (RFC 9293, 3.6.1)", () => {
  const s = new Script();
  const { c } = s.accept();
  s.peer("A", { seq: PEER_NEXT, ack: s.iss + 1, data: 10 });
  c.close();
  s.tcp.poll(s.now);
  s.expect("RA", { seq: s.iss + 1 >>> 0, ack: PEER_NEXT + 10 });
  assertEquals([c.state, c.readable, s.tcp.memory], ["CLOSED", 0, 0]);
});

once("close: something comes afterwards: RST", () => {
  const s = new Script();
  const { c } = s.accept();
  c.close();
  s.tcp.poll(s.now);
  const { seq } = s.expect("FA");
  s.peer("A", { seq: PEER_NEXT, ack: seq + 1, data: 10 });
  s.expect("RA", { seq: seq + 1 >>> 0 });
  assertEquals(c.state, "CLOSED");
  s.silence();
});

once("close: a peer that never closes is waited for a minute, if the user has left", () => {
  const s = new Script();
  const { c } = s.accept();
  c.shutdownWrite();
  s.tcp.poll(s.now);
  const { seq } = s.expect("FA");
  s.peer("A", { seq: PEER_NEXT, ack: seq + 1 });
  s.advance(500 * SECOND);
  assertEquals(c.state, "FIN-WAIT-2");
  c.close();
  s.advance(59 * SECOND);
  assertEquals(c.state, "FIN-WAIT-2");
  s.advance(2 * SECOND);
  assertEquals(c.state, "CLOSED");
});

once("close: abort sends RST and drops what was written", () => {
  const s = new Script();
  const { c } = s.accept({ window: 0 });
  s.write(c, 5000);
  s.silence();
  c.abort();
  s.tcp.poll(s.now);
  s.expect("RA", { seq: s.iss + 1 >>> 0 });
  assertEquals([c.state, c.error, s.tcp.memory, c.write(new Uint8Array(1))], ["CLOSED", "aborted", 0, 0]);
  c.abort();
  c.close();
  s.tcp.poll(s.now);
  s.silence("only once");
});

once("close: before anything was opened", () => {
  const s = new Script();
  const c = s.tcp.connect({ address: 1, port: 2 }, { address: 3, port: 4 }, 0)!;
  c.close();
  s.advance(SECOND);
  s.silence();
  assertEquals([c.state, c.error], ["CLOSED", undefined]);
  assertEquals(s.tcp.nextDeadline(), undefined);
});

once("close: of a listener: open and half-open connections are reset", () => {
  const s = new Script();
  const listener = s.tcp.listen({ address: 0, port: 80 })!;
  s.peer("S", { seq: 1 });
  const { seq } = s.expect("SA");
  s.peer("A", { seq: 2, ack: seq + 1 });
  s.peer("S", { seq: 1, sourcePort: 4001 });
  s.expect("SA");
  listener.close();
  s.tcp.poll(s.now);
  assertEquals(s.sent.map(({ flags }) => flags), ["RA", "RA"]);
  assertEquals([...s.tcp.connections].length, 0);
});

once("close: our FIN gets lost and is repeated until it is acknowledged", () => {
  const s = new Script();
  const { c } = s.accept();
  s.peer("FA", { seq: PEER_NEXT, ack: s.iss + 1 });
  s.expect("A");
  c.close();
  s.advance(3 * SECOND);
  assert(s.sent.length >= 3 && s.sent.every(({ flags }) => flags === "FA"));
  assertEquals(new Set(s.sent.map(({ seq }) => seq)).size, 1);
  const { seq } = s.sent[0];
  s.sent.length = 0;
  s.peer("A", { seq: PEER_NEXT + 1, ack: seq + 1 });
  assertEquals(c.state, "CLOSED");
  s.advance(100 * MS);
  s.silence();
});
