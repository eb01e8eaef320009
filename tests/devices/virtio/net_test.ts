import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../../devices/description/types.ts";
import { MacAddresses } from "../../../devices/machine/mac_addresses.ts";
import type { VirtioNet } from "../../../devices/virtio/mod.ts";
import {
  ANNOUNCE,
  CTRL_MAC_ADDR,
  CTRL_VLAN,
  CTRL_VQ,
  EVENT_IDX,
  frameTo,
  HEADER,
  MRG,
  NetRig,
  OURS,
} from "./_net_rig.ts";
import { DEVICE, Rig } from "./_rig.ts";

const BROADCAST = "ffffffffffff", MULTICAST = "01005e000001", OTHER = "020000000009";
const card = (r: NetRig) => r.device as VirtioNet;
const hexOf = (bytes: Uint8Array) => bytes.toHex();

Deno.test("a frame takes the next buffer; without MRG_RXBUF the device leaves num_buffers alone, as QEMU", () => {
  const r = new NetRig().start();
  const [at] = r.give(0, [{ in: 100 }]);
  assert(r.receive(frameTo(OURS, 64)));
  assertEquals(r.done(0), [HEADER + 64]);
  assertEquals(hexOf(r.bytes(at, 16)), "00000000000000000000aaaa52540012");
  const [next] = r.give(0, [{ in: 100 }]);
  assert(r.receive(frameTo(OURS, 89)), "it is lost");
  assertEquals(r.done(0), []);
  assert(r.receive(frameTo(OURS, 88)), "and the buffer is there for the next");
  assertEquals([r.done(0), hexOf(r.bytes(next + HEADER, 3))], [[100], "525400"]);
});

Deno.test("MRG_RXBUF: a frame takes several buffers, which are used at once; num_buffers says how many", () => {
  const r = new NetRig().start(MRG);
  const at = [100, 100, 50].flatMap((n) => r.give(0, [{ in: n }]));
  assert(r.receive(frameTo(OURS, 200)));
  assertEquals(r.done(0), [100, 100, 12]);
  assertEquals(hexOf(r.bytes(at[0], 14)), "0000000000000000000003005254");
  assertEquals(hexOf(r.bytes(at[1], 2)), "5859");
  assertEquals(r.ctx.memory.readU8(at[2] + 11), 199);
  r.give(0, [{ in: 6 }, { in: 6 }, { in: 100 }]);
  assert(r.receive(frameTo(OURS, 60)), "the header may lie in pieces");
  assertEquals(r.done(0), [72]);
  r.give(0, [{ in: 40 }]);
  assertEquals([r.receive(frameTo(OURS, 60)), r.suppressed(0)], [false, false], "not enough: it waits");
  r.give(0, [{ in: 40 }]);
  assertEquals([r.receive(frameTo(OURS, 60)), r.suppressed(0)], [true, true]);
  assertEquals([r.done(0), r.status], [[40, 32], 15]);
});

Deno.test("without VERSION_1 and MRG_RXBUF the header has 10 bytes", () => {
  const r = new NetRig().start(0, 0);
  r.give(0, [{ in: 100 }]);
  r.receive(frameTo(OURS));
  assertEquals(r.done(0), [70]);
  r.transmit(frameTo(OTHER), new Uint8Array(10));
  assertEquals(r.netdev.sent, [frameTo(OTHER)]);
});

Deno.test("a reset takes the features back: who writes none after it gets the short header, one buffer, and all tags", () => {
  const r = new NetRig().start(MRG | CTRL_VQ | CTRL_VLAN);
  r.status = 0;
  r.restart();
  r.give(0, [{ in: 100 }]);
  r.give(0, [{ in: 100 }]);
  assert(r.receive(frameTo(OURS, 100, "81000005")), "it is lost: it may not take two");
  assert(r.receive(frameTo(OURS, 60, "81000005")));
  assertEquals(r.done(0), [70]);
});

Deno.test("no buffers: the back end keeps the frame until it is asked for; no DRIVER_OK: a frame that comes is lost", () => {
  const r = new NetRig();
  assertEquals([r.netdev.frontend!.canReceive(), r.receive(frameTo(OURS))], [false, true]);
  r.start();
  const before = r.netdev.accepts;
  assertEquals([r.netdev.frontend!.canReceive(), r.receive(frameTo(OURS))], [true, false]);
  r.give(0, [{ in: 100 }]);
  assertEquals(r.netdev.accepts, before + 1);
});

