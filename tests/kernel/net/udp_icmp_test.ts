import { assert, assertEquals } from "@std/assert";
import { ETHERTYPE_IPV4, writeEthernet } from "../../../inet/ethernet.ts";
import { writeIpv4 } from "../../../inet/ipv4.ts";
import type { Task } from "../../../kernel/executor.ts";
import { bytesOf, codeOf, ip, type Machine, pair, pattern, textOf, World } from "./_world.ts";
import { onceTest } from "../../support/once.ts";

onceTest("a datagram crosses the wire after ARP, and its answer comes back", () => {
  const { world, a, b } = pair();
  const server = b.spawn(
    "server",
    (function* (): Task<string> {
      const socket = b.net.dgram();
      socket.bind({ address: 0, port: 9975 });
      const buffer = new Uint8Array(100);
      const from = yield* socket.recvfrom(buffer);
      yield* socket.sendto(bytesOf("pong"), from);
      assertEquals(from.address, ip("10.0.0.1"));
      return textOf(buffer.subarray(0, from.length));
    })(),
  );
  const client = a.spawn(
    "client",
    (function* (): Task<string> {
      const socket = a.net.dgram();
      yield* socket.sendto(bytesOf("ping"), { address: ip("10.0.0.2"), port: 9975 });
      const buffer = new Uint8Array(100);
      const from = yield* socket.recvfrom(buffer);
      assertEquals([from.address, from.port], [ip("10.0.0.2"), 9975]);
      return textOf(buffer.subarray(0, from.length));
    })(),
  );
  assertEquals(world.finish(client), "pong");
  assertEquals(world.finish(server), "ping");
  assertEquals(world.lostWakes, []);
});

for (const fillsChecksums of [false, true]) {
  onceTest(
    `datagrams of all sizes arrive whole, in fragments where they must; checksums by the card: ${fillsChecksums}`,
    () => {
      // An MTU that is no multiple of 8 shows whether pieces end where they may.
      const { world, a, b } = pair({ fillsChecksums, mtu: fillsChecksums ? 1497 : 1500 });
      const sizes = [0, 1, 2, 1469, 1472, 1473, 4000, 65507];
      const receiver = b.spawn(
        "receiver",
        (function* (): Task<void> {
          const socket = b.net.dgram();
          socket.bind({ address: 0, port: 7 });
          const buffer = new Uint8Array(65536);
          for (const size of sizes) {
            const { length, truncated } = yield* socket.recvfrom(buffer);
            assert(!truncated);
            assertEquals(buffer.subarray(0, length), pattern(size, size));
          }
        })(),
      );
      a.spawn(
        "sender",
        (function* (): Task<void> {
          const socket = a.net.dgram();
          for (const size of sizes) {
            yield* socket.sendto(pattern(size, size), { address: ip("10.0.0.2"), port: 7 });
          }
        })(),
      );
      world.finish(receiver);
      assertEquals(b.stack.input.reassembler.counters.completed, fillsChecksums ? 4 : 3);
      assertEquals(b.stack.input.reassembler.bytes, 0);
    },
  );
}

onceTest("a card that takes one frame at a time loses no datagram: the sender waits", () => {
  const { world, a, b } = pair({ room: 1 });
  const count = 3000;
  const receiver = b.spawn(
    "receiver",
    (function* (): Task<void> {
      const socket = b.net.dgram();
      socket.setsockopt("SO_RCVBUF", 64 << 20);
      socket.bind({ address: 0, port: 7 });
      const buffer = new Uint8Array(1500);
      for (let i = 0; i < count; i++) {
        const n = yield* socket.recv(buffer);
        assertEquals(n, 1000);
        assertEquals(buffer[0] << 8 | buffer[1], i);
      }
    })(),
  );
  const sender = a.spawn(
    "sender",
    (function* (): Task<void> {
      const socket = a.net.dgram();
      socket.setsockopt("SO_SNDBUF", 10_000);
      const bytes = new Uint8Array(1000);
      for (let i = 0; i < count; i++) {
        bytes[0] = i >>> 8;
        bytes[1] = i;
        yield* socket.sendto(bytes, { address: ip("10.0.0.2"), port: 7 });
      }
    })(),
  );
  world.finish(receiver);
  world.finish(sender);
  assert(a.card.refusals > 10, "the card was never full: this test shows nothing");
});

onceTest("a full socket buffer drops datagrams and counts them; what is there stays", () => {
  const { world, a, b } = pair();
  const socket = b.net.dgram();
  socket.bind({ address: 0, port: 7 });
  socket.setsockopt("SO_RCVBUF", 5000);
  const sender = a.spawn(
    "sender",
    (function* (): Task<void> {
      const out = a.net.dgram();
      for (let i = 0; i < 20; i++) {
        yield* out.sendto(new Uint8Array(1000).fill(i), { address: ip("10.0.0.2"), port: 7 });
      }
    })(),
  );
  world.finish(sender);
  world.pass(1e9);
  const { received, overflowed } = b.stack.udp.counters;
  assertEquals(received + overflowed, 20);
  assert(received >= 4 && received <= 6, `${received}`);
  socket.nonBlocking = true;
  const buffer = new Uint8Array(1000);
  for (let i = 0; i < received; i++) {
    const n = b.spawn("recv", socket.recv(buffer));
    assertEquals(world.finish(n), 1000);
    assertEquals(buffer[0], i);
  }
  assertEquals(codeOf(() => world.finish(b.spawn("recv", socket.recv(buffer)))), "EAGAIN");
});

