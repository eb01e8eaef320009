import { assert, assertEquals } from "@std/assert";
import { setAddresses } from "../../../../inet/dhcp.ts";
import { NO_HOST, UserNetwork, userOptions } from "../../../../devices/net/user/mod.ts";
import { qemuTestOnce } from "../../../support/qemu.ts";
import { arp, dhcp, ip, ping, show, tcp, udp } from "../../net/frames.ts";
import { Card } from "../../net/support.ts";
import { qemuWire } from "./wire.ts";

/** Longest that QEMU may take for an answer. */
const QUIET = 40;
const SYN = 2, ACK = 16;

type Step = [name: string, frame: Uint8Array];

/** What a guest of 10.0.2.0/24 may say. Each step must be answered as the real one does. */
const STEPS: Step[] = [
  ["ARP for the gateway", arp("10.0.2.15", "10.0.2.2")],
  ["ARP for DNS", arp("10.0.2.15", "10.0.2.3")],
  ["ARP for nobody", arp("10.0.2.15", "10.0.2.4")],
  ["ARP for itself", arp("0.0.0.0", "10.0.2.15")],
  ["ARP for an outsider", arp("10.0.2.15", "192.0.2.1")],
  ["discover", dhcp(1)],
  ["discover with a wish", dhcp(1, (m) => setAddresses(m, 50, ip("10.0.2.20")))],
  ["discover with an impossible wish", dhcp(1, (m) => setAddresses(m, 50, ip("10.9.9.9")))],
  ["request", dhcp(3, (m) => (setAddresses(m, 50, ip("10.0.2.15")), setAddresses(m, 54, ip("10.0.2.2"))))],
  ["request of another address", dhcp(3, (m) => setAddresses(m, 50, ip("10.0.2.30")))],
  ["request to renew", dhcp(3, (m) => void (m.ciaddr = ip("10.0.2.15")), "10.0.2.15")],
  ["request of nothing", dhcp(3)],
  ["request, by broadcast", dhcp(3, (m) => void (m.broadcast = true))],
  ["inform", dhcp(8, (m) => void (m.ciaddr = ip("10.0.2.15")))],
  ["release", dhcp(7, (m) => void (m.ciaddr = ip("10.0.2.15")))],
  ["decline", dhcp(4, (m) => setAddresses(m, 50, ip("10.0.2.15")))],
  ["request after release", dhcp(3, (m) => setAddresses(m, 50, ip("10.0.2.15")))],
  ["ping the gateway", ping("10.0.2.15", "10.0.2.2")],
  ["ping DNS", ping("10.0.2.15", "10.0.2.3")],
  ["ping with much", ping("10.0.2.15", "10.0.2.2", 1472)],
  ["ping with nothing", ping("10.0.2.15", "10.0.2.2", 0)],
  ["ping from another address", ping("10.0.2.16", "10.0.2.2")],
  ["its ARP answer", arp("10.0.2.16", "10.0.2.2", 2, Uint8Array.of(0x52, 0x55, 10, 0, 2, 2))],
  ["a port of the gateway that is closed", tcp("10.0.2.15:2000", "10.0.2.2:1", SYN, 100)],
  ["a stray acknowledgment", tcp("10.0.2.15:2001", "10.0.2.2:1", ACK, 100, 500)],
  ["a wrong checksum of IP", damaged(ping("10.0.2.15", "10.0.2.2"), 25)],
  ["a wrong checksum of ICMP", damaged(ping("10.0.2.15", "10.0.2.2"), 36)],
  ["a wrong checksum of UDP", damaged(dhcp(1), 60)],
  ["an unknown type", damaged(arp("10.0.2.15", "10.0.2.2"), 13)],
];
const RESTRICTED: Step[] = [
  ["ARP", arp("10.0.2.15", "10.0.2.2")],
  ["discover", dhcp(1)],
  ["request", dhcp(3)],
  ["ping the gateway", ping("10.0.2.15", "10.0.2.2")],
  ["ping an outsider", ping("10.0.2.15", "192.0.2.1")],
  ["DNS", udp("10.0.2.15:1001", "10.0.2.3:53", new Uint8Array(30))],
  ["UDP to the host", udp("10.0.2.15:1001", "10.0.2.2:9", new Uint8Array(30))],
  ["TCP to the host", tcp("10.0.2.15:2000", "10.0.2.2:9", SYN, 100)],
  ["TCP to an outsider", tcp("10.0.2.15:2001", "192.0.2.1:9", SYN, 100)],
];

function damaged(frame: Uint8Array, at: number): Uint8Array {
  frame[at] ^= 1;
  return frame;
}

/** Runs the steps on both, and compares what a guest sees. */
async function compare(words: string, steps: Step[]): Promise<void> {
  const wire = await qemuWire(`user,id=u${words}`);
  try {
    const props = Object.fromEntries(words.split(",").slice(1).map((w) => w.split("=") as [string, string]));
    const network = new UserNetwork("u", userOptions("", props), NO_HOST);
    const card = new Card(network);
    let answers = 0;
    for (const [name, frame] of steps) {
      await wire.send(frame);
      const theirs = (await wire.settle(QUIET)).map(show);
      network.send(frame);
      card.pass(1e6);
      const ours = card.received.splice(0).map(show);
      answers += theirs.length;
      assertEquals(
        ours,
        theirs.map((line) => line.replace(/ 255\.255\.255\.255( 10\.0\.2\.2 .* 56=)/, " 0.0.0.0$1")),
        name,
      );
    }
    assert(answers > steps.length / 3, "QEMU answered");
  } finally {
    await wire.close();
  }
}

// One difference is meant: a refused DHCP request has 255.255.255.255 as "your address" there, and none here (RFC 2131,
// table 3).
qemuTestOnce("the gateway says what the real QEMU's says", () => compare("", STEPS));
qemuTestOnce("and with restrict=on", () => compare(",restrict=on", RESTRICTED));
qemuTestOnce(
  "and on another network, with a host name",
  () =>
    compare(",net=192.168.76.0/24,dhcpstart=192.168.76.9,hostname=crab", [
      ["ARP for the gateway", arp("192.168.76.9", "192.168.76.2")],
      ["ARP for DNS", arp("192.168.76.9", "192.168.76.3")],
      ["ARP for the usual gateway", arp("192.168.76.9", "10.0.2.2")],
      ["discover", dhcp(1)],
      ["request", dhcp(3, (m) => setAddresses(m, 50, ip("192.168.76.9")))],
      ["ping", readdress(ping("192.168.76.9", "192.168.76.2"))],
    ]),
);

/** To the MAC address of that network's gateway. */
function readdress(frame: Uint8Array): Uint8Array {
  frame.set([0x52, 0x55, 192, 168, 76, 2]);
  return frame;
}
