/** Clauses for devices in the chapters on rings that no test of a model shows. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { BUFFERS, DESC, DEVICE, DRIVER, RawDriver, WRITE } from "../../devices/virtio/_driver.ts";
import { frameTo, HEADER, NetRig, type Part } from "../../devices/virtio/_net_rig.ts";
import { Rig } from "../../devices/virtio/_rig.ts";
import { onceTest } from "../../support/once.ts";

const OTHER = "020000000009";

/** The same bytes in pieces, cut where `cuts` says. */
function pieces(bytes: Uint8Array, cuts: readonly number[]): Part[] {
  const at = [...new Set(cuts.map((c) => 1 + c % (bytes.length - 1)))].sort((a, b) => a - b).slice(0, 6);
  return [0, ...at].map((from, i) => ({ out: bytes.subarray(from, at[i] ?? bytes.length) }));
}
const cutting = fc.array(fc.nat(1000), { maxLength: 6 });

onceTest(
  "however a message is cut into descriptors, it is the same message: frame, command, control message",
  () => {
    fc.assert(fc.property(cutting, (cuts) => {
      const net = new NetRig().start();
      const frame = frameTo(OTHER, 90);
      net.give(1, pieces(Uint8Array.of(...new Uint8Array(HEADER), ...frame), cuts));
      assertEquals(net.netdev.sent, [frame]);
      const table = [1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 0, 0, 0];
      net.give(2, [...pieces(Uint8Array.from(table), cuts), { in: 1 }]);
      assertEquals(net.done(2), [1]);
      assertEquals(net.command([0, 0, 0]), 0);
      net.give(0, [{ in: 200 }]);
      net.receive(frame);
      assertEquals(net.done(0), [HEADER + 90], "the address is in the table");
      // DEVICE_READY (5.3.6.2): id 0, event 0, value 1.
      const r = new Rig(["virtio-serial-pci", "virtconsole,chardev=c0"]).enable().negotiate(2);
      r.queue(2, 0x1_0000, 16).queue(3, 0x1_4000, 16);
      r.status = 15;
      r.desc(0x1_0000, 0x3_0000, 64, 2, 0);
      r.avail(0x1_0000, 0, 0, 16);
      const parts = pieces(Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0), cuts);
      parts.forEach((part, i) => {
        r.ram.set(part.out as Uint8Array, 0x4_0000 + 0x100 * i);
        const length = (part.out as Uint8Array).length;
        const next = i < parts.length - 1 ? 1 : 0;
        r.desc(0x1_4000 + 16 * i, 0x4_0000 + 0x100 * i, length, next, i + 1);
      });
      r.avail(0x1_4000, 0, 0, 16);
      r.notify(3);
      assertEquals([r.used(0x1_0000), [...r.ram.subarray(0x3_0000, 0x3_0008)]], [[{ id: 0, len: 8 }], [
        0,
        0,
        0,
        0,
        1,
        0,
        1,
        0,
      ]]);
    }));
  },
);

for (const packed of [false, true]) {
  const ring = packed ? "packed" : "split";

  onceTest(`${ring}: what the device may only read is as the driver left it: buffers, and tables`, () => {
    const d = new RawDriver({ packed, size: 4 });
    const sent = Uint8Array.from({ length: 64 }, (_, i) => i + 1);
    for (let round = 0; round < 6; round++) {
      d.memory.writeBytes(BUFFERS, sent);
      const list = [{ len: 64 }, { addr: BUFFERS + 0x100, len: 32, flags: WRITE }];
      d.chain([d.table(list)], 1);
      const before = snapshot(d, packed);
      const chain = d.queue.pop()!;
      assertEquals(chain.readAll(), sent);
      assertEquals(chain.writeFrom(new Uint8Array(500).fill(0xff)), 32);
      d.queue.push(chain, 32);
      const found = new Uint8Array(64);
      d.memory.copyOut(BUFFERS, found, 0, 64);
      assertEquals(found, sent);
      assertEquals(snapshot(d, packed), before);
      assert(d.used());
    }
  });
}