onceTest(
  "a port that nobody has: a connected socket hears ECONNREFUSED, over the wire and over loopback",
  () => {
    const { world, a } = pair();
    for (const address of ["10.0.0.2", "127.0.0.1", "10.0.0.1"]) {
      const asked = a.spawn(
        "client",
        (function* (): Task<void> {
          const socket = a.net.dgram();
          socket.connect({ address: ip(address), port: 9 });
          yield* socket.send(bytesOf("x"));
          yield* socket.recv(new Uint8Array(10));
        })(),
      );
      assertEquals(codeOf(() => world.finish(asked)), "ECONNREFUSED", address);
    }
  },
);

onceTest("errors of datagram sockets have POSIX's names", () => {
  const { world, a } = pair();
  const socket = a.net.dgram();
  const send = (bytes: Uint8Array, address: string, port: number) =>
    codeOf(() => world.finish(a.spawn("send", socket.sendto(bytes, { address: ip(address), port }))));
  assertEquals(send(new Uint8Array(65508), "10.0.0.2", 7), "EMSGSIZE");
  assertEquals(send(bytesOf("x"), "192.168.1.1", 7), "ENETUNREACH", "there is no gateway");
  assertEquals(send(bytesOf("x"), "10.0.0.255", 7), "EACCES");
  assertEquals(send(bytesOf("x"), "255.255.255.255", 7), "EACCES");
  socket.setsockopt("SO_BROADCAST", true);
  assertEquals(send(bytesOf("x"), "10.0.0.255", 7), "no error");
  assertEquals(codeOf(() => world.finish(a.spawn("send", socket.send(bytesOf("x"))))), "EDESTADDRREQ");
  assertEquals(codeOf(() => socket.getpeername()), "ENOTCONN");
  assertEquals(codeOf(() => socket.bind({ address: 0, port: 7 })), "EINVAL", "it is bound already");
  const other = a.net.dgram(), third = a.net.dgram();
  assertEquals(codeOf(() => other.bind({ address: ip("10.0.0.9"), port: 7 })), "EADDRNOTAVAIL");
  other.bind({ address: 0, port: 7 });
  assertEquals(codeOf(() => third.bind({ address: ip("10.0.0.1"), port: 7 })), "EADDRINUSE");
  other.close();
  third.bind({ address: ip("10.0.0.1"), port: 7 });
  assertEquals(codeOf(() => other.getsockopt("SO_RCVBUF")), "no error");
  assertEquals(codeOf(() => other.setsockopt("SO_RCVBUF", 1)), "EBADF");
});

onceTest(
  "nobody answers ARP: the sender hears EHOSTUNREACH after three requests, and nothing is kept",
  () => {
    const { world, a } = pair();
    a.card.keep = true;
    world.pass(5e9);
    a.card.sent.length = 0;
    const asked = a.spawn(
      "client",
      (function* (): Task<void> {
        const socket = a.net.dgram();
        socket.connect({ address: ip("10.0.0.77"), port: 9 });
        yield* socket.send(bytesOf("x"));
        yield* socket.recv(new Uint8Array(10));
      })(),
    );
    const begin = world.now;
    assertEquals(codeOf(() => world.finish(asked)), "EHOSTUNREACH");
    assertEquals(world.now - begin, 3e9);
    assertEquals(a.card.sent.length, 3);
    assertEquals([...a.stack.arps.values()][0].neighbors.list(world.now).length, 0);
  },
);

onceTest(
  "whoever sends to a thousand addresses that nobody has is held up, and costs no more than a bound",
  () => {
    const { world, a } = pair({ mtu: 1500 });
    a.stack.configure(a.stack.cards[0], { address: ip("10.0.0.1"), prefix: 8, gateway: 0 }, world.now);
    let sent = 0;
    const sender = a.spawn(
      "sender",
      (function* (): Task<void> {
        const socket = a.net.dgram();
        for (; sent < 10_000; sent++) {
          yield* socket.sendto(new Uint8Array(1400), { address: ip("10.9.0.0") + sent % 1000, port: 7 });
        }
      })(),
    );
    world.run(() => false, 1e6);
    const held = () =>
      a.stack.arps.get(a.stack.cards[0])!.neighbors.list(world.now).reduce((n, e) => n + e.held, 0);
    assert(held() > 500 && held() <= (2 << 20) / 1400, `${held()}`);
    assert(sent < 3000, `${sent}`);
    world.finish(sender, 3600e9);
    world.pass(20e9);
    assertEquals(held(), 0);
  },
);

