import { assert, assertEquals } from "@std/assert";
import type { Task } from "../../../kernel/executor.ts";
import { SocketError } from "../../../kernel/net/errors.ts";
import { poll } from "../../../kernel/net/poll.ts";
import { POLLHUP, POLLIN, POLLOUT } from "../../../kernel/net/socket.ts";
import type { TcpSocket } from "../../../kernel/net/tcp_socket.ts";
import { bytesOf, codeOf, ip, type Machine, pair, pattern, textOf, World } from "./_world.ts";
import { onceTest } from "../../support/once.ts";

function listenOn(m: Machine, port = 9975, backlog?: number): TcpSocket {
  const socket = m.net.stream();
  socket.bind({ address: 0, port });
  socket.listen(backlog);
  return socket;
}
/** Answers each connection with what it sends, until the other side ends. */
function* echoServer(m: Machine, server: TcpSocket): Task<void> {
  for (;;) {
    const client = yield* server.accept();
    m.spawn(
      "echo",
      (function* (): Task<void> {
        try {
          const buffer = new Uint8Array(4096);
          for (let n; (n = yield* client.recv(buffer)) > 0;) yield* client.send(buffer.subarray(0, n));
        } catch (error) {
          if (!(error instanceof SocketError)) throw error;
        } finally {
          client.close();
        }
      })(),
    );
  }
}
function* readAll(socket: TcpSocket): Task<Uint8Array> {
  const chunks: Uint8Array[] = [], buffer = new Uint8Array(65536);
  for (let n; (n = yield* socket.recv(buffer)) > 0;) chunks.push(buffer.slice(0, n));
  const all = new Uint8Array(chunks.reduce((sum, c) => sum + c.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
/** Sends `bytes` and its end, reads until the other side's. */
function* exchange(m: Machine, address: string, bytes: Uint8Array, port = 9975): Task<Uint8Array> {
  const socket = m.net.stream();
  yield* socket.connect({ address: ip(address), port });
  const writer = m.spawn(
    "writer",
    (function* (): Task<void> {
      yield* socket.send(bytes);
      socket.shutdown("SHUT_WR");
    })(),
  );
  const answer = yield* readAll(socket);
  yield* writer.join();
  socket.close();
  return answer;
}

for (
  const [where, address] of [["the wire", "10.0.0.2"], ["loopback", "127.0.0.1"], [
    "its own address",
    "10.0.0.1",
  ]]
) {
  onceTest(`a stream goes there and back over ${where}, and everything is closed after it`, () => {
    const { world, a, b } = pair({ tcp: { timeWait: 1e9 } });
    const server = address === "10.0.0.2" ? b : a;
    server.spawn("server", echoServer(server, listenOn(server)));
    const bytes = pattern(3_000_000);
    const got = world.finish(a.spawn("client", exchange(a, address, bytes)));
    assertEquals(got.length, bytes.length);
    assertEquals(got, bytes);
    world.pass(5e9);
    assertEquals([...a.stack.tcp.connections, ...b.stack.tcp.connections].length, 0);
    assertEquals(a.stack.tcp.memory + b.stack.tcp.memory, 0);
    assertEquals([a.net.sockets.size, b.net.sockets.size].sort(), [0, 1], "the listener alone is left");
    assertEquals(world.lostWakes, []);
  });
}

for (const fillsChecksums of [false, true]) {
  onceTest(
    `a bad wire: loss, duplication, reordering, damage; checksums by the card: ${fillsChecksums}`,
    () => {
      const { world, a, b } = pair({ fillsChecksums, room: 8, tcp: { timeWait: 1e9 } }, 7);
      world.faults = { loss: 0.05, duplicate: 0.03, reorder: 0.1, corrupt: 0.01 };
      b.spawn("server", echoServer(b, listenOn(b)));
      const bytes = pattern(400_000);
      assertEquals(world.finish(a.spawn("client", exchange(a, "10.0.0.2", bytes)), 3600e9), bytes);
      assert(a.stack.tcp.counters.retransmitted + b.stack.tcp.counters.retransmitted > 10);
      assert(a.stack.tcp.counters.badChecksum + b.stack.tcp.counters.badChecksum > 0);
    },
  );
}

onceTest("a card that takes one frame at a time costs time, and no retransmission", () => {
  const { world, a, b } = pair({ room: 1 });
  b.spawn("server", echoServer(b, listenOn(b)));
  const bytes = pattern(500_000);
  assertEquals(world.finish(a.spawn("client", exchange(a, "10.0.0.2", bytes))), bytes);
  assert(a.card.refusals > 100);
  assertEquals(a.stack.tcp.counters.retransmitted, 0);
  assertEquals(b.stack.tcp.counters.retransmitted, 0);
});

onceTest("a reader that does not read stops the writer; nothing grows, and nothing is lost", () => {
  const { world, a, b } = pair({ tcp: { receiveBuffer: 20_000, sendBuffer: 30_000 } });
  const server = listenOn(b);
  const bytes = pattern(1_000_000);
  let sent = 0;
  a.spawn(
    "writer",
    (function* (): Task<void> {
      const socket = a.net.stream();
      yield* socket.connect({ address: ip("10.0.0.2"), port: 9975 });
      for (; sent < bytes.length; sent += 1000) yield* socket.send(bytes.subarray(sent, sent + 1000));
      socket.close();
    })(),
  );
  const accepted = world.finish(b.spawn("accept", server.accept()));
  world.pass(300e9);
  assert(sent <= 52_000, `${sent}`);
  const before = world.now;
  assertEquals(world.finish(b.spawn("reader", readAll(accepted))), bytes);
  assert(world.now - before < 1e9, "the writer hears of room at once, and need not probe for it");
});

onceTest(
  "connection refused, nobody there, no way: ECONNREFUSED, EHOSTUNREACH or ETIMEDOUT, ENETUNREACH",
  () => {
    const { world, a } = pair({ tcp: { connectTimeout: 5e9 } });
    const connect = (address: string) =>
      codeOf(() => world.finish(a.spawn("c", a.net.stream().connect({ address: ip(address), port: 5 }))));
    assertEquals(connect("10.0.0.2"), "ECONNREFUSED");
    assertEquals(connect("127.0.0.1"), "ECONNREFUSED");
    assert(["EHOSTUNREACH", "ETIMEDOUT"].includes(connect("10.0.0.9")));
    assertEquals(connect("10.9.9.9"), "ENETUNREACH");
    assertEquals(connect("10.0.0.255"), "ENETUNREACH");
    world.filter = () => false;
    assertEquals(connect("10.0.0.2"), "ETIMEDOUT");
  },
);

onceTest("a reset by the peer is told once, after what had arrived; then the end", () => {
  const { world, a, b } = pair();
  const server = listenOn(b);
  const client = a.net.stream();
  world.finish(a.spawn("connect", client.connect({ address: ip("10.0.0.2"), port: 9975 })));
  const accepted = world.finish(b.spawn("accept", server.accept()));
  world.finish(b.spawn("send", accepted.send(bytesOf("last words"))));
  world.pass(1e9);
  accepted.setsockopt("SO_LINGER", 0);
  accepted.close();
  world.pass(1e9);
  const buffer = new Uint8Array(100);
  const recv = () => world.finish(a.spawn("recv", client.recv(buffer)));
  assertEquals(recv(), 10);
  assertEquals(textOf(buffer.subarray(0, 10)), "last words");
  assertEquals(codeOf(recv), "ECONNRESET");
  assertEquals(recv(), 0);
  assertEquals(codeOf(() => world.finish(a.spawn("send", client.send(buffer)))), "EPIPE");
});

onceTest("half-close: one side ends, the other goes on; then EPIPE and 0", () => {
  const { world, a, b } = pair();
  const server = listenOn(b);
  const client = a.net.stream();
  world.finish(a.spawn("connect", client.connect({ address: ip("10.0.0.2"), port: 9975 })));
  const accepted = world.finish(b.spawn("accept", server.accept()));
  client.shutdown("SHUT_WR");
  const buffer = new Uint8Array(100);
  assertEquals(world.finish(b.spawn("recv", accepted.recv(buffer))), 0);
  world.finish(b.spawn("send", accepted.send(bytesOf("still here"))));
  assertEquals(world.finish(a.spawn("recv", client.recv(buffer))), 10);
  assertEquals(codeOf(() => world.finish(a.spawn("send", client.send(buffer)))), "EPIPE");
  accepted.close();
  assertEquals(world.finish(a.spawn("recv", client.recv(buffer))), 0);
  client.close();
  assertEquals(codeOf(() => world.finish(a.spawn("recv", client.recv(buffer)))), "EBADF");
});

onceTest("non-blocking sockets and poll: EINPROGRESS, EAGAIN, events by name", () => {
  const { world, a, b } = pair();
  const server = listenOn(b);
  server.nonBlocking = true;
  assertEquals(codeOf(() => world.finish(b.spawn("accept", server.accept()))), "EAGAIN");
  const client = a.net.stream();
  client.nonBlocking = true;
  const remote = { address: ip("10.0.0.2"), port: 9975 };
  assertEquals(codeOf(() => world.finish(a.spawn("connect", client.connect(remote)))), "EINPROGRESS");
  assertEquals(codeOf(() => world.finish(a.spawn("connect", client.connect(remote)))), "EALREADY");
  const waitFor = (m: Machine, socket: TcpSocket, events: number, timeout?: number) =>
    world.finish(m.spawn("poll", poll(m.net, [{ socket, events }], timeout)))[0];
  assertEquals(waitFor(a, client, POLLOUT), POLLOUT);
  assertEquals(client.takeError(), undefined);
  assertEquals(waitFor(b, server, POLLIN), POLLIN);
  const accepted = world.finish(b.spawn("accept", server.accept()));
  const buffer = new Uint8Array(10);
  assertEquals(codeOf(() => world.finish(a.spawn("recv", client.recv(buffer)))), "EAGAIN");
  assertEquals(waitFor(a, client, POLLIN, 0), 0);
  const before = world.now;
  assertEquals(waitFor(a, client, POLLIN, 5e6), 0);
  assertEquals(world.now - before, 5e6);
  let total = 0;
  assertEquals(
    codeOf(() => {
      for (;;) total += world.finish(a.spawn("send", client.send(new Uint8Array(100_000))));
    }),
    "EAGAIN",
  );
  assert(total >= 100_000);
  assertEquals(waitFor(a, client, POLLIN | POLLOUT, 0), 0);
  world.pass(1e9);
  assertEquals(waitFor(b, accepted, POLLIN | POLLOUT), POLLIN | POLLOUT);
  accepted.close();
  assert((waitFor(a, client, POLLIN) & (POLLIN | POLLHUP)) !== 0);
});

onceTest("timeouts: SO_RCVTIMEO gives EAGAIN at its time, and what comes later is still received", () => {
  const { world, a, b } = pair();
  const server = listenOn(b);
  const client = a.net.stream();
  world.finish(a.spawn("connect", client.connect({ address: ip("10.0.0.2"), port: 9975 })));
  const accepted = world.finish(b.spawn("accept", server.accept()));
  accepted.setsockopt("SO_RCVTIMEO", 2e9);
  const before = world.now, buffer = new Uint8Array(10);
  assertEquals(codeOf(() => world.finish(b.spawn("recv", accepted.recv(buffer)))), "EAGAIN");
  assertEquals(world.now - before, 2e9);
  const late = b.spawn("recv", accepted.recv(buffer));
  world.at(world.now + 1e9, () => void a.spawn("send", client.send(bytesOf("late"))));
  assertEquals(world.finish(late), 4);
});

onceTest("names and states: bind, listen, getsockname, getpeername, EADDRINUSE and SO_REUSEADDR", () => {
  const { world, a, b } = pair({ tcp: { timeWait: 60e9 } });
  const server = listenOn(b, 80);
  assertEquals(codeOf(() => b.net.stream().bind({ address: 0, port: 80 })), "EADDRINUSE");
  assertEquals(codeOf(() => b.net.stream().bind({ address: ip("10.0.0.7"), port: 81 })), "EADDRNOTAVAIL");
  const client = a.net.stream();
  assertEquals(codeOf(() => client.getpeername()), "ENOTCONN");
  client.bind({ address: 0, port: 5000 });
  const remote = { address: ip("10.0.0.2"), port: 80 };
  world.finish(a.spawn("connect", client.connect(remote)));
  assertEquals(codeOf(() => world.finish(a.spawn("connect", client.connect(remote)))), "EISCONN");
  assertEquals({ ...client.getsockname() }, { address: ip("10.0.0.1"), port: 5000 });
  assertEquals({ ...client.getpeername() }, remote);
  const accepted = world.finish(b.spawn("accept", server.accept()));
  assertEquals({ ...accepted.getpeername() }, { address: ip("10.0.0.1"), port: 5000 });
  // The side that closes first keeps the port for a while.
  server.close();
  accepted.close();
  client.close();
  world.pass(1e9);
  assertEquals([...b.stack.tcp.connections].map((c) => c.state), ["TIME-WAIT"]);
  const again = b.net.stream();
  assertEquals(codeOf(() => again.bind({ address: 0, port: 80 })), "EADDRINUSE");
  again.setsockopt("SO_REUSEADDR", true);
  again.bind({ address: 0, port: 80 });
  again.listen();
  assertEquals(codeOf(() => again.setsockopt("SO_RCVTIMEO", -1)), "EINVAL");
});

onceTest("10,000 connections one after the other leave nothing behind", () => {
  const { world, a, b } = pair({ tcp: { timeWait: 1e9 } });
  b.spawn("server", echoServer(b, listenOn(b)));
  const all = a.spawn(
    "clients",
    (function* (): Task<number> {
      let good = 0;
      for (let i = 0; i < 10_000; i++) {
        const answer = yield* exchange(a, "10.0.0.2", bytesOf(`hello ${i}`));
        if (textOf(answer) === `hello ${i}`) good++;
      }
      return good;
    })(),
  );
  assertEquals(world.finish(all, 36000e9), 10_000);
  world.pass(10e9);
  for (const m of [a, b]) {
    assertEquals([...m.stack.tcp.connections].length, 0);
    assertEquals(m.stack.tcp.memory, 0);
  }
  assertEquals([a.net.sockets.size, b.net.sockets.size], [0, 1]);
  assertEquals(b.executor.tasks().map((t) => t.name).sort(), ["net", "server"]);
});

onceTest("1,000 connections at once, each with its own answer, leave nothing behind", () => {
  const { world, a, b } = pair({ tcp: { timeWait: 1e9 }, room: 64 });
  b.spawn("server", echoServer(b, listenOn(b, 9975, 2000)));
  let open = 0, most = 0, good = 0;
  const clients = Array.from({ length: 1000 }, (_, i) =>
    a.spawn(
      `client ${i}`,
      (function* (): Task<void> {
        const socket = a.net.stream();
        yield* socket.connect({ address: ip("10.0.0.2"), port: 9975 });
        most = Math.max(most, ++open);
        // Nobody goes on before all are there.
        while (most < 1000) yield* poll(a.net, [], 1e6);
        yield* socket.send(bytesOf(`I am ${i}`));
        const buffer = new Uint8Array(20);
        const n = yield* socket.recv(buffer);
        if (textOf(buffer.subarray(0, n)) === `I am ${i}`) good++;
        socket.close();
      })(),
    ));
  for (const client of clients) world.finish(client);
  assertEquals([most, good], [1000, 1000]);
  world.pass(10e9);
  for (const m of [a, b]) assertEquals([...m.stack.tcp.connections].length, 0);
  assertEquals(b.net.sockets.size, 1);
});

onceTest("loopback works on a machine without any card", () => {
  const world = new World();
  const a = world.machine("a", { lonely: true, tcp: { timeWait: 1e9 } });
  a.spawn("server", echoServer(a, listenOn(a)));
  assertEquals(
    world.finish(a.spawn("client", exchange(a, "127.0.0.1", bytesOf("to myself")))),
    bytesOf("to myself"),
  );
  assertEquals(
    codeOf(() => world.finish(a.spawn("c", exchange(a, "10.0.0.1", bytesOf("x"))))),
    "ENETUNREACH",
  );
});

onceTest("the same seed gives the same frames, byte for byte; another seed others", () => {
  const run = (seed: number) => {
    const { world, a, b } = pair({}, seed);
    world.faults = { loss: 0.1, reorder: 0.2 };
    a.card.keep = b.card.keep = true;
    b.spawn("server", echoServer(b, listenOn(b)));
    world.finish(a.spawn("client", exchange(a, "10.0.0.2", pattern(50_000))));
    return [...a.card.sent, ...b.card.sent].map((f) => f.join(",")).join("\n");
  };
  assertEquals(run(3), run(3));
  assert(run(3) !== run(4));
});
