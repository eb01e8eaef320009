import { assert, assertEquals } from "@std/assert";
import { formatAddress, netmask } from "../../../inet/addresses.ts";
import { ARP_REQUEST } from "../../../inet/arp.ts";
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
import type { Task } from "../../../kernel/executor.ts";
import { codeOf, ip, type Machine, World } from "./_world.ts";
import { onceTest } from "../../support/once.ts";
import { arpFrame, pingOnce } from "./_wire.ts";

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
  assertEquals(client.stack.dhcp.of(client.stack.cards[0])!.state, "bound");
  server.silent = false;
  server.refuse = true;
  client.card.setLink(false);
  world.pass(1e9);
  client.card.setLink(true);
  world.pass(500e6);
  assertEquals(address(), "0.0.0.0");
});
