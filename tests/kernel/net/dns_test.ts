import { assert, assertEquals, assertMatch } from "@std/assert";
import { formatAddress } from "../../../inet/addresses.ts";
import {
  decodeDns,
  DNS_CLASS_IN,
  DNS_NO_SUCH_NAME,
  DNS_OK,
  DNS_SERVER_FAILURE,
  DNS_TYPE_A,
  DNS_TYPE_CNAME,
  type DnsMessage,
  type DnsRecord,
  encodeDnsAnswer,
} from "../../../inet/dns.ts";
import type { Task } from "../../../kernel/executor.ts";
import { SocketError } from "../../../kernel/net/mod.ts";
import { bytesOf, ip, type Machine, pair, World } from "./_world.ts";
import { onceTest } from "../../support/once.ts";

/** A name server that answers what `answer` says. */
function nameServer(
  m: Machine,
  answer: (query: DnsMessage, n: number) => Uint8Array[],
  overTcp?: (query: DnsMessage) => Uint8Array,
) {
  const seen: DnsMessage[] = [];
  const ports: number[] = [];
  m.spawn(
    "dns",
    (function* (): Task<void> {
      const socket = m.net.dgram(), buffer = new Uint8Array(1500);
      socket.bind({ address: 0, port: 53 });
      for (;;) {
        const from = yield* socket.recvfrom(buffer);
        const query = decodeDns(buffer.slice(0, from.length)) as DnsMessage;
        seen.push(query);
        ports.push(from.port);
        for (const bytes of answer(query, seen.length)) yield* socket.sendto(bytes, from);
      }
    })(),
  );
  if (overTcp !== undefined) {
    m.spawn(
      "dns tcp",
      (function* (): Task<void> {
        const listener = m.net.stream(), buffer = new Uint8Array(1500);
        listener.bind({ address: 0, port: 53 });
        listener.listen();
        for (;;) {
          const socket = yield* listener.accept();
          const n = yield* socket.recv(buffer);
          const bytes = overTcp(decodeDns(buffer.slice(2, n)) as DnsMessage);
          yield* socket.send(Uint8Array.of(bytes.length >>> 8, bytes.length, ...bytes));
          socket.close();
        }
      })(),
    );
  }
  return { seen, ports };
}
const record = (name: string, address: string, ttl = 60): DnsRecord => ({
  name,
  type: DNS_TYPE_A,
  class: DNS_CLASS_IN,
  ttl,
  address: ip(address),
});
function lookup(world: World, m: Machine, name: string): string[] | string {
  const task = m.spawn(
    "lookup",
    (function* (): Task<string[] | string> {
      try {
        return (yield* m.net.resolver.getaddrinfo(name)).map(formatAddress);
      } catch (error) {
        if (!(error instanceof SocketError)) throw error;
        return error.code;
      }
    })(),
  );
  return world.finish(task);
}
function dnsWorld() {
  const { world, a, b } = pair();
  const c = world.machine("c", { address: "10.0.0.3/24" });
  a.stack.nameServers = [ip("10.0.0.2"), ip("10.0.0.3")];
  return { world, a, b, c };
}

onceTest("names: numbers and localhost need no server; answers are remembered for their time", () => {
  const { world, a, b } = dnsWorld();
  const { seen, ports } = nameServer(
    b,
    (
      q,
    ) => [
      encodeDnsAnswer(q, DNS_OK, [record("Example.ORG", "1.2.3.4"), record("example.org", "1.2.3.5", 30)])!,
    ],
  );
  assertEquals(lookup(world, a, "10.9.8.7"), ["10.9.8.7"]);
  assertEquals(lookup(world, a, "localhost"), ["127.0.0.1"]);
  assertEquals(lookup(world, a, ""), "EAI_NONAME");
  assertEquals(lookup(world, a, "a..b"), "EAI_NONAME");
  assertEquals(seen.length, 0);
  assertEquals(lookup(world, a, "example.org"), ["1.2.3.4", "1.2.3.5"]);
  assertEquals(lookup(world, a, "EXAMPLE.org."), ["1.2.3.4", "1.2.3.5"]);
  assertEquals([seen.length, a.net.resolver.cache.hits], [1, 1]);
  world.pass(31e9);
  assertEquals(lookup(world, a, "example.org"), ["1.2.3.4", "1.2.3.5"]);
  assertEquals(seen.length, 2, "the shortest time counts");
  assert(seen[0].id !== seen[1].id && ports[0] !== ports[1], "nobody can foresee the next question");
  assertEquals(a.net.sockets.size, 0);
});

