import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { TcpConnection } from "../../../inet/tcp/mod.ts";
import { once } from "../_support.ts";
import { A, B, Link, Party, PERFECT, random } from "./_link.ts";
import { MS, OUR_PORT, PEER, PEER_ISS, PEER_PORT, Script, SECOND, US } from "./_script.ts";

once("handshake: from the peer (RFC 9293, 3.5, figure 6), with options", () => {
  const s = new Script();
  const listener = s.tcp.listen({ address: US, port: OUR_PORT })!;
  let told = 0;
  listener.onChange = () => told++;
  s.peer("S", { seq: 300, mss: 1000, scale: 3, sackPermitted: true });
  const answer = s.expect("SA", { ack: 301, mss: 1460, sackPermitted: true, ports: [OUR_PORT, PEER_PORT] });
  assert(answer.scale >= 0 && answer.scale <= 14);
  assertEquals([listener.ready, told], [0, 0]);
  s.peer("A", { seq: 301, ack: answer.seq + 1 });
  assertEquals([listener.ready, told], [1, 1]);
  const c = listener.accept()!;
  assertEquals(c.state, "ESTABLISHED");
  assertEquals(c.remote, { address: PEER, port: PEER_PORT });
  assertEquals(listener.accept(), undefined);
  s.write(c, 3000);
  s.expect("A", { length: 1000 });
});

once("handshake: to the peer; what was written before goes out with the third segment", () => {
  const s = new Script();
  const c = s.tcp.connect({ address: US, port: OUR_PORT }, { address: PEER, port: PEER_PORT }, 0)!;
  assertEquals(c.state, "SYN-SENT");
  s.write(c, 5);
  const syn = s.expect("S", { mss: 1460, sackPermitted: true, ack: 0, length: 0 });
  s.silence("data waits for the answer");
  s.peer("SA", { seq: PEER_ISS, ack: syn.seq + 1, mss: 1460 });
  assertEquals(c.state, "ESTABLISHED");
  s.expect("A", { seq: syn.seq + 1 >>> 0, ack: PEER_ISS + 1, length: 5 });
});

once("handshake: window scale and SACK only if both offer them", () => {
  const plain = new Script();
  const listener = plain.tcp.listen({ address: 0, port: OUR_PORT })!;
  plain.peer("S", { seq: 5 });
  const answer = plain.expect("SA", { scale: -1, sackPermitted: false });
  plain.peer("A", { seq: 6, ack: answer.seq + 1, window: 1000 });
  const c = listener.accept()!;
  // 536 bytes where the peer names no MSS (RFC 9293, 3.7.1); and its window is not scaled.
  plain.write(c, 5000);
  plain.expect("A", { length: 536 });
  plain.silence("what fits is less than the half of the window and not all that there is");

  // Neither is ours.
  plain.peer("A", { seq: 6, ack: answer.seq + 1, window: 1000, data: 100 });
  plain.advance(40 * MS);
  assertEquals(plain.sent.at(-1)?.window, 65535 - 100);

  const s = new Script({ windowScale: false, sack: false });
  s.tcp.listen({ address: US, port: OUR_PORT });
  s.peer("S", { seq: 5, scale: 7, sackPermitted: true });
  s.expect("SA", { scale: -1, sackPermitted: false });
});

once("handshake: windows are scaled, but never in a SYN (RFC 7323, 2.2)", () => {
  const s = new Script({ receiveBuffer: 1 << 20 });
  const { c } = s.accept({ scale: 5, window: 100 });
  // 100 << 5 from the acknowledgment on, where the SYN said 100.
  s.write(c, 10_000);
  assertEquals(s.sent.reduce((sum, { data }) => sum + data.length, 0), 2 * 1460);
  s.sent.length = 0;
  s.peer("A", { seq: PEER_ISS + 1, ack: s.iss + 1 + 2920, window: 200 });
  assertEquals(s.sent.reduce((sum, { data }) => sum + data.length, 0), 4 * 1460);
});

