import { assert, assertEquals } from "@std/assert";
import type { FrameOffload, NetBackend, NetFrontend } from "../../../devices/net/backend.ts";
import { VirtioNetDriver } from "../../../drivers/net/virtio.ts";
import { NetF } from "../../../spec/virtio/features.ts";
import { NetGso } from "../../../spec/virtio/net.ts";
import { RealMachine } from "../support/real_machine.ts";
import { Cable, card } from "./_cards.ts";

const ON = "x-vnet-hdr=on";

/** Sums 16-bit words, ones' complement (RFC 1071), by the book. */
function sum(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let total = start;
  for (let i = from; i < to; i += 2) total += bytes[i] << 8 | (i + 1 < to ? bytes[i + 1] : 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}
const word = (bytes: Uint8Array, at: number) => bytes[at] << 8 | bytes[at + 1];

/** A TCP segment over IPv4 or IPv6 whose checksum field holds the pseudo header's sum. */
function segment(v6: boolean, payload: number, flags = 0x19): Uint8Array {
  const ip = v6 ? 40 : 20;
  const frame = new Uint8Array(14 + ip + 20 + payload).map((_, i) => i * 13);
  const view = new DataView(frame.buffer);
  frame.set(Uint8Array.fromHex("525400123456" + "020000000001" + (v6 ? "86dd" : "0800")));
  frame.fill(0, 14, 14 + ip + 20);
  const tcp = 14 + ip;
  if (v6) {
    frame[14] = 0x60;
    view.setUint16(18, 20 + payload);
    frame.set([6, 64], 20);
    for (let i = 22; i < 54; i++) frame[i] = i;
  } else {
    frame.set([
      0x45,
      0,
      (40 + payload) >> 8,
      40 + payload,
      0x12,
      0x34,
      0x40,
      0,
      64,
      6,
      0,
      0,
      10,
      0,
      2,
      15,
      10,
      0,
      2,
      2,
    ], 14);
    view.setUint16(24, sum(frame, 14, 34) ^ 0xffff);
  }
  view.setUint16(tcp, 1234);
  view.setUint16(tcp + 2, 80);
  view.setUint32(tcp + 4, 0xffff_ff00);
  frame[tcp + 12] = 0x50;
  frame[tcp + 13] = flags;
  view.setUint16(tcp + 16, pseudo(frame, v6));
  return frame;
}
function pseudo(frame: Uint8Array, v6: boolean): number {
  const [from, to] = v6 ? [22, 54] : [26, 34];
  return sum(frame, from, to, 6 + frame.length - (v6 ? 54 : 34));
}
/** Whether a frame's checksums are right, by the book. */
function isWhole(frame: Uint8Array, v6: boolean): boolean {
  const tcp = v6 ? 54 : 34;
  const [from, to] = v6 ? [22, 54] : [26, 34];
  if (!v6 && sum(frame, 14, 34) !== 0xffff) return false;
  return sum(frame, tcp, frame.length, sum(frame, from, to, 6 + frame.length - tcp)) === 0xffff;
}

/** A cable whose other end understands frames that leave something undone. */
class RawCable extends Cable {
  readonly offloads = true;
  readonly undone: (FrameOffload | undefined)[] = [];
  override send(frame: Uint8Array, offload?: FrameOffload): void {
    this.undone.push(offload);
    super.send(frame);
  }
}

Deno.test("CSUM is not offered without x-vnet-hdr, and GUEST_TSO4 not with csum off", () => {
  const has = (word: string) => {
    const { features } = card("q35", word).driver;
    return [NetF.CSUM, NetF.GUEST_CSUM, NetF.GUEST_TSO4, NetF.GUEST_TSO6].map((f) => (features & f) !== 0n);
  };
  assertEquals(has("virtio-net-pci"), [false, false, false, false]);
  assertEquals(has(`virtio-net-pci,${ON}`), [true, true, true, true]);
  assertEquals(has(`virtio-net-pci,${ON},guest_csum=off,guest_tso4=off,guest_tso6=off`), [
    true,
    false,
    false,
    false,
  ]);
});

for (const v6 of [false, true]) {
  const start = v6 ? 54 : 34;
  const name = v6 ? "IPv6" : "IPv4";
  Deno.test(`the card fills checksums in, or hands them on to who understands (${name})`, () => {
    // The third frame breaks a rule: its checksum is left out, and nobody is asked to fill it in.
    const plain = card("q35", `virtio-net-pci,${ON}`, { strict: false });
    assert(plain.driver.fillsChecksums);
    const frame = segment(v6, 101);
    for (let i = 0; i < 2; i++) plain.driver.transmit(frame, { start, offset: 16 });
    plain.driver.transmit(frame);
    plain.m.until(() => plain.cable.sent.length === 3);
    assertEquals(plain.cable.sent.map((f) => isWhole(f, v6)), [true, true, false]);
    const raw = card("q35", `virtio-net-pci,${ON}`, {}, new RawCable());
    raw.driver.transmit(frame, { start, offset: 16 });
    raw.m.until(() => raw.cable.sent.length === 1);
    assertEquals(raw.cable.sent, [frame]);
    assertEquals((raw.cable as RawCable).undone, [{
      csumStart: start,
      csumOffset: 16,
      gsoType: 0,
      gsoSize: 0,
    }]);
  });

  for (const more of ["", ",mrg_rxbuf=off"]) {
    Deno.test(`a long segment arrives whole where the driver copes with it, else in pieces (${name}${more})`, () => {
      const long = segment(v6, 5000);
      const offload = {
        csumStart: start,
        csumOffset: 16,
        gsoType: v6 ? NetGso.TCPV6 : NetGso.TCPV4,
        gsoSize: 1400,
      };
      const whole = card("q35", `virtio-net-pci,${ON}${more}`, { memory: 64 << 20 });
      assert(whole.cable.card!.receive(long, offload));
      const got = whole.driver.receive()!;
      assertEquals([got.bytes, got.checksumValid], [long, true]);

      const cut = card("q35", `virtio-net-pci,${ON},guest_tso4=off,guest_tso6=off${more}`);
      assert(cut.cable.card!.receive(long, offload));
      const pieces: Uint8Array[] = [];
      for (let f = cut.driver.receive(); f !== undefined; f = cut.driver.receive()) {
        pieces.push(f.bytes.slice());
      }
      assertEquals(pieces.map((p) => p.length - start - 20), [1400, 1400, 1400, 800]);
      assertEquals(pieces.map((p) => isWhole(p, v6)), [true, true, true, true]);
      const view = (p: Uint8Array) => new DataView(p.buffer);
      assertEquals(pieces.map((p) => view(p).getUint32(start + 4)), [0xffff_ff00, 0x478, 0x9f0, 0xf68]);
      assertEquals(
        pieces.map((p) => p[start + 13]),
        [0x10, 0x10, 0x10, 0x19],
        "FIN and PSH stay with the last",
      );
      assertEquals(pieces.map((p) => v6 ? word(p, 18) + 54 : word(p, 16) + 14), pieces.map((p) => p.length));
      if (!v6) assertEquals(pieces.map((p) => word(p, 18)), [0x1234, 0x1235, 0x1236, 0x1237]);
      const payload = pieces.flatMap((p) => [...p.subarray(start + 20)]);
      assertEquals(payload, [...long.subarray(start + 20)]);
    });
  }
}

Deno.test("pieces for which there are no buffers wait, and nothing overtakes them", () => {
  const { m, driver, cable } = card(
    "q35",
    `virtio-net-pci,${ON},guest_tso4=off,guest_tso6=off,mrg_rxbuf=off`,
  );
  for (let i = 0; i < 250; i++) cable.give(segment(false, 10));
  const offload = { csumStart: 34, csumOffset: 16, gsoType: NetGso.TCPV4, gsoSize: 100 };
  assert(cable.card!.receive(segment(false, 1000), offload));
  cable.give(segment(false, 11));
  assertEquals([cable.waiting.length, cable.card!.canReceive()], [1, false]);
  const lengths: number[] = [];
  m.until(() => {
    for (let f = driver.receive(); f !== undefined; f = driver.receive()) lengths.push(f.bytes.length - 54);
    return lengths.length === 261;
  });
  assertEquals(lengths.slice(250), [...new Array(10).fill(100), 11]);
});

Deno.test("a checksum that needs no look says so; frames that cannot be are lost", () => {
  const { driver, cable } = card("q35", `virtio-net-pci,${ON}`);
  const frame = segment(false, 50);
  cable.card!.receive(frame, { csumStart: 34, csumOffset: 16, gsoType: 0, gsoSize: 0 });
  assertEquals(driver.receive()!.checksumValid, true);
  cable.card!.receive(frame);
  assertEquals(driver.receive()!.checksumValid, false);
  const small = card("q35", `virtio-net-pci,${ON},guest_csum=off,guest_tso4=off,guest_tso6=off`);
  cable.card!.receive(frame);
  for (
    const bad of [
      { csumStart: 100, csumOffset: 16, gsoType: 0, gsoSize: 0 },
      { csumStart: 34, csumOffset: 16, gsoType: NetGso.UDP, gsoSize: 100 },
      { csumStart: 34, csumOffset: 16, gsoType: NetGso.TCPV4, gsoSize: 0 },
      { csumStart: 20, csumOffset: 16, gsoType: NetGso.TCPV4, gsoSize: 10 },
      { csumStart: 90, csumOffset: 6, gsoType: NetGso.TCPV4, gsoSize: 10 },
    ]
  ) assert(small.cable.card!.receive(frame, bad), "taken, and lost");
  assertEquals(small.driver.receive(), undefined);
});

/** Two ends of one cable; both understand frames that leave something undone. */
function crossed(): [NetBackend, NetBackend] {
  const cards: (NetFrontend | undefined)[] = [undefined, undefined];
  const end = (i: number): NetBackend => ({
    id: `n${i}`,
    offloads: true,
    attach: (frontend) => void (cards[i] = frontend),
    send: (frame, offload) => void cards[1 - i]!.receive(frame, offload),
    acceptInput() {},
  });
  return [end(0), end(1)];
}

Deno.test("from card to card: a checksum is never filled in where both sides cope", () => {
  const [a, b] = crossed();
  const m = new RealMachine("q35", [
    `virtio-net-pci,netdev=n0,${ON}`,
    `virtio-net-pci,netdev=n1,${ON},packed=on`,
  ], {
    netdevs: new Map([["n0", a], ["n1", b]]),
  });
  const [one, two] = m.find().filter((l) => l.deviceId === 1)
    .map((l) => VirtioNetDriver.initDev(m.transport.mapDevice(l, m.ctx), m.ctx));
  assertEquals([...two.mac], [0x52, 0x54, 0, 0x12, 0x34, 0x57]);
  const frame = segment(false, 500);
  frame.set(two.mac);
  assert(one.transmit(frame, { start: 34, offset: 16 }));
  m.machine.relax();
  const got = two.receive()!;
  assertEquals([got.bytes, got.checksumValid], [frame, true]);
});
