import { assert, assertEquals } from "@std/assert";
import { card, frame } from "./_cards.ts";

const VARIANTS: [machine: "q35" | "pc" | "microvm", word: string][] = [
  ["pc", "virtio-net-pci"],
  ["q35", "virtio-net-pci"],
  ["q35", "virtio-net-pci,packed=on,disable-legacy=on"],
  ["q35", "virtio-net-pci,vectors=0"],
  ["q35", "virtio-net-pci,vectors=1,packed=on"],
  ["q35", "virtio-net-pci,mrg_rxbuf=off"],
  ["q35", "virtio-net-pci,mrg_rxbuf=off,packed=on"],
  ["q35", "virtio-net-pci,event_idx=off,indirect_desc=off"],
  ["q35", "virtio-net-pci,event_idx=off,packed=on"],
  ["q35", "virtio-net-pci,in_order=on"],
  ["q35", "virtio-net-pci,in_order=on,packed=on"],
  ["q35", "virtio-net-pci,tx=timer"],
  [
    "q35",
    "virtio-net-pci,ctrl_vq=off,ctrl_rx=off,ctrl_vlan=off,ctrl_rx_extra=off,ctrl_mac_addr=off,guest_announce=off",
  ],
  ["microvm", "virtio-net-device"],
  ["microvm", "virtio-net-device,packed=on,mq=on"],
];
const SIZES = [14, 60, 64, 199, 200, 201, 1500, 1514];

for (const [machine, word] of VARIANTS) {
  for (const size of [undefined, "200"]) {
    Deno.test(`frames go both ways over ${machine} ${word}${size === undefined ? "" : ", buffers of 200 bytes"}`, () => {
      const { m, driver, cable } = card(machine, word, {
        env: size === undefined ? {} : { HERMIT_MRG_RXBUF_SIZE: size },
      });
      cable.echo = true;
      let interrupts = 0;
      driver.onReceive = () => interrupts++;
      assertEquals([...driver.mac], [0x52, 0x54, 0, 0x12, 0x34, 0x56]);
      assertEquals([driver.mtu, driver.linkUp(), driver.broken], [1500, true, undefined]);
      for (let round = 0; round < 100; round++) {
        const sent = SIZES.map((n) => frame(n, round));
        const before = interrupts;
        for (const f of sent) assert(driver.transmit(f));
        m.until(() => cable.sent.length === sent.length && interrupts > before);
        const received: Uint8Array[] = [];
        m.until(() => {
          for (let got = driver.receive(); got !== undefined; got = driver.receive()) {
            assertEquals(got.checksumValid, false);
            received.push(got.bytes.slice());
          }
          return received.length === sent.length;
        });
        assertEquals(cable.sent, sent);
        assertEquals(received, sent);
        cable.sent.length = 0;
      }
      assertEquals(driver.dropped, 0);
      assertEquals(driver.device.queues()[0].kind, word.includes("packed=on") ? "packed" : "split");
      assertEquals(driver.device.status(), 15);
      driver.shutdown();
      assertEquals(m.alloc.live(), []);
      assertEquals(m.lines.filter((l) => /^(error|warn)/.test(l)), []);
    });
  }
}