once("handshake: simultaneous open (RFC 9293, 3.5, figure 8)", () => {
  const s = new Script();
  const c = s.tcp.connect({ address: US, port: OUR_PORT }, { address: PEER, port: PEER_PORT }, 0)!;
  s.tcp.poll(0);
  const { seq } = s.expect("S");
  s.peer("S", { seq: PEER_ISS, mss: 1200 });
  assertEquals(c.state, "SYN-RECEIVED");
  s.expect("SA", { seq, ack: PEER_ISS + 1 });
  s.peer("SA", { seq: PEER_ISS, ack: seq + 1 });
  assertEquals(c.state, "ESTABLISHED");
  s.expect("A", { seq: seq + 1 >>> 0, ack: PEER_ISS + 1 });
  s.silence();
});

once("handshake: simultaneous open of two machines, then data both ways and close", () => {
  const link = new Link({ ...PERFECT, delay: 5e6 }, random(3));
  const a = link.ends[0].connect({ address: A, port: 7000 }, { address: B, port: 7001 }, 0)!;
  const b = link.ends[1].connect({ address: B, port: 7001 }, { address: A, port: 7000 }, 0)!;
  const parties = [new Party(a, 20_000, 1, 2), new Party(b, 30_000, 2, 1)];
  const seen = new Set<string>();
  assert(link.run(() => {
    seen.add(a.state).add(b.state);
    for (const party of parties) party.step();
    return a.state === "CLOSED" && b.state === "CLOSED";
  }, 200e9));
  assert(seen.has("SYN-RECEIVED"));
  assertEquals(parties.map(({ received, wrong }) => [received, wrong]), [[30_000, -1], [20_000, -1]]);
  assertEquals([a.error, b.error], [undefined, undefined]);
});

once(
  "handshake: an old duplicate SYN (RFC 9293, 3.5, figure 9): reset by the peer, and the listener listens on",
  () => {
    const s = new Script();
    const listener = s.tcp.listen({ address: US, port: OUR_PORT })!;
    s.peer("S", { seq: 90 });
    s.expect("SA", { ack: 91 });
    s.peer("R", { seq: 91 });
    assertEquals([...s.tcp.connections].length, 0);
    s.peer("S", { seq: 400 });
    const answer = s.expect("SA", { ack: 401 });
    s.peer("A", { seq: 401, ack: answer.seq + 1 });
    assertEquals(listener.accept()?.state, "ESTABLISHED");
  },
);

once("handshake: half-open connections are found out (RFC 9293, 3.5.1, figures 10 and 11)", () => {
  // We have crashed and open anew; the peer, still open, acknowledges what it last had.
  const s = new Script();
  const c = s.tcp.connect({ address: US, port: OUR_PORT }, { address: PEER, port: PEER_PORT }, 0)!;
  s.tcp.poll(0);
  const syn = s.expect("S");
  s.peer("A", { seq: 5000, ack: syn.seq - 77 });
  s.expect("R", { seq: syn.seq - 77 >>> 0 });
  assertEquals(c.state, "SYN-SENT");
  // Data for a connection that we do not know.
  s.peer("A", { seq: 5000, ack: 9999, data: 10, sourcePort: 4444 });
  s.expect("R", { seq: 9999, ports: [OUR_PORT, 4444] });
});

once("handshake: nobody listens: RST with the numbers of RFC 9293, 3.10.7.1", () => {
  const s = new Script();
  s.peer("S", { seq: 700 });
  s.expect("RA", { seq: 0, ack: 701, window: 0 });
  s.peer("SF", { seq: 700, data: 10 });
  s.expect("RA", { seq: 0, ack: 712 });
  s.peer("A", { seq: 700, ack: 1234 });
  s.expect("R", { seq: 1234 });
  s.peer("R", { seq: 700 });
  s.peer("RA", { seq: 700, ack: 1 });
  s.silence("never a reset for a reset");
});