onceTest("names: aliases are followed; a name that does not exist is remembered, too", () => {
  const { world, a, b } = dnsWorld();
  const alias = (name: string, target: string): DnsRecord => ({
    name,
    type: DNS_TYPE_CNAME,
    class: DNS_CLASS_IN,
    ttl: 9,
    target,
  });
  const { seen } = nameServer(b, (q) => {
    const { name } = q.questions[0];
    if (name === "www.x") {
      return [
        encodeDnsAnswer(q, DNS_OK, [alias("www.x", "web.x"), alias("web.x", "x"), record("x", "1.1.1.1")])!,
      ];
    }
    if (name === "loop.x") {
      return [encodeDnsAnswer(q, DNS_OK, [alias("loop.x", "pool.x"), alias("pool.x", "loop.x")])!];
    }
    return [encodeDnsAnswer(q, DNS_NO_SUCH_NAME, [])!];
  });
  assertEquals(lookup(world, a, "www.x"), ["1.1.1.1"]);
  assertEquals(lookup(world, a, "loop.x"), "EAI_NONAME");
  assertEquals(lookup(world, a, "no.x"), "EAI_NONAME");
  assertEquals(lookup(world, a, "no.x"), "EAI_NONAME");
  assertEquals(seen.map((q) => q.questions[0].name), ["www.x", "loop.x", "no.x"]);
});

onceTest(
  "names: a silent server is asked again, and the next one after it; nobody at all is EAI_AGAIN, errors are EAI_FAIL",
  () => {
    const { world, a, b, c } = dnsWorld();
    let mode = "silent";
    nameServer(
      b,
      (q, n) =>
        mode === "silent" || mode === "second" && n % 2 === 1
          ? []
          : [encodeDnsAnswer(q, DNS_SERVER_FAILURE, [])!],
    );
    const before = world.now;
    assertEquals(
      lookup(world, a, "x.y"),
      "EAI_AGAIN",
      "the other one has no server: its refusal is no answer",
    );
    assert(world.now - before >= 7e9, `${(world.now - before) / 1e9}`);
    mode = "failing";
    assertEquals(lookup(world, a, "x.y"), "EAI_FAIL");
    nameServer(c, (q) => [encodeDnsAnswer(q, DNS_OK, [record("x.y", "5.5.5.5")])!]);
    assertEquals(lookup(world, a, "x.y"), ["5.5.5.5"]);
    a.stack.nameServers = [];
    assertEquals(lookup(world, a, "z.y"), "EAI_AGAIN");
  },
);

onceTest("names: forgeries are passed over; what does not fit is fetched over TCP", () => {
  const { world, a, b } = dnsWorld();
  const evil = [record("x.y", "6.6.6.6")];
  nameServer(b, (q) => [
    encodeDnsAnswer({ ...q, id: q.id ^ 1 }, DNS_OK, evil)!,
    encodeDnsAnswer({ ...q, questions: [{ ...q.questions[0], name: "other" }] }, DNS_OK, evil)!,
    encodeDnsAnswer({ ...q, questions: [] }, DNS_OK, evil)!,
    bytesOf("garbage"),
    encodeDnsAnswer(q, DNS_OK, [record("other", "6.6.6.6"), record("x.y", "7.7.7.7")])!,
  ]);
  assertEquals(lookup(world, a, "x.y"), ["7.7.7.7"]);
  const many = Array.from({ length: 100 }, (_, i) => record("many.y", `9.9.9.${i}`));
  const { world: w2, a: a2, b: b2 } = dnsWorld();
  nameServer(
    b2,
    (q) => [encodeDnsAnswer(q, DNS_OK, many)!],
    (q) => encodeDnsAnswer(q, DNS_OK, many, 65535)!,
  );
  assertEquals((lookup(w2, a2, "many.y") as string[]).length, 100);
});

onceTest("names: the cache has a bound", () => {
  const { world, a, b } = dnsWorld();
  nameServer(b, (q) => [encodeDnsAnswer(q, DNS_OK, [record(q.questions[0].name, "1.1.1.1", 1e6)])!]);
  for (let i = 0; i < 300; i++) assertEquals(lookup(world, a, `n${i}.y`), ["1.1.1.1"]);
  assertEquals(a.net.resolver.cache.size, 256);
  assertMatch(String(world.now), /^\d+$/);
});