onceTest("broadcasts reach all who listen, and nobody answers them with an error", () => {
  const world = new World();
  const [a, b, c] = ["a", "b", "c"].map((n, i) => world.machine(n, { address: `10.0.0.${i + 1}/24` }));
  const got: string[] = [];
  for (const m of [b, c]) {
    m.spawn(
      "listener",
      (function* (): Task<void> {
        const socket = m.net.dgram();
        socket.bind({ address: 0, port: 7 });
        yield* socket.recv(new Uint8Array(10));
        got.push(m.name);
      })(),
    );
  }
  b.card.keep = c.card.keep = true;
  const socket = a.net.dgram();
  socket.setsockopt("SO_BROADCAST", true);
  a.spawn(
    "send",
    (function* (): Task<void> {
      yield* socket.sendto(bytesOf("x"), { address: ip("10.0.0.255"), port: 7 });
      yield* socket.sendto(bytesOf("x"), { address: ip("255.255.255.255"), port: 8 });
    })(),
  );
  world.pass(1e9);
  assertEquals(got.sort(), ["b", "c"]);
  const icmp = [...b.card.sent, ...c.card.sent].filter((f) => f[12] === 8 && f[13] === 0 && f[23] === 1);
  assertEquals(icmp.length, 0);
});

onceTest("ping: an echo is answered with what was sent, small or in fragments; over loopback, too", () => {
  const { world, a } = pair();
  for (
    const [address, size] of [["10.0.0.2", 56], ["10.0.0.2", 20_000], ["127.0.0.1", 56], [
      "10.0.0.1",
      0,
    ]] as const
  ) {
    const asked = a.spawn(
      "ping",
      (function* (): Task<void> {
        const socket = a.net.echo();
        yield* socket.sendto(pattern(size), ip(address), 5);
        const reply = yield* socket.recvfrom();
        assertEquals(reply.address, ip(address));
        assertEquals(reply.sequence, 5);
        assertEquals(reply.data, pattern(size));
        socket.close();
      })(),
    );
    world.finish(asked);
  }
});

onceTest("ICMP errors are limited, and never sent about ICMP errors or groups", () => {
  const { world, a, b } = pair();
  b.card.keep = true;
  const flood = a.spawn(
    "flood",
    (function* (): Task<void> {
      const socket = a.net.dgram();
      for (let i = 0; i < 500; i++) yield* socket.sendto(bytesOf("x"), { address: ip("10.0.0.2"), port: 9 });
    })(),
  );
  world.finish(flood);
  world.pass(1e9);
  const { errorsOut, limited } = b.stack.icmp.counters;
  assertEquals(errorsOut + limited, 500);
  assert(errorsOut >= 50 && errorsOut < 100, `${errorsOut}`);
});

onceTest(
  "a protocol that nobody knows is told to one who sent it to us, and to nobody who sent it to all",
  () => {
    const { world, a, b } = pair();
    world.pass(5e9);
    assertEquals(pingCode(world, a), "no error");
    b.card.keep = true;
    const packet = (to: string) => {
      const frame = new Uint8Array(60);
      const destination = to === "10.0.0.2" ? b.card.mac : new Uint8Array(6).fill(0xff);
      const at = writeEthernet(frame, 0, destination, a.card.mac, ETHERTYPE_IPV4);
      writeIpv4(frame, at, ip("10.0.0.1"), ip(to), 99, 20, 1);
      return frame;
    };
    const errors = () => b.card.sent.filter((f) => f[23] === 1).map((f) => [f[34], f[35]]);
    for (const to of ["10.0.0.255", "255.255.255.255", "10.0.0.2"]) {
      world.inject(packet(to));
      world.pass(1e6);
      assertEquals(errors(), to === "10.0.0.2" ? [[3, 2]] : [], to);
    }
  },
);

function pingCode(world: World, a: Machine): string {
  const task = a.spawn(
    "ping",
    (function* (): Task<void> {
      const socket = a.net.echo();
      yield* socket.sendto(bytesOf("x"), ip("10.0.0.2"), 1);
      yield* socket.recvfrom();
      socket.close();
    })(),
  );
  return codeOf(() => world.finish(task));
}

onceTest("garbage of every kind is dropped, and the stack goes on", () => {
  const { world, a, b } = pair();
  const socket = b.net.dgram();
  socket.bind({ address: 0, port: 7 });
  const header = [...b.card.mac, ...a.card.mac];
  for (let seed = 1; seed <= 3000; seed++) {
    const frame = pattern(seed % 120, seed);
    // Mostly past the first checks: for this card, IPv4 or ARP, a plausible header.
    if (seed % 2 === 0 && frame.length > 40) frame.set([...header, 8, seed % 4 === 0 ? 6 : 0, 0x45]);
    if (seed % 10 === 0 && frame.length > 40) frame.set([8, 6, 0, 1, 8, 0, 6, 4, 0, 1 + seed % 3], 12);
    world.inject(frame);
    world.run(() => false, 1000);
  }
  const asked = a.spawn(
    "ping",
    (function* (): Task<number> {
      const echo = a.net.echo();
      yield* echo.sendto(pattern(10), ip("10.0.0.2"), 1);
      return (yield* echo.recvfrom()).sequence;
    })(),
  );
  assertEquals(world.finish(asked), 1);
  assertEquals(b.log.filter((l) => l.includes("failed")), []);
});