once("handshake: refused, and by whom: a reset counts only if it acknowledges the SYN", () => {
  const s = new Script();
  const c = s.tcp.connect({ address: US, port: OUR_PORT }, { address: PEER, port: PEER_PORT }, 0)!;
  let told = 0;
  c.onChange = () => told++;
  s.tcp.poll(0);
  const { seq } = s.expect("S");
  s.peer("R", { seq: 0 });
  s.peer("RA", { seq: 0, ack: seq });
  s.peer("RA", { seq: 0, ack: seq + 2 });
  assertEquals(c.state, "SYN-SENT");
  s.peer("RA", { seq: 0, ack: seq + 1 });
  assertEquals([c.state, c.error, told], ["CLOSED", "refused", 1]);
  s.silence();
});

once(
  "handshake: a SYN is repeated after 1, 2, 4 ... seconds (RFC 6298) and given up after three minutes",
  () => {
    const s = new Script();
    const c = s.tcp.connect({ address: US, port: OUR_PORT }, { address: PEER, port: PEER_PORT }, 0)!;
    s.advance(400 * SECOND);
    assertEquals(s.sent.map(({ at, flags }) => [at / SECOND, flags]), [
      [0, "S"],
      [1, "S"],
      [3, "S"],
      [7, "S"],
      [15, "S"],
      [31, "S"],
      [63, "S"],
      [123, "S"],
    ]);
    assertEquals(new Set(s.sent.map(({ seq }) => seq)).size, 1);
    assertEquals([c.state, c.error], ["CLOSED", "timedOut"]);
    assertEquals(s.tcp.nextDeadline(), undefined);
  },
);

once("handshake: our answer was lost: the peer's SYN comes again, and so does ours by itself", () => {
  const s = new Script();
  const listener = s.tcp.listen({ address: US, port: OUR_PORT })!;
  s.peer("S", { seq: 300 });
  const first = s.expect("SA");
  s.advance(500 * MS);
  s.peer("S", { seq: 300 });
  s.expect("SA", { seq: first.seq, ack: 301 });
  s.advance(SECOND);
  s.expect("SA", { seq: first.seq, ack: 301 });
  assertEquals([...s.tcp.connections].length, 1);
  // The third segment was lost, too: data that comes in its stead opens as well.
  s.peer("A", { seq: 301, ack: first.seq + 1, data: 10 });
  const c = listener.accept()!;
  assertEquals([c.state, c.readable], ["ESTABLISHED", 10]);
});

once("handshake: an acknowledgment of something else than our SYN is reset", () => {
  const s = new Script();
  s.tcp.listen({ address: US, port: OUR_PORT });
  s.peer("S", { seq: 300 });
  const { seq } = s.expect("SA");
  s.peer("A", { seq: 301, ack: seq + 2 });
  s.expect("R", { seq: seq + 2 >>> 0 });
  s.peer("A", { seq: 301, ack: seq });
  s.expect("R", { seq });
  assertEquals([...s.tcp.connections][0].state, "SYN-RECEIVED");
});

once("handshake: the answer may carry data and FIN", () => {
  const s = new Script();
  const c = s.tcp.connect({ address: US, port: OUR_PORT }, { address: PEER, port: PEER_PORT }, 0)!;
  s.tcp.poll(0);
  const { seq } = s.expect("S");
  s.peer("SAF", { seq: PEER_ISS, ack: seq + 1, data: 20 });
  s.expect("A", { ack: PEER_ISS + 22 });
  assertEquals([c.state, c.readable], ["CLOSE-WAIT", 20]);
});

