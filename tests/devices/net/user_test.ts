import { once } from "./once.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { decodeDns, type DnsMessage, encodeDnsAnswer, encodeDnsQuery } from "../../../inet/dns.ts";
import { formatAddress, LOOPBACK } from "../../../inet/addresses.ts";
import {
  type HostDatagram,
  type HostDatagrams,
  type HostForward,
  type HostNetwork,
  NO_HOST,
  UserNetwork,
  userOptions,
} from "../../../devices/net/user/mod.ts";
import { arp, dhcp, ip, ping, show, udp } from "./frames.ts";
import { Card } from "./support.ts";

/** A UDP socket of a host that is the test. */
class FakeSocket implements HostDatagrams {
  onEvent: (() => void) | undefined;
  readonly sent: string[] = [];
  closed = false;
  private readonly waiting: HostDatagram[] = [];
  constructor(readonly port: number) {}
  send(bytes: Uint8Array, address: number, port: number): void {
    this.sent.push(`${new TextDecoder().decode(bytes)} > ${formatAddress(address)}:${port}`);
  }
  receive(): HostDatagram | undefined {
    return this.waiting.shift();
  }
  close(): void {
    this.closed = true;
  }
  arrive(text: string, from: string): void {
    const [address, port] = from.split(":");
    this.waiting.push({ bytes: new TextEncoder().encode(text), address: ip(address), port: Number(port) });
    this.onEvent?.();
  }
}

function networkOf(
  words: Record<string, string> = {},
  hostfwd: string[] = [],
  host: Partial<HostNetwork> = {},
  forwards: HostForward[] = [],
) {
  const log: string[] = [];
  const options = userOptions("-netdev user", words, hostfwd);
  const network = new UserNetwork("n0", options, { ...NO_HOST, ...host }, forwards, (line) => log.push(line));
  const card = new Card(network);
  /** Sends frames and returns what came back, in lines. */
  const say = (...frames: Uint8Array[]) => {
    card.received.length = 0;
    for (const frame of frames) network.send(frame);
    card.pass(0);
    return card.received.map(show);
  };
  /** What comes from the host. */
  const deliver = () => {
    card.received.length = 0;
    const any = network.deliver();
    card.pass(0);
    return any ? card.received.map(show) : undefined;
  };
  return { network, card, log, say, deliver };
}
const text = (s: string) => new TextEncoder().encode(s);
const hexOf = (s: string) => Array.from(text(s), (b) => b.toString(16)).join("");

once("ARP: the gateway and DNS answer, nobody else, and nothing while the guest is still sending", () => {
  const { network, card, say } = networkOf();
  assertEquals(say(arp("10.0.2.15", "10.0.2.2")), [
    "52:54:00:12:34:56 < 52:55:0a:00:02:02 ARP 2 52:55:0a:00:02:02 10.0.2.2 > 52:54:00:12:34:56 10.0.2.15",
  ]);
  assertEquals(say(arp("10.0.2.15", "10.0.2.3"), arp("10.0.2.15", "10.0.2.4"), arp("0.0.0.0", "10.0.2.15")), [
    "52:54:00:12:34:56 < 52:55:0a:00:02:03 ARP 2 52:55:0a:00:02:03 10.0.2.3 > 52:54:00:12:34:56 10.0.2.15",
  ]);
  card.received.length = 0;
  network.send(arp("10.0.2.15", "10.0.2.2"));
  assertEquals(card.received.length, 0);
  card.pass(0);
  // As long as the real QEMU's (libslirp pads its answers to 64 bytes).
  assertEquals(card.received.map((frame) => frame.length), [64]);
});

once("DHCP: the network of the command line, in the lease and everywhere", () => {
  const words = { net: "192.168.76.0/24", dhcpstart: "192.168.76.9", hostname: "crab" };
  const [offer] = networkOf(words).say(dhcp(1));
  assertMatch(offer, /192\.168\.76\.2:67 > 255\.255\.255\.255:68 DHCP 2 .* 192\.168\.76\.9 192\.168\.76\.2 /);
  assertMatch(offer, / 1=ffffff00 3=c0a84c02 6=c0a84c03 51=00015180 12=63726162 /);
  const [restricted] = networkOf({ restrict: "on" }).say(dhcp(1));
  assert(!/ 3=| 6=/.test(restricted), "no router and no DNS where there is nothing to reach");
});

