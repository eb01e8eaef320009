import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Timed, TimerQueue } from "../../../inet/tcp/timers.ts";
import { once } from "../_support.ts";
import { MS, PEER_ISS, Script, SECOND } from "./_script.ts";

const NEXT = PEER_ISS + 1;

once("timers: nobody is forgotten, nobody comes early, the next is the next", () => {
  class Item implements Timed {
    filedUnder = 0;
    place = -1;
    at = Infinity;
    deadline() {
      return this.at;
    }
  }
  const change = fc.tuple(fc.nat(15), fc.oneof(fc.nat(1000), fc.constant(Infinity)));
  fc.assert(fc.property(fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 60 }), (rounds) => {
    const queue = new TimerQueue<Item>();
    const items = Array.from({ length: 16 }, () => new Item());
    let now = 0;
    for (const changes of rounds) {
      for (const [i, later] of changes) {
        items[i].at = now + later;
        queue.file(items[i], items[i].at);
      }
      const next = Math.min(...items.map(({ at }) => at));
      assertEquals(queue.next(), next);
      now += 100;
      const due = new Set(items.filter(({ at }) => at <= now));
      for (let item = queue.due(now); item !== undefined; item = queue.due(now)) {
        assert(due.delete(item));
        item.at = Infinity;
      }
      assertEquals(due.size, 0);
      assert(queue.size <= items.length);
    }
  }));
});

once("keep-alive: asks after silence, and gives up after enough of it", () => {
  const s = new Script();
  const { c } = s.accept();
  c.setKeepAlive({ idle: 100 * SECOND, interval: 10 * SECOND, count: 3 });
  s.advance(99 * SECOND);
  s.silence();
  s.advance(SECOND);
  // A number that was acknowledged long ago: whoever is there must answer.
  s.expect("A", { seq: s.iss, length: 0 });
  s.peer("A", { seq: NEXT, ack: s.iss + 1 });
  s.advance(99 * SECOND);
  s.silence();
  s.advance(22 * SECOND);
  assertEquals(s.sent.length, 3);
  assertEquals(c.state, "ESTABLISHED");
  s.sent.length = 0;
  s.advance(10 * SECOND);
  assertEquals([c.state, c.error], ["CLOSED", "timedOut"]);
  s.expect("RA");
});

once("keep-alive: ours is answered by ourselves, and it can be switched off", () => {
  const s = new Script();
  const { c } = s.accept();
  s.peer("A", { seq: NEXT - 1, ack: s.iss + 1 });
  s.expect("A", { ack: NEXT });
  s.peer("A", { seq: NEXT - 1, ack: s.iss + 1, data: 1 });
  s.expect("A", { ack: NEXT });
  assertEquals(c.readable, 0);
  c.setKeepAlive({ idle: SECOND });
  c.setKeepAlive(false);
  s.advance(10_000 * SECOND);
  s.silence();
  assertEquals(c.state, "ESTABLISHED");
});

once("user timeout: nothing is acknowledged for so long that it is given up", () => {
  const s = new Script();
  const { c } = s.accept();
  c.setUserTimeout(30 * SECOND);
  s.advance(1000 * SECOND);
  assertEquals(c.state, "ESTABLISHED", "nothing was to be acknowledged");
  s.write(c, 10);
  s.advance(29 * SECOND);
  assertEquals(c.state, "ESTABLISHED");
  s.advance(60 * SECOND);
  assertEquals([c.state, c.error], ["CLOSED", "timedOut"]);
  assertEquals(s.sent.at(-1)?.flags, "RA");
});

once(
  "user timeout: a shut window is none, as long as the peer answers; but for a user who has left it is",
  () => {
    const s = new Script({ userTimeout: 100 * SECOND });
    const { c } = s.accept({ window: 0 });
    s.write(c, 10);
    const answer = (seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        s.advance(SECOND);
        if (s.sent.splice(0).length > 0 && c.state !== "CLOSED") {
          s.peer("A", {
            seq: NEXT,
            ack: s.iss + 1,
            window: 0,
          });
        }
      }
    };
    answer(1000);
    assertEquals(c.state, "ESTABLISHED");
    c.close();
    answer(300);
    assertEquals([c.state, c.error], ["CLOSED", "timedOut"]);

    const t = new Script({ userTimeout: 100 * SECOND });
    const silent = t.accept({ window: 0 }).c;
    t.write(silent, 10);
    t.advance(300 * SECOND);
    assertEquals([silent.state, silent.error], ["CLOSED", "timedOut"]);
  },
);

once("back-pressure: what the host refuses is not lost, and not asked for again before a poll", () => {
  const s = new Script();
  const { c } = s.accept();
  s.open = false;
  c.write(new Uint8Array(100));
  assertEquals(s.tcp.nextDeadline(), s.now, "something is to be sent");
  s.tcp.poll(s.now);
  const next = s.tcp.nextDeadline();
  assert(next === undefined || next > s.now, "but not as long as there is no room");
  s.peer("A", { seq: NEXT, ack: s.iss + 1, data: 2000 });
  s.open = true;
  s.tcp.poll(s.now);
  s.expect("A", { length: 100, ack: NEXT + 2000 });
  s.silence();
});

once("back-pressure: segments that have not left do not time out, resets and FINs are kept, too", () => {
  const s = new Script();
  const { c } = s.accept();
  s.open = false;
  s.write(c, 100);
  s.advance(20 * SECOND);
  c.shutdownWrite();
  s.tcp.poll(s.now);
  s.open = true;
  s.tcp.poll(s.now);
  s.expect("FA", { length: 100 });
  assertEquals([s.tcp.counters.timeouts, s.tcp.counters.retransmitted], [0, 0]);
  s.open = false;
  c.abort();
  s.advance(SECOND);
  s.open = true;
  s.tcp.poll(s.now);
  s.expect("RA");
  s.silence();
});

once("back-pressure: acknowledgments", () => {
  const s = new Script();
  s.accept();
  s.open = false;
  s.peer("A", { seq: NEXT, ack: s.iss + 1, data: 1460 });
  s.peer("A", { seq: NEXT + 1460, ack: s.iss + 1, data: 1460 });
  s.open = true;
  s.tcp.poll(s.now);
  s.expect("A", { ack: NEXT + 2920 });
  s.silence();
});

once("poll: users are told by poll alone, once, and what they do is sent by the same poll", () => {
  const s = new Script();
  const { c } = s.accept();
  let told = 0;
  c.onChange = () => {
    told++;
    const bytes = Script.read(c);
    c.write(bytes);
  };
  s.peerQuietly("A", { seq: NEXT, ack: s.iss + 1, data: 10 });
  s.peerQuietly("A", { seq: NEXT + 10, ack: s.iss + 1, data: 10 });
  assertEquals(told, 0);
  assertEquals(s.tcp.nextDeadline(), s.now);
  s.tcp.poll(s.now);
  assertEquals(told, 1);
  s.expect("A", { length: 20, ack: NEXT + 20 });
});

once("an idle connection has no timer and no buffer", () => {
  const s = new Script();
  const { c } = s.accept();
  for (let i = 0; i < 5; i++) {
    s.peer("A", { seq: NEXT + i * 100, ack: s.iss + 1 + i * 50, data: 100 });
    Script.read(c);
    s.write(c, 50);
  }
  s.advance(10 * MS);
  s.peer("A", { seq: NEXT + 500, ack: s.iss + 1 + 250 });
  assertEquals([s.tcp.nextDeadline(), s.tcp.memory], [undefined, 0]);
});
