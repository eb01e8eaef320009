import { assert, assertEquals } from "@std/assert";
import { formatAddress } from "../../../inet/addresses.ts";
import { ARP_REPLY, ARP_REQUEST } from "../../../inet/arp.ts";
import { ip, pair, World } from "./_world.ts";
import { onceTest } from "../../support/once.ts";
import { arpFrame, arps, pingOnce } from "./_wire.ts";

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