/** The indirect table, and of a split ring the descriptors and the available ring. */
function snapshot(d: RawDriver, packed: boolean): number[] {
  const bytes = (at: number, length: number) => Array.from({ length }, (_, i) => d.memory.readU8(at + i));
  return [...bytes(0x18_0000, 32), ...packed ? [] : [...bytes(DESC, 64), ...bytes(DRIVER, 14)]];
}

onceTest("split: WRITE on the descriptor of an indirect table means nothing", () => {
  for (const more of [0, WRITE]) {
    const d = new RawDriver({ packed: false, size: 4 });
    const table = d.table([{ len: 7 }, { len: 9, flags: WRITE }]);
    d.chain([{ ...table, flags: table.flags! | more }]);
    const chain = d.queue.pop()!;
    assertEquals([chain.readableLength, chain.writableLength], [7, 9]);
  }
});

onceTest("split: without EVENT_IDX used_event means nothing, with it avail.flags does", () => {
  const usedEvent = DRIVER + 4 + 2 * 4;
  for (const eventIdx of [false, true]) {
    const d = new RawDriver({ packed: false, size: 4, eventIdx });
    // With EVENT_IDX: entry 3 is asked for, and the flag says no. Without: the flag says yes.
    d.put(DRIVER, eventIdx ? 1 : 0);
    d.put(usedEvent, 3);
    const answers = Array.from({ length: 6 }, () => {
      d.chain([{}], 0);
      d.queue.push(d.queue.pop()!, 0);
      return d.queue.shouldInterrupt();
    });
    // The first answer of an EVENT_IDX ring is always yes, as in QEMU.
    const asked = [true, false, false, true, false, false];
    assertEquals(answers, eventIdx ? asked : new Array(6).fill(true));
  }
});

onceTest("split: with EVENT_IDX used.flags stays 0, whatever the device wants", () => {
  const d = new RawDriver({ packed: false, size: 4, eventIdx: true });
  for (const on of [false, true, false]) {
    d.queue.setNotification(on);
    assertEquals(d.get(DEVICE), 0);
  }
});

onceTest("a notification without a buffer does nothing, on any queue of any device", () => {
  for (const word of ["virtio-rng-pci", "virtio-serial-pci", "virtio-net-pci,netdev=n0"]) {
    const r = new Rig([word]).enable().negotiate();
    const queues = Math.min(r.device.queues.length, 4);
    for (let i = 0; i < queues; i++) r.queue(i, 0x1_0000 + 0x4000 * i);
    r.status = 15;
    r.run();
    const lines = r.line.length;
    for (let i = 0; i < 3 * queues; i++) r.notify(i % queues);
    for (let i = 0; i < queues; i++) assertEquals([word, i, r.used(0x1_0000 + 0x4000 * i)], [word, i, []]);
    assertEquals([word, r.status], [word, 15]);
    // QEMU's rng and console interrupt all the same; a driver copes with that.
    assert(r.line.length - lines <= 1, r.line.join());
  }
});

onceTest("packed: a descriptor whose AVAIL bit has not changed is not taken, on either lap", () => {
  const d = new RawDriver({ packed: true, size: 2 });
  const at = (slot: number) => DESC + 16 * slot + 14;
  for (const wrap of [1, 0]) {
    const [taken, notTaken] = wrap === 1 ? [0x80, 0x8000] : [0x8000, 0x80];
    for (const slot of [0, 1]) {
      d.chain([{ flags: WRITE }], slot);
      d.put(at(slot), WRITE | notTaken);
      assertEquals([d.queue.hasAvail(), d.queue.pop()], [false, undefined]);
      d.put(at(slot), WRITE | taken);
      d.queue.push(d.queue.pop()!, 1);
      assert(d.used());
    }
  }
});