Deno.test("frames leave without their header, in one piece or many, in place or copied", () => {
  const r = new NetRig().start();
  const frame = frameTo(OTHER, 200);
  r.transmit(frame);
  r.give(1, [{ out: Uint8Array.of(...new Uint8Array(HEADER), ...frame) }]);
  r.give(1, [{ out: 4 }, { out: 8 }, { out: frame.subarray(0, 1) }, { out: frame.subarray(1) }]);
  assertEquals(r.netdev.sent, [frame, frame, frame]);
  assertEquals(r.done(1), [0, 0, 0]);
  assertEquals([r.suppressed(1), r.read(0xe000_1000, 1)], [false, 1]);
});

Deno.test("frames stay with the driver while the back end takes none; then they go, in order", () => {
  const r = new NetRig().start();
  r.netdev.open = false;
  for (let i = 0; i < 3; i++) r.transmit(frameTo(OTHER, 60 + i));
  assertEquals([r.netdev.sent.length, r.done(1), r.suppressed(1)], [0, [], true]);
  r.netdev.open = true;
  r.netdev.frontend!.sendReady!();
  r.run();
  assertEquals(r.netdev.sent.map((f) => f.length), [60, 61, 62]);
  assertEquals([r.done(1), r.suppressed(1)], [[0, 0, 0], false]);
});

Deno.test("x-txburst: so many frames at a time; tx=timer: a frame waits for others, but not for a second notification", () => {
  const burst = new NetRig("virtio-net-pci,x-txburst=2").start();
  for (let i = 0; i < 4; i++) burst.give(1, [{ out: HEADER + 60 + i }], false);
  burst.transmit(frameTo(OTHER, 64));
  assertEquals(burst.netdev.sent.map((f) => f.length), [60, 61, 62, 63, 64]);
  const timer = new NetRig("virtio-net-pci,tx=timer,x-txtimer=5000").start();
  timer.ctx.events.advance(10_000);
  timer.transmit(frameTo(OTHER));
  assertEquals([timer.netdev.sent.length, timer.suppressed(1)], [0, true]);
  timer.ctx.events.advance(5000);
  assertEquals([timer.netdev.sent.length, timer.suppressed(1)], [1, false]);
  timer.transmit(frameTo(OTHER));
  timer.transmit(frameTo(OTHER));
  assertEquals(timer.netdev.sent.length, 3);
});

Deno.test("bad drivers: NEEDS_RESET in QEMU's words, nothing more happens, and a reset heals", () => {
  const cases: [string, number, (r: NetRig) => void][] = [
    ["header not in first element", 0, (r) => void r.give(1, [{ in: 100 }])],
    ["header incorrect", 0, (r) => void r.give(1, [{ out: 11 }])],
    ["nothing to send", 0, (r) => void r.give(1, [{ out: HEADER }])],
    ["ctrl missing headers", 0, (r) => void r.give(2, [{ out: 1 }, { in: 1 }])],
    ["ctrl missing headers", 0, (r) => void r.give(2, [{ out: 3 }])],
    ["receive queue contains no in buffers", 0, (r) => {
      r.give(0, [{ out: 100 }]);
      assert(r.receive(frameTo(OURS)));
    }],
    ["a receive buffer of 11 bytes", 0, (r) => {
      r.give(0, [{ in: 11 }]);
      assert(r.receive(frameTo(OURS)));
    }],
    ["unexpected empty queue", MRG, (r) => {
      r.give(0, [{ in: 40 }]);
      r.give(0, [{ in: 0 }, { in: 100 }]);
      assert(r.receive(frameTo(OURS)));
    }],
  ];
  for (const [words, features, act] of cases) {
    const r = new NetRig().start(features);
    act(r);
    assertEquals([words, r.status], [words, 79]);
    assertStringIncludes(r.named("virtio_error").at(-1)!, words);
    r.transmit(frameTo(OTHER));
    assertEquals([words, r.netdev.sent.length, r.done(0)], [words, 0, []]);
    r.status = 0;
    assertEquals(r.status, 0);
    r.start(features).transmit(frameTo(OTHER));
    assertEquals([words, r.netdev.sent.length, r.done(1)], [words, 1, [0]]);
  }
});

/** Which of the frames the device lets through. */
function passing(r: NetRig, frames: Record<string, Uint8Array>): string[] {
  return Object.entries(frames).filter(([, frame]) => card(r).filter.accepts(frame)).map(([name]) => name);
}
const KINDS = {
  ours: frameTo(OURS),
  other: frameTo(OTHER),
  multi: frameTo(MULTICAST),
  broad: frameTo(BROADCAST),
};

