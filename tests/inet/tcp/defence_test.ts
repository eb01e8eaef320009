import { assert, assertEquals } from "@std/assert";
import { once } from "../_support.ts";
import { OUR_PORT, PEER_ISS, Script, SECOND, US } from "./_script.ts";

const NEXT = PEER_ISS + 1;

once("defence: a reset is believed only with the exact number (RFC 5961, 3)", () => {
  const s = new Script();
  const { c } = s.accept();
  s.peer("R", { seq: NEXT + 1 });
  s.expect("A", { seq: s.iss + 1 >>> 0, ack: NEXT });
  s.peer("RA", { seq: NEXT + 60_000, ack: s.iss + 1 });
  s.expect("A", { ack: NEXT });
  s.peer("R", { seq: NEXT - 1 });
  s.peer("R", { seq: NEXT + 70_000 });
  s.peer("R", { seq: NEXT + 0x80000000 });
  s.silence("out of the window: not even an answer");
  assertEquals(c.state, "ESTABLISHED");
  s.peer("R", { seq: NEXT });
  assertEquals([c.state, c.error], ["CLOSED", "reset"]);
  s.silence();
  assertEquals(s.tcp.counters.resetsIn, 1);
});

once("defence: what was received before a reset may still be read", () => {
  const s = new Script();
  const { c } = s.accept();
  s.peer("A", { seq: NEXT, ack: s.iss + 1, data: 30 });
  s.peer("R", { seq: NEXT + 30 });
  assertEquals([c.state, c.readable, s.tcp.memory], ["CLOSED", 30, 0]);
  assertEquals(Script.read(c).length, 30);
  assert(!c.ended);
  c.close();
  assertEquals(s.tcp.memory, 0);
});

once("defence: a SYN in an open connection is answered by a challenge, wherever it is (RFC 5961, 4)", () => {
  const s = new Script();
  const { c } = s.accept();
  for (const seq of [NEXT, NEXT + 100, NEXT + 0x70000000, PEER_ISS, NEXT - 5000]) {
    s.peer("S", { seq });
    s.expect("A", { seq: s.iss + 1 >>> 0, ack: NEXT });
    s.peer("SA", { seq, ack: s.iss + 1 });
    s.expect("A", { ack: NEXT });
  }
  assertEquals(c.state, "ESTABLISHED");
});

once("defence: a peer that has lost its memory gets its reset through (RFC 5961, 4)", () => {
  const s = new Script();
  const { c, listener } = s.accept();
  // It opens anew from the same port; our challenge makes it reset with the number that we name.
  s.peer("S", { seq: 777_000 });
  const challenge = s.expect("A");
  s.peer("R", { seq: challenge.ack });
  assertEquals([c.state, c.error], ["CLOSED", "reset"]);
  s.peer("S", { seq: 777_000 });
  const answer = s.expect("SA", { ack: 777_001 });
  s.peer("A", { seq: 777_001, ack: answer.seq + 1 });
  assertEquals(listener.accept()?.state, "ESTABLISHED");
});

once(
  "defence: acknowledgments of what was never sent, or long ago, and what comes with them (RFC 5961, 5)",
  () => {
    const s = new Script();
    const { c } = s.accept({ window: 1000 });
    s.peer("A", { seq: NEXT, ack: s.iss + 2, data: 10 });
    s.expect("A", { seq: s.iss + 1 >>> 0, ack: NEXT });
    s.peer("A", { seq: NEXT, ack: s.iss + 1 - 1001, data: 10 });
    s.expect("A", { ack: NEXT });
    s.peer("A", { seq: NEXT, ack: s.iss + 0x40000000, data: 10 });
    s.expect("A", { ack: NEXT });
    assertEquals(c.readable, 0);
    // Not longer ago than the largest window: an old acknowledgment, whose data counts.
    s.peer("A", { seq: NEXT, ack: s.iss + 1 - 1000, data: 10 });
    assertEquals(c.readable, 10);
  },
);

