import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import type { Task } from "../../../kernel/executor.ts";
import type { TcpSocket } from "../../../kernel/net/mod.ts";
import { bytesOf, ip, textOf } from "./_world.ts";
import { onceTest } from "../../support/once.ts";
import { ask, assertQuiet, CLOSE, GET, site, statusOf, talk } from "./_site.ts";

onceTest("half a request, a byte now and then, or nothing: the server hangs up at its time", () => {
  const s = site();
  const { world, client } = s;
  const timed = (...pieces: (string | number)[]) => {
    const before = world.now, answer = ask(s, ...pieces);
    return { answer, seconds: (world.now - before) / 1e9 };
  };
  const nothing = timed();
  assertEquals(nothing.answer, "<end>");
  assert(nothing.seconds > 14 && nothing.seconds < 16, `${nothing.seconds}`);
  const half = timed("GET / HTTP/1.1\r\nHo");
  assertEquals(statusOf(half.answer), 408);
  assert(half.seconds > 9 && half.seconds < 14, `${half.seconds}`);
  const drops: (string | number)[] = [];
  for (let i = 0; i < 30; i++) {
    drops.push("GET / HTTP/1.1\r\nHost: x\r\nA: bcdefghijklmnopqr\r\n\r\n"[i], 1e9);
  }
  const slow = timed(...drops);
  assertMatch(slow.answer, /408|EPIPE|ECONNRESET/);
  assert(slow.seconds > 9 && slow.seconds < 20, `${slow.seconds}`);
  const body = timed("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  assertEquals(statusOf(body.answer), 408);
  // One who ends in the middle is told so at once.
  const left = client.spawn(
    "leaves",
    (function* (): Task<number> {
      const socket = client.net.stream();
      yield* socket.connect({ address: ip("10.0.0.2"), port: 80 });
      yield* socket.send(bytesOf("GET / HTTP/1.1\r\nHo"));
      socket.shutdown("SHUT_WR");
      const buffer = new Uint8Array(1000);
      const n = yield* socket.recv(buffer);
      socket.close();
      return statusOf(textOf(buffer.subarray(0, n)));
    })(),
  );
  assertEquals(world.finish(left), 400);
  assertQuiet(s);
});

onceTest("a client that takes nothing of its answer is hung up on, and others do not wait for it", () => {
  const s = site();
  const { world, client } = s;
  const stuck: TcpSocket[] = [];
  for (let i = 0; i < 20; i++) {
    const socket = client.net.stream();
    stuck.push(socket);
    client.spawn(
      "stuck",
      (function* (): Task<void> {
        yield* socket.connect({ address: ip("10.0.0.2"), port: 80 });
        yield* socket.send(bytesOf(GET("/big/64")));
      })(),
    );
  }
  world.pass(1e9);
  assertEquals(s.server.open, 20);
  assert(s.host.stack.tcp.memory < 20 * 600_000, `${s.host.stack.tcp.memory}`);
  assertEquals(statusOf(ask(s, GET("/hello.txt", CLOSE))), 200);
  world.pass(60e9);
  assertEquals(s.server.open, 0);
  for (const socket of stuck) {
    socket.setsockopt("SO_LINGER", 0);
    socket.close();
  }
  assertQuiet(s);
});

onceTest("garbage never ends the server, whatever it is", () => {
  const s = site();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), fc.boolean(), (bytes, isText) => {
      const head = isText ? bytesOf("GET / HTTP/1.1\r\nHost: x\r\n") : new Uint8Array(0);
      const all = new Uint8Array(head.length + bytes.length);
      all.set(head);
      all.set(bytes, head.length);
      ask(s, all, "\r\n\r\n");
    }),
    { numRuns: 60 },
  );
  assertEquals(statusOf(ask(s, GET("/", CLOSE))), 200);
  assertQuiet(s);
});

onceTest("10,000 clients one after the other, each with a request of its own: no growth", () => {
  const s = site();
  const all = s.client.spawn(
    "clients",
    (function* (): Task<number> {
      let good = 0;
      for (let i = 0; i < 10_000; i++) {
        const answer = yield* talk(s, [GET(i % 10 === 0 ? "/nope" : "/hello.txt", CLOSE)]);
        if (statusOf(answer) === (i % 10 === 0 ? 404 : 200)) good++;
      }
      return good;
    })(),
  );
  assertEquals(s.world.finish(all, 36000e9), 10_000);
  assertEquals(s.server.counters.connections, 10_000);
  assertQuiet(s);
});

onceTest("1,000 clients at once; more than the limit are told so; afterwards nothing is left", () => {
  const s = site({ connections: 900 });
  const answers = Array.from(
    { length: 1000 },
    (_, i) => s.client.spawn(`client ${i}`, talk(s, [1e9, GET("/hello.txt"), 1e9, GET("/hello.txt", CLOSE)])),
  );
  const texts = answers.map((a) => s.world.finish(a));
  const served = texts.filter((t) => t.split("200 OK").length === 3).length;
  const refused = texts.filter((t) => statusOf(t) === 503 || /EPIPE|ECONNRESET/.test(t)).length;
  assertEquals([served, refused], [900, 100]);
  assertEquals(s.server.counters.refused, 100);
  assertQuiet(s);
});