Deno.test("receive modes: promiscuous at first; each mode switches, and some beat others", () => {
  const r = new NetRig().start();
  const mode = (command: number, on: number) => assertEquals(r.command([0, command, on]), 0);
  assertEquals(passing(r, KINDS), ["ours", "other", "multi", "broad"]);
  mode(0, 0);
  assertEquals(passing(r, KINDS), ["ours", "broad"]);
  mode(1, 1);
  assertEquals(passing(r, KINDS), ["ours", "multi", "broad"]);
  mode(3, 1);
  assertEquals(passing(r, KINDS), ["ours", "broad"], "NOMULTI beats ALLMULTI");
  mode(2, 1);
  assertEquals(passing(r, KINDS), ["ours", "other", "broad"]);
  mode(4, 1);
  assertEquals(passing(r, KINDS), ["broad"], "NOUNI beats ALLUNI");
  mode(5, 1);
  assertEquals(passing(r, KINDS), []);
  r.give(0, [{ in: 100 }]);
  assertEquals([r.receive(KINDS.ours), r.done(0)], [true, []], "what does not pass is lost");
  mode(0, 1);
  assertEquals([r.receive(KINDS.ours), r.done(0)], [true, [72]]);
  assertEquals(passing(r, KINDS), ["ours", "other", "multi", "broad"], "PROMISC beats all");
  assertEquals([r.command([0, 6, 1]), r.command([0, 0])], [1, 1], "unknown, and cut short");
});

const le32 = (n: number) => [n & 255, n >>> 8 & 255, n >>> 16 & 255, n >>> 24 & 255];
const mac = (text: string) => [...Uint8Array.fromHex(text)];
const table = (uni: string[], multi: string[]) => [
  1,
  0,
  ...le32(uni.length),
  ...uni.flatMap(mac),
  ...le32(multi.length),
  ...multi.flatMap(mac),
];

Deno.test("MAC table: two lists, all or nothing; more than 64 entries let all of a kind pass", () => {
  const r = new NetRig().start();
  r.command([0, 0, 0]);
  assertEquals(r.command(table([OTHER], [MULTICAST])), 0);
  assertEquals(passing(r, KINDS), ["ours", "other", "multi", "broad"]);
  for (
    const bad of [
      [1, 0],
      [1, 0, ...le32(2), ...mac(OTHER)],
      [...table([], []), 1],
      table([], []).slice(0, -2),
      [1, 2],
    ]
  ) {
    assertEquals([bad.length, r.command(bad)], [bad.length, 1]);
  }
  assertEquals(passing(r, KINDS), ["ours", "other", "multi", "broad"], "a bad command changes nothing");
  assertEquals(r.command(table([], [])), 0);
  assertEquals(passing(r, KINDS), ["ours", "broad"]);
  const many = Array.from({ length: 65 }, (_, i) => "0200000001" + i.toString(16).padStart(2, "0"));
  assertEquals(r.command(table(many, [])), 0);
  assertEquals(passing(r, KINDS), ["ours", "other", "broad"]);
  assertEquals(r.command(table(many.slice(0, 60), many.slice(0, 5))), 0);
  assertEquals(passing(r, KINDS), ["ours", "multi", "broad"], "the lists share the 64 entries");
  // As QEMU: the length of the first list wraps, and is 2 bytes then.
  assertEquals(r.command([1, 0, ...le32(0x2aaa_aaab), 9, 9, ...le32(0)]), 0);
  assertEquals(passing(r, KINDS), ["ours", "other", "broad"]);
});

Deno.test("VLAN filter: with CTRL_VLAN only listed tags pass, without it all do, in promiscuous mode too", () => {
  const tagged = (id: number) => {
    const frame = frameTo(OURS, 64, "8100");
    frame[14] = 0xe0 | id >> 8;
    frame[15] = id;
    return frame;
  };
  const frames = { one: tagged(1), high: tagged(0xabc), plain: frameTo(OURS) };
  const r = new NetRig().start(CTRL_VLAN);
  assertEquals(passing(r, frames), ["one", "high", "plain"]);
  r.command([0, 0, 0]);
  assertEquals(passing(r, frames), ["plain"]);
  assertEquals(r.command([2, 0, 0xbc, 0x0a]), 0);
  assertEquals(passing(r, frames), ["high", "plain"]);
  assertEquals(r.command([2, 1, 0xbc, 0x0a]), 0);
  assertEquals(passing(r, frames), ["plain"]);
  assertEquals([r.command([2, 0, 0, 0x10]), r.command([2, 2, 1, 0]), r.command([2, 0, 1])], [1, 1, 1]);
  const without = new NetRig().start();
  without.command([0, 0, 0]);
  assertEquals(passing(without, frames), ["one", "high", "plain"]);
});

