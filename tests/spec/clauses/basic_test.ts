/** Clauses for devices in the chapter on basic facilities that no test of a model shows. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { F, featureNames, featuresFromWords, unmetRequirements } from "../../../spec/virtio/features.ts";
import { frameTo, NetRig, OURS } from "../../devices/virtio/_net_rig.ts";
import { DEVICE, ISR, MSIX_BAR, Rig } from "../../devices/virtio/_rig.ts";
import { onceTest } from "../../support/once.ts";

const PORT = "virtconsole,chardev=c0";

/** Negotiated, queues 0 to 3 enabled at 0x1000, 0x4000, ..., no DRIVER_OK yet. */
function almost(words: string[], queues: number): Rig {
  const r = new Rig(words).enable().negotiate();
  for (let i = 0; i < queues; i++) r.queue(i, 0x1000 + 0x3000 * i);
  return r;
}

onceTest(
  "before DRIVER_OK rng and card leave buffers alone; a console's queues are served, as in QEMU",
  () => {
    const rng = almost(["virtio-rng-pci"], 1);
    rng.desc(0x1000, 0x2_0000, 64, 2, 0);
    rng.avail(0x1000, 0, 0);
    rng.notify(0);
    assertEquals([rng.used(0x1000), rng.line, rng.ram[0x2_0000]], [[], [], 0]);
    const net = new NetRig();
    net.negotiate();
    for (const i of [0, 1]) net.queue(i, 0x1_0000 + i * 0x4000, 16);
    net.give(0, [{ in: 100 }]);
    net.transmit(frameTo(OURS));
    const { frontend } = net.netdev;
    assertEquals([frontend!.canReceive(), net.receive(frameTo(OURS))], [false, true], "it is lost");
    assertEquals([net.done(0), net.done(1), net.netdev.sent], [
      [],
      [],
      [],
    ]);
    assertEquals(net.line, []);
    // QEMU's control_out and handle_output ask for the queue, not for DRIVER_OK.
    const console = almost(["virtio-serial-pci", PORT], 2);
    console.ram.set([0x68, 0x69], 0x2_0000);
    console.desc(0x4000, 0x2_0000, 2, 0, 0);
    console.avail(0x4000, 0, 0);
    console.notify(1);
    assertEquals([console.chardev.output, console.used(0x4000).length], ["hi", 1]);
  },
);

onceTest(
  "NEEDS_RESET of a live device comes with a configuration interrupt, by line, message and on MMIO",
  () => {
    const line = almost(["virtio-rng-pci"], 1);
    line.status = 15;
    line.device.needsReset("a test");
    assertEquals([line.status, line.line.join(), line.read(ISR, 1)], [79, "raise", 3]);
    const message = almost(["virtio-rng-pci"], 1);
    message.setCommon(0x10, 2, 1);
    for (const [i, v] of [0xfee0_0000, 0, 0x51, 0].entries()) message.write(MSIX_BAR + 16 + 4 * i, 4, v);
    message.setCfg(0x98 + 2, 2, 0x8001);
    message.status = 15;
    message.device.needsReset("a test");
    assertEquals(message.messages, [{ address: 0xfee0_0000, data: 0x51 }]);
    const mmio = new Rig(["virtio-rng-device"]);
    for (const [at, value] of [[0x70, 0], [0x70, 3], [0x24, 1], [0x20, 1], [0x70, 11], [0x70, 15]]) {
      mmio.mmio.write(at, 4, value);
    }
    mmio.device.needsReset("a test");
    assertEquals([mmio.mmio.read(0x70, 4), mmio.mmio.read(0x60, 4), mmio.line], [79, 3, ["raise"]]);
    const early = almost(["virtio-rng-pci"], 1);
    early.device.needsReset("a test");
    assertEquals([early.status, early.line], [75, []], "without DRIVER_OK there is none");
  },
);

/** The offer that a driver sees over the modern interface. */
function offerOf(r: Rig): bigint {
  return featuresFromWords([0, 1, 2, 3].map((i) => {
    r.setCommon(0, 4, i);
    return r.common(4, 4);
  }));
}
const OFFERS = [
  "virtio-rng-pci",
  "virtio-serial-pci",
  "virtio-net-pci",
  "virtio-net-pci,mq=on,host_mtu=1500,speed=1000",
  "virtio-net-pci,x-vnet-hdr=on,packed=on,in_order=on,notification_data=on,x-order-platform=on",
];

