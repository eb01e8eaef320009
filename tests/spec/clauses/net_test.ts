/** Clauses for devices in the chapter on network cards that no test of the model shows. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../devices/description/mod.ts";
import type { FrameOffload } from "../../../devices/net/backend.ts";
import { NetGso } from "../../../spec/virtio/net.ts";
import { CTRL_VQ, frameTo, HEADER, MQ, MRG, NetRig, OURS } from "../../devices/virtio/_net_rig.ts";
import { DEVICE } from "../../devices/virtio/_rig.ts";
import { onceTest } from "../../support/once.ts";

const OTHER = "020000000009";
const CSUM = 1, GUEST_CSUM = 2, TSO4 = 1 << 11;

onceTest("max_virtqueue_pairs is what the back end has; more than a device can have are refused", () => {
  for (const n of [1, 2, 511]) {
    const r = new NetRig("virtio-net-pci,mq=on", (rig) => void (rig.netdev.queues = n));
    assertEquals(r.read(DEVICE + 8, 2), n);
  }
  assertThrows(
    () => new NetRig("virtio-net-pci,mq=on", (rig) => void (rig.netdev.queues = 512)),
    UsageError,
    "at most 511",
  );
});

onceTest(
  "mtu is the property's and never changes; a frame of that size goes out whole, one above it comes in all the same",
  () => {
    const r = new NetRig("virtio-net-pci,host_mtu=1400").start(1 << 3 | MRG);
    const mtu = () => r.read(DEVICE + 10, 2);
    r.write(DEVICE + 10, 2, 99);
    assertEquals(mtu(), 1400);
    const frame = frameTo(OTHER, 1400 + 14);
    r.transmit(frame);
    assertEquals(r.netdev.sent, [frame]);
    // QEMU's card hands over what its back end gives, however long.
    r.give(0, [{ in: 4000 }]);
    assert(r.receive(frameTo(OURS, 1600)));
    assertEquals(r.done(0), [1600 + HEADER]);
    r.status = 0;
    assertEquals(mtu(), 1400);
    // Any MTU that the command line says is told, also one that no device may have (QEMU checks nothing).
    assertEquals(new NetRig("virtio-net-pci,host_mtu=60").read(DEVICE + 10, 2), 60);
  },
);

onceTest("speed and duplex: as given, in Mbit/s, or unknown; the same from start to end", () => {
  for (
    const [words, speed, duplex] of [
      [",speed=10000", 10000, 0xff],
      [",duplex=half", 0xffff_ffff, 0],
      [",speed=100,duplex=full", 100, 1],
    ] as const
  ) {
    const r = new NetRig("virtio-net-pci" + words);
    const found = () => [r.read(DEVICE + 12, 4), r.read(DEVICE + 16, 1)];
    assertEquals(found(), [speed, duplex]);
    r.start();
    r.write(DEVICE + 12, 4, 5);
    assertEquals(found(), [speed, duplex]);
  }
});

/** A TCP segment over IPv4 with 250 bytes; its checksum is not right, IP's is. */
function segment(): Uint8Array {
  const bytes = new Uint8Array(54 + 250).map((_, i) => i);
  bytes.set(Uint8Array.fromHex("02000000000152540012345608004500012200000000400600000a00020f0a000202"));
  bytes[14 + 20 + 12] = 0x50;
  // 0x4500 + 0x0122 + 0x4006 + 0x0a00 + 0x020f + 0x0a00 + 0x0202 = 0x9e39; its complement.
  bytes.set([0x61, 0xc6], 24);
  return bytes;
}

