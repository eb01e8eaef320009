import { assert, assertEquals, assertMatch } from "@std/assert";
import { formatAddress, netmask } from "../../../inet/addresses.ts";
import { ARP_REPLY, ARP_REQUEST, ArpPacket, readArp, writeArp } from "../../../inet/arp.ts";
import {
  decodeDhcp,
  DHCP_ACK,
  DHCP_DECLINE,
  DHCP_DISCOVER,
  DHCP_NAK,
  DHCP_OFFER,
  DHCP_OPTION,
  DHCP_REQUEST,
  type DhcpMessage,
  dhcpMessage,
  encodeDhcp,
  setAddresses,
  setNumber,
} from "../../../inet/dhcp.ts";
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
import { ETHERTYPE_ARP, writeEthernet } from "../../../inet/ethernet.ts";
import type { Task } from "../../../kernel/executor.ts";
import { SocketError } from "../../../kernel/net/mod.ts";
import { bytesOf, codeOf, type FakeCard, ip, type Machine, pair, World } from "./_world.ts";
import { onceTest } from "../../support/once.ts";

const EVERYONE = new Uint8Array(6).fill(0xff);

/** The ARP packets among what a card has sent. */
function arps(card: FakeCard): ArpPacket[] {
  return card.sent.filter((f) => f[12] === 8 && f[13] === 6).map((frame) => {
    const packet = new ArpPacket();
    assertEquals(readArp(packet, frame, 14, frame.length), undefined);
    return packet;
  });
}
function arpFrame(
  operation: number,
  mac: Uint8Array,
  sender: string,
  target: string,
  to = EVERYONE,
): Uint8Array {
  const frame = new Uint8Array(60);
  writeArp(
    frame,
    writeEthernet(frame, 0, to, mac, ETHERTYPE_ARP),
    operation,
    mac,
    ip(sender),
    new Uint8Array(6),
    ip(target),
  );
  return frame;
}
function pingOnce(world: World, a: Machine, address: string): string {
  return codeOf(() =>
    world.finish(a.spawn(
      "ping",
      (function* (): Task<void> {
        const socket = a.net.echo();
        socket.setsockopt("SO_RCVTIMEO", 5e9);
        yield* socket.sendto(bytesOf("x"), ip(address), 1);
        yield* socket.recvfrom();
      })(),
    ))
  );
}

onceTest(
  "an address is announced twice when it is set, and when the link comes up again or the card asks",
  () => {
    const world = new World();
    const a = world.machine("a", { address: "none" });
    a.card.keep = true;
    const configure = (address: string) =>
      a.stack.configure(a.stack.cards[0], { address: ip(address), prefix: 24, gateway: 0 }, world.now);
    configure("10.0.0.1");
    world.pass(10e9);
    assertEquals(arps(a.card).map((p) => [p.operation, p.sender, p.target]), [
      [ARP_REQUEST, ip("10.0.0.1"), ip("10.0.0.1")],
      [ARP_REQUEST, ip("10.0.0.1"), ip("10.0.0.1")],
    ]);
    a.card.sent.length = 0;
    configure("10.0.0.1");
    world.pass(10e9);
    assertEquals(arps(a.card).length, 0, "nothing has changed");
    a.card.setLink(false);
    world.pass(1e9);
    a.card.setLink(true);
    world.pass(10e9);
    assertEquals(arps(a.card).length, 2);
    a.card.onLinkChange!();
    world.pass(10e9);
    assertEquals(arps(a.card).length, 4, "GUEST_ANNOUNCE");
  },
);

onceTest(
  "entries are asked for again when they are old, by their own address first, and a machine that moved is found",
  () => {
    const { world, a, b } = pair();
    world.pass(5e9);
    assertEquals(pingOnce(world, a, "10.0.0.2"), "no error");
    a.card.keep = true;
    world.pass(30e9);
    assertEquals(pingOnce(world, a, "10.0.0.2"), "no error");
    assertEquals(arps(a.card).length, 0, "still fresh");
    world.pass(70e9);
    assertEquals(pingOnce(world, a, "10.0.0.2"), "no error");
    const [asked] = a.card.sent.filter((f) => f[13] === 6);
    assertEquals([...asked.subarray(0, 6)], [...b.card.mac], "not everyone is disturbed");
    // Another card takes the address over and says so.
    b.card.mac[5] = 99;
    b.stack.arps.get(b.stack.cards[0])!.announce(world.now);
    world.pass(3e9);
    const neighbors = a.stack.arps.get(a.stack.cards[0])!.neighbors.list(world.now);
    assertEquals(neighbors.map((n) => n.mac![5]), [99]);
    assertEquals(pingOnce(world, a, "10.0.0.2"), "no error");
  },
);