once("a guest that was not heard of is asked for; what is for it waits for its answer", () => {
  const { say } = networkOf();
  assertEquals(say(ping("10.0.2.17", "10.0.2.2")), [
    "ff:ff:ff:ff:ff:ff < 52:55:0a:00:02:02 ARP 1 52:55:0a:00:02:02 10.0.2.2 > 00:00:00:00:00:00 10.0.2.17",
  ]);
  assertEquals(say(ping("10.0.2.17", "10.0.2.2", 16, 2)), [], "not asked twice in a second");
  const [reply, ...more] = say(arp("10.0.2.17", "10.0.2.2", 2));
  assertMatch(reply, /ICMP {2}10\.0\.2\.2 > 10\.0\.2\.17 0\/0 2 1 /);
  assertEquals(more, []);
});

once(
  "UDP: out through a socket of the host, the gateway being its loopback; back as from whom it came",
  () => {
    const sockets: FakeSocket[] = [];
    const { network, card, say, deliver } = networkOf({}, [], {
      datagrams() {
        sockets.push(new FakeSocket(5000 + sockets.length));
        return sockets.at(-1);
      },
    });
    say(arp("10.0.2.15", "10.0.2.2"));
    assertEquals(network.inputOpen, false);
    say(udp("10.0.2.15:1000", "10.0.2.2:7", text("a")), udp("10.0.2.15:1000", "192.0.2.1:8", text("b")));
    say(udp("10.0.2.15:1001", "10.0.2.2:7", text("c")));
    assertEquals(sockets.map((s) => s.sent), [["a > 127.0.0.1:7", "b > 192.0.2.1:8"], ["c > 127.0.0.1:7"]]);
    assertEquals([network.inputOpen, network.realTime, deliver()], [true, true, undefined]);
    sockets[1].arrive("d", "127.0.0.1:7");
    sockets[0].arrive("e", "192.0.2.1:8");
    const lines = deliver()!;
    assertEquals(lines.map((l) => l.split("UDP  ")[1]), [
      `192.0.2.1:8 > 10.0.2.15:1000 ${hexOf("e")}`,
      `10.0.2.2:7 > 10.0.2.15:1001 ${hexOf("d")}`,
    ]);
    // In fragments, both ways.
    const long = new Uint8Array(4000).fill(0x61);
    sockets[0].arrive("x".repeat(4000), "127.0.0.1:9");
    assertEquals(deliver()!.map((l) => l.replace(/.*FRAGMENT/, "")), [
      " 10.0.2.2 > 10.0.2.15 0+1480 more",
      " 10.0.2.2 > 10.0.2.15 1480+1480 more",
      " 10.0.2.2 > 10.0.2.15 2960+1048",
    ]);
    const pieces = fragments(udp("10.0.2.15:1000", "10.0.2.2:7", long));
    say(pieces[1], pieces[2], pieces[0]);
    assertEquals(sockets[0].sent.at(-1), `${"a".repeat(4000)} > 127.0.0.1:7`);
    // A socket that has rested is given back.
    card.pass(241e9);
    assertEquals([sockets.map((s) => s.closed), network.inputOpen], [[true, true], false]);
  },
);

/** A packet of more than 1500 bytes as a guest would send it. */
function fragments(frame: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 34; at < frame.length; at += 1480) {
    const piece = new Uint8Array(34 + Math.min(1480, frame.length - at));
    piece.set(frame.subarray(0, 34));
    piece.set(frame.subarray(at, at + 1480), 34);
    const view = new DataView(piece.buffer);
    view.setUint16(16, piece.length - 14);
    view.setUint16(20, (at - 34) / 8 | (at + 1480 < frame.length ? 0x2000 : 0));
    view.setUint16(24, 0);
    let sum = 0;
    for (let i = 14; i < 34; i += 2) sum += view.getUint16(i);
    view.setUint16(24, ~((sum & 0xffff) + (sum >>> 16)));
    pieces.push(piece);
  }
  return pieces;
}

once("hostfwd=udp: each host that sent something gets the guest's answers, others do not", () => {
  const socket = new FakeSocket(9975);
  const { network, say, deliver } = networkOf({ restrict: "on" }, ["udp::9975-:53"], {}, [socket]);
  say(arp("10.0.2.15", "10.0.2.2"));
  assertEquals(network.inputOpen, true);
  socket.arrive("q1", "127.0.0.1:4001");
  socket.arrive("q2", "198.51.100.7:4001");
  assertEquals(deliver()!.map((l) => l.split("UDP  ")[1]), [
    `10.0.2.2:4001 > 10.0.2.15:53 ${hexOf("q1")}`,
    `198.51.100.7:4001 > 10.0.2.15:53 ${hexOf("q2")}`,
  ]);
  say(udp("10.0.2.15:53", "198.51.100.7:4001", text("a2")), udp("10.0.2.15:53", "10.0.2.2:4001", text("a1")));
  say(udp("10.0.2.15:53", "10.0.2.2:4002", text("no")), udp("10.0.2.15:54", "10.0.2.2:4001", text("no")));
  assertEquals(socket.sent, ["a2 > 198.51.100.7:4001", "a1 > 127.0.0.1:4001"]);
  network.close();
  assert(socket.closed);
});