once("defence: challenges are few", () => {
  const s = new Script();
  s.accept();
  for (let i = 0; i < 1000; i++) s.peer("R", { seq: NEXT + 1 + i % 100 });
  assert(s.sent.length <= 10, `${s.sent.length} challenges`);
  s.advance(SECOND);
  s.sent.length = 0;
  s.peer("R", { seq: NEXT + 1 });
  s.expect("A");
});

once("defence: two machines that disagree do not acknowledge each other for ever", () => {
  const s = new Script();
  s.accept();
  for (let i = 0; i < 1000; i++) {
    const before = s.sent.length;
    s.peer("A", { seq: NEXT + 0x10000000, ack: s.iss + 1 });
    if (s.sent.length === before) break;
  }
  assert(s.sent.length <= 10);
});

once("defence: the backlog is a bound; what is over it goes unanswered, and may come again", () => {
  const s = new Script();
  const listener = s.tcp.listen({ address: US, port: OUR_PORT }, { backlog: 3 })!;
  for (let i = 0; i < 5; i++) s.peer("S", { seq: 100, sourcePort: 5000 + i });
  assertEquals(s.sent.map(({ flags }) => flags), ["SA", "SA", "SA"]);
  assertEquals(s.tcp.counters.synsDropped, 2);
  for (const [i, { seq }] of s.sent.splice(0).entries()) {
    s.peer("A", { seq: 101, ack: seq + 1, sourcePort: 5000 + i });
  }
  assertEquals(listener.ready, 3);
  s.advance(10 * SECOND);
  s.peer("S", { seq: 100, sourcePort: 5003 });
  s.silence("those that are open do not give way");
  listener.accept();
  s.peer("S", { seq: 100, sourcePort: 5003 });
  s.expect("SA");
});

once("defence: a flood of SYNs takes no more than the backlog, and others get in", () => {
  const s = new Script();
  const listener = s.tcp.listen({ address: US, port: OUR_PORT }, { backlog: 16 })!;
  let opened = 0;
  for (let i = 0; i < 20_000; i++) {
    s.peer("S", { seq: i, source: 0x0b000000 + i, sourcePort: 1 + i % 60000 });
    s.advance(SECOND / 100);
    if (i % 100 === 50) {
      // An honest peer, that repeats its SYN until it is answered.
      s.sent.length = 0;
      for (let tries = 0; tries < 100 && s.sent.length === 0; tries++) {
        s.advance(SECOND / 50);
        s.peer("S", { seq: 9, sourcePort: 2000 + opened });
        s.sent.splice(0, s.sent.length, ...s.sent.filter(({ ports }) => ports[1] === 2000 + opened));
      }
      const answer = s.expect("SA");
      s.peer("A", { seq: 10, ack: answer.seq + 1, sourcePort: 2000 + opened });
      const c = listener.accept();
      assertEquals(c?.state, "ESTABLISHED");
      c!.abort();
      opened++;
    }
    assert([...s.tcp.connections].length <= 16);
  }
  assertEquals(opened, 200);
  assertEquals(s.tcp.memory, 0);
});

once("defence: connections are bounded; the oldest in TIME-WAIT gives way", () => {
  const s = new Script({ connections: 4 });
  const listener = s.tcp.listen({ address: US, port: OUR_PORT })!;
  const open = (port: number) => {
    s.sent.length = 0;
    s.peer("S", { seq: 100, sourcePort: port });
    if (s.sent.length === 0) return undefined;
    const { seq } = s.expect("SA");
    s.peer("A", { seq: 101, ack: seq + 1, sourcePort: port });
    return { c: listener.accept()!, seq };
  };
  const all = [1, 2, 3, 4].map((port) => open(port)!);
  assertEquals(open(5), undefined);
  assertEquals(s.tcp.connect({ address: US, port: 0 }, { address: 9, port: 9 }, s.now), undefined);
  for (const port of [2, 1]) {
    const { c, seq } = all[port - 1];
    c.close();
    s.tcp.poll(s.now);
    s.peer("FA", { seq: 101, ack: seq + 2, sourcePort: port });
    assertEquals(c.state, "TIME-WAIT");
  }
  assert(open(5) !== undefined);
  assertEquals([all[0].c.state, all[1].c.state], ["TIME-WAIT", "CLOSED"]);
});