onceTest("who asks us is learnt; who merely says something is not; the table has a bound", () => {
  const { world, a } = pair();
  const neighbors = a.stack.arps.get(a.stack.cards[0])!.neighbors;
  world.pass(5e9);
  const known = neighbors.list(world.now).length;
  const mac = Uint8Array.of(2, 9, 9, 9, 9, 9);
  world.inject(arpFrame(ARP_REPLY, mac, "10.0.0.50", "10.0.0.99"));
  world.pass(1e6);
  assertEquals(neighbors.list(world.now).length, known, "nobody asked for it");
  world.inject(arpFrame(ARP_REQUEST, mac, "10.0.0.50", "10.0.0.1"));
  world.inject(arpFrame(ARP_REQUEST, mac, "192.168.7.7", "10.0.0.1"));
  world.pass(1e6);
  const learnt = neighbors.list(world.now).map((n) => formatAddress(n.address));
  assertEquals([learnt.includes("10.0.0.50"), learnt.includes("192.168.7.7")], [true, false]);
  for (let i = 0; i < 3000; i++) {
    a.stack.configure(a.stack.cards[0], { address: ip("10.0.0.1"), prefix: 16, gateway: 0 }, world.now);
    world.inject(arpFrame(ARP_REQUEST, mac, `10.0.${i >> 8}.${i & 255}`, "10.0.0.1"));
    world.run(() => false, 1000);
  }
  assertEquals(neighbors.list(world.now).length, 512);
});

onceTest("somebody else with our address: it is noticed, said, and answered, but not again and again", () => {
  const { world, a } = pair();
  world.pass(5e9);
  a.card.keep = true;
  const mac = Uint8Array.of(2, 9, 9, 9, 9, 9);
  for (let i = 0; i < 100; i++) {
    world.inject(arpFrame(ARP_REQUEST, mac, "10.0.0.1", "10.0.0.1"));
    world.pass(10e6);
  }
  assertEquals(a.stack.arps.get(a.stack.cards[0])!.conflicts, 100);
  assertEquals(arps(a.card).length, 1);
  assertEquals(a.log.filter((l) => l.includes("02:09:09:09:09:09 uses our address 10.0.0.1")).length, 1);
  assertEquals(pingOnce(world, a, "10.0.0.2"), "no error");
});

onceTest("what is beyond the wire goes to the gateway; without one it is ENETUNREACH", () => {
  const world = new World();
  const a = world.machine("a", { address: "10.0.0.1/24", gateway: "10.0.0.254" });
  a.card.keep = true;
  assertEquals(pingOnce(world, a, "8.8.8.8"), "EHOSTUNREACH", "the gateway does not answer");
  assert(arps(a.card).some((p) => p.target === ip("10.0.0.254")));
  assert(!arps(a.card).some((p) => p.target === ip("8.8.8.8")));
  const b = world.machine("b", { address: "10.0.0.2/24", gateway: "10.0.1.1" });
  assertEquals(pingOnce(world, b, "8.8.8.8"), "ENETUNREACH");
  assertEquals(b.log.filter((l) => l.includes("gateway 10.0.1.1 is not in 10.0.0.2/24")).length, 1);
});

/** A DHCP server on a machine of the wire, which notes what it was asked. */
class Server {
  readonly asked: DhcpMessage[] = [];
  lease = 1000;
  refuse = false;
  silent = false;
  next = "10.0.0.50";
  options: (message: DhcpMessage) => void = () => {};