once("DNS: questions go to the host, answers come back when they may; one that fails says so", async () => {
  const asked: DnsMessage[] = [];
  const { network, say, deliver } = networkOf({}, [], {
    async resolve(query) {
      await Promise.resolve();
      const message = decodeDns(query) as DnsMessage;
      asked.push(message);
      if (message.questions[0].name !== "crab.test") return undefined;
      return encodeDnsAnswer(message, 0, [{ ...message.questions[0], ttl: 60, address: LOOPBACK }]);
    },
  });
  say(arp("10.0.2.15", "10.0.2.2"));
  const question = (name: string, id: number) =>
    udp("10.0.2.15:1234", "10.0.2.3:53", encodeDnsQuery(id, name)!);
  assertEquals(say(question("crab.test", 1), question("nowhere.test", 2)), []);
  assertEquals([network.inputOpen, deliver()], [true, undefined]);
  await network.inputReady();
  await new Promise((r) => setTimeout(r));
  const lines = deliver()!.map((l) => l.replace(/.*UDP {2}/, ""));
  assertMatch(lines[0], /^10\.0\.2\.3:53 > 10\.0\.2\.15:1234 00018180.*7f000001$/);
  assertMatch(lines[1], /^10\.0\.2\.3:53 > 10\.0\.2\.15:1234 00028182/);
  assertEquals([asked.length, network.inputOpen], [2, false]);
});

once("what the host does not allow is said in a line, once, and to the guest each time", () => {
  const { log, say } = networkOf();
  say(arp("10.0.2.15", "10.0.2.2"));
  assertMatch(
    say(udp("10.0.2.15:1", "192.0.2.1:9", text("x")))[0],
    /ICMP {2}10\.0\.2\.2 > 10\.0\.2\.15 3\/13 /,
  );
  assertMatch(say(udp("10.0.2.15:1", "10.0.2.2:9", text("x")))[0], /3\/3 0 0 4500/);
  assertMatch(say(ping("10.0.2.15", "192.0.2.1"))[0], /3\/13 /);
  say(ping("10.0.2.15", "192.0.2.1"));
  assertEquals(log, [
    "netdev 'n0': the guest may not reach udp",
    "netdev 'n0': the guest may not reach icmp 192.0.2.1",
  ]);
});

once("frames for others, broken ones and garbage are left alone", () => {
  const { say } = networkOf();
  say(arp("10.0.2.15", "10.0.2.2"));
  const other = ping("10.0.2.15", "10.0.2.2");
  other[5] = 0x99;
  const broken = ping("10.0.2.15", "10.0.2.2");
  broken[30] ^= 1;
  assertEquals(say(other, broken, new Uint8Array(0), new Uint8Array(13), new Uint8Array(60)), []);
  for (let cut = 0; cut < 60; cut++) say(ping("10.0.2.15", "10.0.2.2").subarray(0, cut));
  let state = 1;
  const random = () => (state = Math.imul(state, 1103515245) + 12345 >>> 0) >>> 8;
  for (let i = 0; i < 3000; i++) {
    const frame = [
      ping("10.0.2.15", "10.0.2.2"),
      dhcp(1),
      arp("10.0.2.15", "10.0.2.2"),
      udp("10.0.2.15:1", "10.0.2.3:53", text("x".repeat(30))),
    ][i % 4];
    for (let k = random() % 4; k >= 0; k--) frame[random() % frame.length] = random();
    say(frame.subarray(0, random() % 3 === 0 ? random() % frame.length : frame.length));
  }
  assertEquals(say(ping("10.0.2.15", "10.0.2.2")).length, 1, "and the network still works");
});

once(
  "a guest that takes nothing: frames wait up to a bound, sockets are not read, all goes on when it does",
  () => {
    const socket = new FakeSocket(1);
    const { network, card, say } = networkOf({}, ["udp::1-:1"], {}, [socket]);
    say(arp("10.0.2.15", "10.0.2.2"));
    card.room = 0;
    for (let i = 0; i < 500; i++) socket.arrive(`${i}`, "127.0.0.1:5");
    for (let i = 0; i < 5; i++) network.deliver();
    card.received.length = 0;
    card.accept(100);
    assertEquals(card.received.length, 100);
    card.accept(1000);
    assertEquals(card.received.length, 500);
    assertMatch(show(card.received[499]), new RegExp(`${hexOf("499")}$`));
  },
);