onceTest(
  "of a header to send only what is known and announced counts: flags, hdr_len, checksum places",
  () => {
    const r = new NetRig("virtio-net-pci,x-vnet-hdr=on").start(CSUM | TSO4);
    const lengths = (flags: number, gso: number, headerLength: number) => {
      r.netdev.sent.length = 0;
      const header = Uint8Array.of(flags, gso, headerLength, headerLength >> 8, 100, 0, 34, 0, 16, 0, 0, 0);
      r.transmit(segment(), header);
      return r.netdev.sent.map((f) => f.length);
    };
    const pieces = [154, 154, 104];
    for (const headerLength of [0, 20, 54, 9999]) assertEquals(lengths(1, 1, headerLength), pieces);
    for (const unknown of [8, 0x40, 0xfe & ~1]) assertEquals(lengths(1 | unknown, 1, 54), pieces);
    assertEquals(lengths(0xfe, 0, 54), [304]);
    assertEquals(r.netdev.sent[0], segment(), "without NEEDS_CSUM no checksum is touched, nor trusted");
    assertEquals(lengths(1, 5, 54), [], "UDP_L4 was not offered");
    const plain = new NetRig().start();
    plain.transmit(segment(), new Uint8Array(12).fill(0xff));
    assertEquals(plain.netdev.sent, [segment()], "without CSUM the header says nothing");
  },
);

onceTest(
  "a received header says only what the driver can take: without its offload gso_type and flags are 0",
  () => {
    const tcp = (gsoType: number): FrameOffload => ({ csumStart: 34, csumOffset: 16, gsoType, gsoSize: 100 });
    const first = (features: number, offload: FrameOffload) => {
      const r = new NetRig("virtio-net-pci,x-vnet-hdr=on").start(features);
      const at = Array.from({ length: 5 }, () => r.give(0, [{ in: 400 }])[0]);
      r.netdev.frontend!.receive(segment(), offload);
      return { flags: r.ram[at[0]], gso: r.ram[at[0] + 1], buffers: r.done(0).length };
    };
    const GUEST_TSO4 = 1 << 7, GUEST_TSO6 = 1 << 8;
    assertEquals(first(0, tcp(NetGso.NONE)), { flags: 0, gso: 0, buffers: 1 });
    assertEquals(first(GUEST_CSUM, tcp(NetGso.NONE)), { flags: 1, gso: 0, buffers: 1 });
    assertEquals(first(GUEST_CSUM, tcp(NetGso.TCPV4)), { flags: 0, gso: 0, buffers: 3 });
    assertEquals(first(GUEST_CSUM | GUEST_TSO6, tcp(NetGso.TCPV4)), { flags: 0, gso: 0, buffers: 3 });
    assertEquals(first(GUEST_CSUM | GUEST_TSO4, tcp(NetGso.TCPV4)), { flags: 1, gso: 1, buffers: 1 });
    const all = GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6;
    for (const other of [NetGso.UDP, NetGso.UDP_L4]) {
      assertEquals(first(all, tcp(other)), { flags: 0xaa, gso: 0xaa, buffers: 0 }, "lost");
    }
  },
);

onceTest(
  "a received header of a frame that leaves something undone: places, size, and headers' length",
  () => {
    const r = new NetRig("virtio-net-pci,x-vnet-hdr=on").start(GUEST_CSUM | 1 << 7);
    const [at] = r.give(0, [{ in: 400 }]);
    const frame = segment();
    frame[46] = 0x80; // a TCP header of 32 bytes
    r.netdev.frontend!.receive(frame, { csumStart: 34, csumOffset: 16, gsoType: NetGso.TCPV4, gsoSize: 77 });
    const field = (offset: number) => r.dram.getUint16(at + offset, true);
    assertEquals([field(0), field(4), field(6), field(8)], [0x0101, 77, 34, 16]);
    assert(field(2) >= 34 + 32, `hdr_len is ${field(2)}, the headers have ${34 + 32}`);
    assertEquals(
      [...r.bytes(at + HEADER + 50, 2)],
      [...frame.subarray(50, 52)],
      "the pseudo header's sum is the sender's",
    );
  },
);

onceTest(
  "NEEDS_CSUM says that the checksums before are right: a frame whose IP header is damaged comes without it",
  () => {
    const offload = { csumStart: 34, csumOffset: 16, gsoType: NetGso.NONE, gsoSize: 0 };
    const tagged = Uint8Array.of(...segment().subarray(0, 12), 0x81, 0, 0, 5, ...segment().subarray(12));
    const six = segment();
    six.set([0x86, 0xdd], 12);
    for (
      const [frame, csumStart, damaged] of [[segment(), 34, 22], [tagged, 38, 26], [
        six,
        34,
        undefined,
      ]] as const
    ) {
      const r = new NetRig("virtio-net-pci,x-vnet-hdr=on").start(GUEST_CSUM);
      const flags = () => {
        const [at] = r.give(0, [{ in: 400 }]);
        r.netdev.frontend!.receive(frame, { ...offload, csumStart });
        assertEquals(r.done(0).length, 1);
        return r.ram[at];
      };
      assertEquals(flags(), 1);
      if (damaged === undefined) continue;
      frame[damaged] ^= 1; // the time to live
      assertEquals(flags(), 0);
    }
  },
);