  constructor(readonly machine: Machine) {
    machine.spawn("dhcpd", this.run());
  }
  get types(): number[] {
    return this.asked.map((m) => m.type);
  }
  private *run(): Task<void> {
    const socket = this.machine.net.dgram(), buffer = new Uint8Array(1500);
    socket.setsockopt("SO_BROADCAST", true);
    socket.bind({ address: 0, port: 67 });
    for (;;) {
      const n = yield* socket.recv(buffer);
      const message = decodeDhcp(buffer.slice(0, n));
      if (typeof message === "string") throw new Error(message);
      this.asked.push(message);
      if (this.silent || message.type === DHCP_DECLINE) continue;
      const type = message.type === DHCP_DISCOVER ? DHCP_OFFER : this.refuse ? DHCP_NAK : DHCP_ACK;
      const answer = dhcpMessage(type, message.xid, message.chaddr);
      answer.yiaddr = message.ciaddr || ip(this.next);
      setAddresses(answer, DHCP_OPTION.SERVER_ID, ip("10.0.0.2"));
      if (type !== DHCP_NAK) {
        setNumber(answer, DHCP_OPTION.LEASE_TIME, 4, this.lease);
        setAddresses(answer, DHCP_OPTION.SUBNET_MASK, netmask(24));
        setAddresses(answer, DHCP_OPTION.ROUTER, ip("10.0.0.2"));
        setAddresses(answer, DHCP_OPTION.DNS_SERVER, ip("10.0.0.2"), ip("10.0.0.3"));
      }
      this.options(answer);
      yield* socket.sendto(encodeDhcp(answer), { address: ip("255.255.255.255"), port: 68 });
    }
  }
}
function dhcpWorld(): { world: World; server: Server; client: Machine; address: () => string } {
  const world = new World();
  const server = new Server(world.machine("b", { address: "10.0.0.2/24" }));
  const client = world.machine("a");
  return { world, server, client, address: () => formatAddress(client.stack.cards[0].address) };
}

onceTest(
  "DHCP: an address, its gateway and name servers; renewed at half, kept while the server answers",
  () => {
    const { world, server, client, address } = dhcpWorld();
    assert(world.finish(client.spawn("wait", client.net.configured(10e9))));
    assertEquals(address(), "10.0.0.50");
    assertEquals(server.types, [DHCP_DISCOVER, DHCP_REQUEST]);
    assertEquals(client.stack.nameServers.map(formatAddress), ["10.0.0.2", "10.0.0.3"]);
    assertEquals(client.stack.routes.path(ip("8.8.8.8"))!.nextHop, ip("10.0.0.2"));
    assertEquals(pingOnce(world, client, "10.0.0.2"), "no error");
    world.pass(498e9);
    assertEquals(server.asked.length, 2, "not before half of the lease is over");
    world.pass(3e9);
    const renewal = server.asked[2];
    assertEquals([renewal.type, renewal.ciaddr, renewal.options.has(DHCP_OPTION.REQUESTED_ADDRESS)], [
      DHCP_REQUEST,
      ip("10.0.0.50"),
      false,
    ]);
    world.pass(10_000e9);
    assertEquals(address(), "10.0.0.50");
    assertEquals(new Set(server.types.slice(1)), new Set([DHCP_REQUEST]));
    assertEquals(client.log.filter((l) => l.includes("got 10.0.0.50/24, gateway 10.0.0.2")).length, 1);
  },
);

onceTest(
  "DHCP: a server that falls silent is asked alone, then everyone is, then the address is given up",
  () => {
    const { world, server, client, address } = dhcpWorld();
    world.pass(1e9);
    server.silent = true;
    client.card.keep = true;
    world.pass(860e9);
    const to = (f: Uint8Array) => f[30] === 255 ? "everyone" : "server";
    const dhcp = () => client.card.sent.filter((f) => f[23] === 17 && f[37] === 67).map(to);
    assert(dhcp().length > 1 && dhcp().every((w) => w === "server"), `${dhcp()}`);
    assertEquals(address(), "10.0.0.50");
    world.pass(130e9);
    assertEquals(dhcp().at(-1), "everyone");
    assertEquals(address(), "10.0.0.50", "the lease is not over");
    world.pass(20e9);
    assertEquals(address(), "0.0.0.0");
    assertEquals(
      codeOf(() =>
        world.finish(client.spawn("c", client.net.stream().connect({ address: ip("10.0.0.2"), port: 1 })))
      ),
      "ENETUNREACH",
    );
    server.silent = false;
    world.pass(70e9);
    assertEquals(address(), "10.0.0.50", "and asked for anew");
  },
);