onceTest(
  "an offer is closed under what its features need, and has no bit without a name, SR_IOV or ADMIN_VQ",
  () => {
    for (const word of OFFERS) {
      const r = new Rig([word.includes("net") ? `${word},netdev=n0` : word]).enable();
      const offer = offerOf(r);
      assert((offer & F.VERSION_1) !== 0n);
      assertEquals([word, unmetRequirements(offer, r.device.id)], [word, []]);
      const odd = featureNames(offer, r.device.id).filter((name) =>
        /^bit |SR_IOV|ADMIN_VQ|SUSPEND/.test(name)
      );
      assertEquals([word, odd], [word, []]);
    }
    // Whoever asks for an offer that is not closed gets it, as from QEMU.
    const open = new NetRig("virtio-net-pci,ctrl_vq=off");
    assertEquals(unmetRequirements(offerOf(open), 1).includes("CTRL_RX_EXTRA needs CTRL_VQ"), true);
  },
);

onceTest("any closed subset of an offer is accepted, and again after a reset", () => {
  const words = fc.constantFrom(...OFFERS);
  fc.assert(fc.property(words, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (word, mask) => {
    const r = new Rig([word.includes("net") ? `${word},netdev=n0` : word]).enable();
    const accepted = offerOf(r) & mask | F.VERSION_1;
    fc.pre(unmetRequirements(accepted, r.device.id).length === 0);
    for (let round = 0; round < 2; round++) {
      r.negotiate(Number(accepted & 0xffff_ffffn), Number(accepted >> 32n));
      assertEquals([r.status, r.device.guestFeatures], [11, accepted]);
      r.status = 0;
    }
  }));
});

onceTest(
  "a queue reset takes size and position back; then the queue is enabled elsewhere, with another size",
  () => {
    const r = new Rig(["virtio-rng-pci"]).enable().negotiate(0, 0x101).queue(0, 0x1000, 4);
    r.status = 15;
    r.desc(0x1000, 0x2_0000, 5, 2, 0);
    r.avail(0x1000, 0, 0, 4);
    r.notify(0);
    assertEquals([r.used(0x1000).length, r.common(0x18, 2)], [1, 4]);
    r.setCommon(0x3a, 2, 1);
    assertEquals(r.common(0x18, 2), 8, "QEMU's size of this queue");
    r.queue(0, 0x8000, 2);
    assertEquals(r.common(0x18, 2), 2);
    r.desc(0x8000, 0x2_0000, 5, 2, 0);
    for (let i = 0; i < 3; i++) {
      r.avail(0x8000, 0, i, 2);
      r.notify(0);
      assertEquals(r.dram.getUint16(0xa002, true), i + 1, "used.idx starts at 0");
    }
    assertEquals(r.dram.getUint32(0xa004 + 8 * 2, true), 0, "nothing behind the second entry");
  },
);

onceTest("an address set by command changes the configuration and not its generation, as in QEMU", () => {
  const r = new NetRig().start(1 << 23);
  assertEquals(r.command([1, 1, 2, 0, 0, 0, 0, 9]), 0);
  assertEquals([r.read(DEVICE + 4, 2), r.common(0x15, 1)], [0x0900, 0]);
});

onceTest("a console that hears DEVICE_READY again names its ports again, as QEMU's", () => {
  const r = new Rig(["virtio-serial-pci", PORT]).enable().negotiate(2).queue(2, 0x1000).queue(3, 0x4000);
  r.status = 15;
  r.ram[0x2_0006] = 1;
  for (const n of [0, 1]) {
    r.desc(0x1000 + 16 * n, 0x3_0000 + 0x100 * n, 64, 2, 0);
    r.avail(0x1000, n, n);
    r.desc(0x4000 + 16 * n, 0x2_0000, 8, 0, 0);
    r.avail(0x4000, n, n);
    r.notify(3);
    // DEVICE_ADD of port 0.
    assertEquals([...r.ram.subarray(0x3_0000 + 0x100 * n, 0x3_0008 + 0x100 * n)], [0, 0, 0, 0, 1, 0, 1, 0]);
  }
});