onceTest("a reset empties the table of addresses and takes the receive modes back", () => {
  const r = new NetRig().start(CTRL_VQ | 1 << 18);
  const reaches = () => {
    const before = r.used(0x1_0000).length;
    r.give(0, [{ in: 200 }]);
    r.receive(frameTo(OTHER));
    return r.used(0x1_0000).length > before;
  };
  r.command([0, 0, 0]);
  assertEquals([r.command([1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 0, 0, 0]), reaches()], [0, true]);
  r.status = 0;
  r.start(CTRL_VQ | 1 << 18);
  assertEquals(reaches(), true, "promiscuous again");
  r.command([0, 0, 0]);
  assertEquals(reaches(), false);
});

/** A datagram of some flow: over two pairs, twelve of them go to both. */
function datagram(flow: number): Uint8Array {
  const frame = frameTo(OURS, 60, "0800");
  frame.set(Uint8Array.fromHex("4500002e00000000401100000a00020f0a000202"), 14);
  frame[37] = flow;
  return frame;
}

onceTest(
  "pairs: the first alone after init, after a reset and after the command for one; two after the command for two",
  () => {
    const all = [0, 1, 2, 3, 4];
    const r = new NetRig("virtio-net-pci,mq=on", (rig) => void (rig.netdev.queues = 2));
    /** How many of 12 flows come in on each queue; the driver has sent nothing on any. */
    const spread = () => {
      const counts = [0, 0];
      for (let flow = 0; flow < 12; flow++) {
        for (const pair of [0, 1]) r.give(2 * pair, [{ in: 200 }]);
        assert(r.receive(datagram(flow)));
        for (const pair of [0, 1]) counts[pair] += r.done(2 * pair).length;
      }
      return counts;
    };
    r.start(MQ | CTRL_VQ, 1, all);
    assertEquals(spread(), [12, 0]);
    r.status = 0;
    r.start(MQ | CTRL_VQ, 1, all);
    assertEquals(r.command([4, 0, 2, 0], 4), 0);
    const both = spread();
    assert(both[0] > 0 && both[1] > 0, both.join());
    r.status = 0;
    r.start(MQ | CTRL_VQ, 1, all);
    assertEquals(spread(), [12, 0], "a reset goes back to one");
    assertEquals([r.command([4, 0, 2, 0], 4), r.command([4, 0, 1, 0], 4)], [0, 0]);
    for (let flow = 0; flow < 3; flow++) {
      for (const pair of [0, 1]) r.give(2 * pair, [{ in: 200 }]);
      assert(r.receive(datagram(flow)));
    }
    assertEquals([r.done(0).length, r.done(2).length], [3, 0], "and so does the command");
  },
);

onceTest("queues under reset: frames go to another; with none left the back end keeps them, as QEMU", () => {
  const r = new NetRig("virtio-net-pci,mq=on", (rig) => void (rig.netdev.queues = 2));
  r.start(MQ | CTRL_VQ, 0x101, [0, 1, 2, 3, 4]);
  assertEquals(r.command([4, 0, 2, 0], 4), 0);
  for (const pair of [0, 1]) for (let i = 0; i < 8; i++) r.give(2 * pair, [{ in: 200 }]);
  const reset = (queue: number) => {
    r.setCommon(0x16, 2, queue);
    r.setCommon(0x3a, 2, 1);
  };
  reset(2);
  for (let flow = 0; flow < 8; flow++) assert(r.receive(datagram(flow)));
  assertEquals([r.done(0).length, r.done(2).length], [8, 0]);
  reset(0);
  assertEquals(r.netdev.frontend!.canReceive(), false, "it waits, or is lost");
});