const config = (r: Rig, at: number, width: number) => r.read(DEVICE + at, width);

Deno.test("the address: set by command, shown in the configuration, back at reset; only old drivers write it there", () => {
  const r = new NetRig().start(CTRL_MAC_ADDR);
  r.command([0, 0, 0]);
  assertEquals([
    r.command([1, 1, ...mac(OTHER)]),
    r.command([1, 1, 1, 2, 3]),
    r.command([1, 1, ...mac(OTHER), 0]),
  ], [0, 1, 1]);
  assertEquals([config(r, 0, 4), config(r, 4, 2)], [0x0000_0002, 0x0900]);
  assertEquals(passing(r, KINDS), ["other", "broad"]);
  r.write(DEVICE, 4, 0x1234_5678);
  assertEquals(config(r, 0, 4), 0x0000_0002, "the configuration is read-only");
  r.status = 0;
  assertEquals(config(r, 0, 4), 0x1200_5452);
  r.write(DEVICE, 1, 0x02);
  assertEquals(config(r, 0, 1), 0x02, "no VERSION_1: a driver of long ago");
});

Deno.test("set_link: status, generation, configuration interrupt; frames of either side are lost meanwhile", () => {
  const r = new NetRig().start();
  r.give(0, [{ in: 100 }]);
  card(r).setLink(false);
  card(r).setLink(false);
  assertEquals([config(r, 6, 2), r.common(0x15, 1), r.read(0xe000_1000, 1)], [0, 1, 3]);
  assert(r.receive(frameTo(OURS)));
  r.transmit(frameTo(OTHER));
  assertEquals([r.netdev.sent.length, r.done(0), r.done(1)], [0, [], [0]]);
  card(r).setLink(true);
  assertEquals([config(r, 6, 2), r.common(0x15, 1)], [1, 2]);
  r.transmit(frameTo(OTHER));
  r.receive(frameTo(OURS));
  assertEquals([r.netdev.sent.length, r.done(0), r.done(1)], [1, [72], [0]]);
});

Deno.test("a frame that waits for a timer when the cable is pulled counts as sent", () => {
  const r = new NetRig("virtio-net-pci,tx=timer").start();
  r.ctx.events.advance(1e6);
  r.transmit(frameTo(OTHER));
  card(r).setLink(false);
  assertEquals([r.netdev.sent.length, r.done(1), r.suppressed(1)], [0, [0], false]);
});

Deno.test("announce: the bit is there until the driver acknowledges it, and only for drivers that can", () => {
  const r = new NetRig().start(ANNOUNCE | CTRL_VQ);
  assertEquals(r.command([3, 0]), 1, "nothing was asked");
  card(r).announce();
  assertEquals([config(r, 6, 2), r.common(0x15, 1)], [3, 1]);
  assertEquals([r.command([3, 1]), r.command([3, 0]), config(r, 6, 2), r.command([3, 0])], [1, 0, 1, 1]);
  card(r).announce();
  r.status = 0;
  assertEquals(config(r, 6, 2), 1, "a reset forgets it");
  const without = new NetRig().start();
  card(without).announce();
  assertEquals(config(without, 6, 2), 1);
});

Deno.test("commands of other classes: MQ without several pairs, offloads without a header, unknown", () => {
  const r = new NetRig().start(1 << 2);
  for (const bytes of [[4, 0, 1, 0], [5, 0, ...new Array(8).fill(0)], [5, 0, 1], [6, 0], [255, 255, 1]]) {
    assertEquals([bytes[0], r.command(bytes)], [bytes[0], 1]);
  }
  const one = new NetRig("virtio-net-pci,mq=on").start(1 << 22);
  assertEquals([one.command([4, 0, 1, 0]), one.command([4, 0, 2, 0]), one.command([4, 0, 0, 0])], [0, 1, 1]);
  assertEquals(config(one, 8, 2), 1);
});

Deno.test("with EVENT_IDX a round of frames raises one interrupt where the driver asks for one", () => {
  const r = new NetRig().start(EVENT_IDX);
  for (let i = 0; i < 5; i++) r.give(1, [{ out: HEADER + 60 }], i === 4);
  assertEquals([r.netdev.sent.length, r.named("virtio_notify").length], [5, 1]);
});