once("handshake: held back until its owner answers, or refuses", () => {
  const s = new Script();
  const listener = s.tcp.listen({ address: 0, port: 0 }, { hold: true })!;
  s.peer("S", { seq: 300, mss: 1460 });
  s.silence("the SYN is not answered");
  const c = listener.accept()!;
  assertEquals([c.state, c.local], ["SYN-RECEIVED", { address: US, port: OUR_PORT }]);
  s.peer("S", { seq: 300, mss: 1460 });
  s.advance(10 * SECOND);
  s.silence();
  c.answer();
  assertEquals(c.write(new Uint8Array(3)), 3);
  s.tcp.poll(s.now);
  const answer = s.expect("SA", { ack: 301 });
  s.peer("A", { seq: 301, ack: answer.seq + 1 });
  assertEquals(c.state, "ESTABLISHED");
  s.expect("A", { length: 3 });
  s.peer("A", { seq: 301, ack: answer.seq + 4 });

  s.peer("S", { seq: 500, sourcePort: 4001 });
  const other = listener.accept()!;
  other.abort();
  s.tcp.poll(s.now);
  s.expect("RA", { ack: 501, ports: [OUR_PORT, 4001] });
  assertEquals(other.state, "CLOSED");

  s.peer("S", { seq: 500, sourcePort: 4002 });
  const gone = listener.accept()!;
  s.peer("R", { seq: 501, sourcePort: 4002 });
  assertEquals([gone.state, gone.error], ["CLOSED", "reset"]);
  gone.answer();
  s.advance(SECOND);
  s.silence();
});

once("handshake: listeners for one address, for all, for any port", () => {
  const s = new Script();
  const any = s.tcp.listen({ address: 0, port: 0 })!;
  const port = s.tcp.listen({ address: 0, port: OUR_PORT })!;
  const own = s.tcp.listen({ address: US, port: OUR_PORT })!;
  assertEquals(s.tcp.listen({ address: US, port: OUR_PORT }), undefined, "taken");
  const open = () => {
    s.peer("S", { seq: 1 });
    const { seq } = s.expect("SA");
    s.peer("A", { seq: 2, ack: seq + 1 });
    const ready = [any.ready, port.ready, own.ready];
    for (const l of [any, port, own]) l.accept()?.abort();
    s.tcp.poll(s.now);
    s.sent.length = 0;
    return ready;
  };
  assertEquals(open(), [0, 0, 1]);
  own.close();
  assertEquals(open(), [0, 1, 0]);
  port.close();
  assertEquals(open(), [1, 0, 0]);
  any.close();
  s.peer("S", { seq: 1 });
  s.expect("RA");
});

once("handshake: ports are chosen one after the other, until none is free", () => {
  const s = new Script({ ports: [50000, 50003] });
  const connect = () => s.tcp.connect({ address: US, port: 0 }, { address: PEER, port: 1 }, 0);
  const all = [connect(), connect(), connect(), connect()];
  assertEquals(all.map((c) => c!.local.port).sort(), [50000, 50001, 50002, 50003]);
  assertEquals(connect(), undefined);
  assertEquals(s.tcp.connect({ address: US, port: 50001 }, { address: PEER, port: 1 }, 0), undefined);
  assertNotEquals(s.tcp.connect({ address: US, port: 0 }, { address: PEER, port: 2 }, 0), undefined);
  all[2]!.close();
  assertEquals(connect()!.local.port, all[2]!.local.port);
});

once("handshake: initial numbers differ by connection and grow with time (RFC 6528)", () => {
  const s = new Script();
  const iss = (port: number): number => {
    const c: TcpConnection = s.tcp.connect({ address: US, port }, { address: PEER, port: 1 }, s.now)!;
    s.tcp.poll(s.now);
    c.abort();
    return s.expect("S").seq;
  };
  const first = iss(5), other = iss(6);
  assertNotEquals(first, other);
  s.now += SECOND;
  // 4 microseconds a step.
  assertEquals(iss(5) - first >>> 0, 250_000);
  const elsewhere = new Script({}, () => 12345);
  elsewhere.tcp.connect({ address: US, port: 5 }, { address: PEER, port: 1 }, 0);
  elsewhere.tcp.poll(0);
  assertNotEquals(elsewhere.expect("S").seq, first, "another secret");
});

once("handshake: nobody gets segments of a byte for the asking", () => {
  const s = new Script();
  const { c } = s.accept({ mss: 1 });
  s.write(c, 1000);
  assertEquals(s.sent[0].data.length, 48);
  const t = new Script();
  t.mtu = 68;
  const { c: tiny } = t.accept({ mss: 1460 });
  t.write(tiny, 1000);
  assertEquals(t.sent[0].data.length, 28, "but never more than fits");
});
