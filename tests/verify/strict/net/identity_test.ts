import { assertEquals } from "@std/assert";
import { onceTest } from "../../../support/once.ts";
import { F, NetF } from "../../../../spec/virtio/features.ts";
import { HandDevice, words } from "../support/hand.ts";
import { lines, run } from "./_card.ts";

onceTest(
  "the card's address is the configuration's: in the right order, read at all, or set by command",
  () => {
    assertEquals(run({}, () => {}, "net-mac").reports, []);
    const reversed = run({}, (net) => {
      const read = net.readConfig.bind(net);
      net.readConfig = () => (read(), net.mac.reverse());
    }, "net-mac");
    assertEquals(lines(reversed.reports), [
      "violation net-mac: an ARP packet says that the card's address is 56:34:12:00:54:52; " +
      "expected 52:54:00:12:34:56, as mac of the configuration",
    ]);
    const unread = run({}, (net) => {
      net.readConfig = () => {
        net.mac = Uint8Array.of(2, 0, 0, 0, 0, 9);
      };
    }, "net-mac");
    assertEquals(lines(unread.reports), [
      "violation net-mac: a frame of 02:00:00:00:00:09 is sent, and the driver has not read mac; " +
      "expected mac (configuration bytes 0 to 5) as the card's address",
    ]);
    const set = run({ wants: NetF.CTRL_MAC_ADDR }, (net) => {
      const work = net.work.bind(net);
      net.work = () => {
        net.mac = Uint8Array.of(2, 0, 0, 0, 0, 9);
        net.command(1, 1, net.mac);
        work();
      };
    }, "net-mac");
    assertEquals([lines(set.reports), set.error], [[], undefined]);
    // What is passed on for somebody else is no claim about the card.
    const passed = run({}, (net) => {
      net.work = () =>
        net.transmit(Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0, ...new Uint8Array(46)));
    }, "net-mac");
    assertEquals(lines(passed.reports), []);
  },
);

onceTest("the configuration is not written", () => {
  const { reports } = run({}, (net) => {
    const read = net.readConfig.bind(net);
    net.readConfig = () => {
      read();
      net.transport.writeConfig(0, 4, 0x1234);
    };
  }, "net-config");
  assertEquals(lines(reports), [
    "violation net-config-read-only: a write of 0x1234 to configuration byte 0 (mac); expected reads alone",
  ]);
});

onceTest("features that go together, and features that are wanted", () => {
  const card = (offered: bigint, rules: string) => new HandDevice(1, offered, [0, 1]).lines(rules);
  assertEquals(card(F.VERSION_1 | NetF.MAC | NetF.MTU | NetF.STANDBY, "net-features"), []);
  assertEquals(card(F.VERSION_1 | NetF.HASH_REPORT | NetF.CTRL_VQ | NetF.CTRL_RX_EXTRA, "net-features"), []);
  assertEquals(card(F.VERSION_1 | NetF.HASH_REPORT | NetF.CTRL_RX_EXTRA, "net-features"), [
    "warning net-features-control: CTRL_RX_EXTRA, HASH_REPORT accepted without CTRL_VQ; expected CTRL_VQ beside them",
  ]);
  const { reports } = run({}, (net) => void (net.wants &= ~(NetF.MAC | NetF.STATUS)), "net-features");
  assertEquals(lines(reports), [
    "warning net-features-wanted: MAC: offered and not accepted; expected accepted",
  ]);
});

onceTest("with STATUS somebody looks whether the link is up", () => {
  assertEquals(run({}, () => {}, "net-status").reports, []);
  const { reports } = run({}, (net) => {
    const { transport } = net;
    net.readConfig = () => {
      net.mac = Uint8Array.from({ length: 6 }, (_, i) => transport.readConfig(i, 1));
    };
  }, "net-status");
  assertEquals(lines(reports), [
    "warning net-status-read: 2 frames were sent, status was never read; expected a look at bit 0 of status",
  ]);
});

onceTest("a made-up card that does all well gives no report of any rule about cards", () => {
  const card = new HandDevice(1, F.VERSION_1 | NetF.MAC | NetF.STATUS | NetF.CSUM | NetF.MRG_RXBUF, [0, 1]);
  for (const [i, byte] of [0x52, 0x54, 0, 0x12, 0x34, 0x56].entries()) card.config(i, byte, 1);
  card.config(6, 1, 2);
  card.publish(0, 1526);
  card.publish(1, words([0, 12], [0, 6], [0x1200_5452, 4], [0x5634, 2], [0xb588, 2], [0, 46]));
  card.use(1, 0);
  card.idle();
  card.reset();
  assertEquals(card.lines("net-"), []);
});