Deno.test("properties: wrong ones are refused, right ones show", () => {
  for (
    const [word, text] of [
      ["rx_queue_size=300", "256, 512, 1024"],
      ["rx_queue_size=128", "256, 512, 1024"],
      ["tx_queue_size=2048", "256, 512, 1024"],
      ["mac=52:54", "six bytes"],
      ["duplex=third", "half or full"],
      ["speed=-2", "from -1"],
      ["rss=on", "not modelled"],
      ["hash=on", "not modelled"],
      ["guest_rsc_ext=on", "not modelled"],
      ["failover=on", "not modelled"],
      ["romfile=x.rom", "not modelled"],
      ["vectors=3000", "0 to 2048"],
    ]
  ) {
    const error = assertThrows(() => new NetRig(`virtio-net-pci,${word}`), UsageError);
    assertStringIncludes(error.message, text);
  }
  const r = new NetRig(
    "virtio-net-pci,romfile=,host_mtu=1400,speed=1000,duplex=full,rx_queue_size=1024,tx_queue_size=1024",
  );
  assertEquals([config(r, 8, 2), config(r, 10, 2), config(r, 12, 4), config(r, 16, 1), config(r, 16, 2)], [
    1,
    1400,
    1000,
    1,
    0xffff,
  ]);
  const sizes = [0, 1, 2, 3].map((i) => {
    r.setCommon(0x16, 2, i);
    return r.common(0x18, 2);
  });
  assertEquals(sizes, [1024, 256, 64, 0], "tx is cut down to what a back end in the same process takes");
});

Deno.test("addresses are numbered as QEMU's: the lowest that no card before has", () => {
  const macs = new MacAddresses();
  const given = Uint8Array.fromHex("525400123457");
  assertEquals([
    macs.next(given),
    macs.next(undefined)[5],
    macs.next(new Uint8Array(6))[5],
    macs.next(undefined)[5],
  ], [
    given,
    0x56,
    0x58,
    0x59,
  ]);
});

Deno.test("x-vnet-hdr: a driver's large segment leaves in pieces; a header that cannot be loses its frame", () => {
  const r = new NetRig("virtio-net-pci,x-vnet-hdr=on").start(1 | 1 << 11);
  const segment = new Uint8Array(54 + 250);
  segment.set(Uint8Array.fromHex("02000000000152540012345608004500012200000000400600000a00020f0a000202"));
  segment[14 + 20 + 12] = 0x50;
  const header = (flags: number, gso: number, size: number, start: number) =>
    Uint8Array.of(flags, gso, 0, 0, size, 0, start, 0, 16, 0, 0, 0);
  r.transmit(segment, header(1, 1, 100, 34));
  assertEquals(r.netdev.sent.map((f) => f.length), [154, 154, 104]);
  assertEquals(r.netdev.sent.map((f) => f[17]), [140, 140, 90], "IP's total length");
  r.netdev.sent.length = 0;
  for (
    const bad of [header(0, 1, 100, 34), header(1, 3, 100, 34), header(1, 1, 0, 34), header(1, 0, 0, 255)]
  ) {
    r.transmit(segment, bad);
  }
  assertEquals([r.netdev.sent.length, r.done(1), r.status], [1, [0, 0, 0, 0, 0], 15]);
  assertEquals(r.netdev.sent[0].length, segment.length, "255 + 16 lies in the frame");
  r.transmit(segment, header(0, 0, 0, 200));
  assertEquals(r.netdev.sent[1], segment, "without NEEDS_CSUM the rest means nothing");
});

Deno.test("CTRL_GUEST_OFFLOADS: a driver switches what it copes with", () => {
  const r = new NetRig("virtio-net-pci,x-vnet-hdr=on").start(1 << 1 | 1 << 2 | 1 << 7 | MRG);
  const offload = { csumStart: 34, csumOffset: 16, gsoType: 0, gsoSize: 0 };
  const flags = () => {
    const [at] = r.give(0, [{ in: 200 }]);
    r.netdev.frontend!.receive(frameTo(OURS), offload);
    return r.ram[at];
  };
  const set = (bits: number) => r.command([5, 0, bits & 255, bits >> 8, 0, 0, 0, 0, 0, 0]);
  assertEquals([flags(), set(0), flags(), set(1 << 1), flags()], [1, 0, 0, 0, 1]);
  assertEquals([set(1 << 8), set(1 << 0)], [1, 1], "not negotiated");
});