onceTest("DHCP: nobody answers: asked again after 4, 8, 16 ... 64 s; a boot does not wait for ever", () => {
  const world = new World();
  const client = world.machine("a");
  client.card.keep = true;
  const times: number[] = [];
  world.filter = () => (times.push(world.now), true);
  assertEquals(world.finish(client.spawn("wait", client.net.configured(10e9))), false);
  assertEquals(Math.round(world.now / 1e9), 10);
  world.pass(300e9);
  const gaps = times.slice(1).map((t, i) => (t - times[i]) / 1e9);
  for (const [i, expected] of [4, 8, 16, 32, 64, 64].entries()) {
    assert(Math.abs(gaps[i] - expected) <= 1.001, `${gaps}`);
  }
});

onceTest("DHCP: offers that cannot be used are passed over, and answers to others are not ours", () => {
  const { world, server, client, address } = dhcpWorld();
  const wrong: ((m: DhcpMessage) => void)[] = [
    (m) => m.yiaddr = 0,
    (m) => m.yiaddr = ip("127.0.0.1"),
    (m) => m.yiaddr = ip("255.255.255.255"),
    (m) => m.options.delete(DHCP_OPTION.LEASE_TIME),
    (m) => m.options.delete(DHCP_OPTION.SERVER_ID),
    (m) => m.xid ^= 1,
    (m) => m.chaddr[0] ^= 1,
    (m) => m.request = true,
  ];
  for (const spoil of wrong) {
    server.options = spoil;
    world.pass(70e9);
    assertEquals(address(), "0.0.0.0", String(spoil));
  }
  server.options = () => {};
  world.pass(70e9);
  assertEquals(address(), "10.0.0.50");
  assertEquals(client.log.filter((l) => l.includes("failed")), []);
});

onceTest(
  "DHCP: a refusal begins anew; an address that somebody else has is declined and another one asked for",
  () => {
    const { world, server, client, address } = dhcpWorld();
    server.refuse = true;
    world.pass(30e9);
    assertEquals(address(), "0.0.0.0");
    server.refuse = false;
    world.pass(100e9);
    assertEquals(address(), "10.0.0.50");
    // Long after: defended. Soon after: given back.
    const mac = Uint8Array.of(2, 9, 9, 9, 9, 9);
    world.inject(arpFrame(ARP_REQUEST, mac, "10.0.0.50", "10.0.0.50"));
    world.pass(1e9);
    assertEquals(address(), "10.0.0.50");
    client.card.setLink(false);
    client.stack.dhcp.start(client.stack.cards[0], world.now);
    client.card.setLink(true);
    world.run(
      () => server.asked.at(-1)!.type === DHCP_REQUEST && server.asked.at(-2)!.type === DHCP_DISCOVER,
      60e9,
    );
    world.pass(20e9);
    client.stack.configure(client.stack.cards[0], { address: 0, prefix: 0, gateway: 0 }, world.now);
    client.stack.dhcp.start(client.stack.cards[0], world.now);
    world.pass(1e9);
    server.next = "10.0.0.51";
    world.inject(arpFrame(ARP_REQUEST, mac, "10.0.0.50", "10.0.0.50"));
    world.pass(1e9);
    assertEquals(address(), "0.0.0.0");
    const decline = server.asked.find((m) => m.type === DHCP_DECLINE)!;
    assertEquals([...decline.options.get(DHCP_OPTION.REQUESTED_ADDRESS)!], [10, 0, 0, 50]);
    world.pass(20e9);
    assertEquals(address(), "10.0.0.51");
  },
);

onceTest("DHCP: after the link was away the same address is asked for, and kept if nobody says no", () => {
  const { world, server, client, address } = dhcpWorld();
  world.pass(1e9);
  const before = server.asked.length;
  client.card.setLink(false);
  world.pass(5e9);
  client.card.setLink(true);
  world.pass(5e9);
  const again = server.asked.slice(before);
  assertEquals(again.map((m) => [m.type, m.ciaddr]), [[DHCP_REQUEST, 0]]);
  assertEquals([...again[0].options.get(DHCP_OPTION.REQUESTED_ADDRESS)!], [10, 0, 0, 50]);
  assertEquals(again[0].options.has(DHCP_OPTION.SERVER_ID), false);
  server.silent = true;
  client.card.setLink(false);
  world.pass(1e9);
  client.card.setLink(true);
  world.pass(60e9);
  assertEquals(address(), "10.0.0.50");
  server.silent = false;
  server.refuse = true;
  client.card.setLink(false);
  world.pass(1e9);
  client.card.setLink(true);
  world.pass(500e6);
  assertEquals(address(), "0.0.0.0");
});

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
