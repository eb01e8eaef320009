/** Clauses for devices in the chapter on PCI that no test of a model shows. */
import { assert, assertEquals } from "@std/assert";
import { MSIX_BAR, Rig } from "../../devices/virtio/_rig.ts";
import { onceTest } from "../../support/once.ts";

interface Cap {
  readonly type: number;
  readonly length: number;
  readonly bar: number;
  readonly offset: number;
  readonly size: number;
  /** notify_off_multiplier of type 2. */
  readonly multiplier: number;
}
/** The virtio capabilities, in the order of the list. */
function capsOf(r: Rig): Cap[] {
  const found: Cap[] = [];
  for (let at = r.cfg(0x34, 1); at !== 0; at = r.cfg(at + 1, 1)) {
    if (r.cfg(at, 1) !== 9) continue;
    found.push({
      length: r.cfg(at + 2, 1),
      type: r.cfg(at + 3, 1),
      bar: r.cfg(at + 4, 1),
      offset: r.cfg(at + 8),
      size: r.cfg(at + 12),
      multiplier: r.cfg(at + 16),
    });
  }
  return found;
}
const DEVICES = [["virtio-net-pci", 1], ["virtio-serial-pci", 3], ["virtio-rng-pci", 4]] as const;
const TRANSITIONAL: Record<number, number> = { 1: 0x1000, 3: 0x1003, 4: 0x1005 };

onceTest(
  "ids: 1af4, 1040 and the type with revision 1 and a subsystem from 40 on, or the transitional id",
  () => {
    for (const [driver, type] of DEVICES) {
      const modern = new Rig([`${driver},disable-legacy=on`]);
      assertEquals([modern.cfg(0, 2), modern.cfg(2, 2)], [0x1af4, 0x1040 + type]);
      assert(modern.cfg(8, 1) >= 1 && modern.cfg(0x2e, 2) >= 0x40);
      const both = new Rig([driver]);
      assertEquals([both.cfg(0, 2), both.cfg(2, 2), both.cfg(8, 1)], [0x1af4, TRANSITIONAL[type], 0]);
      assertEquals(both.cfg(0x2e, 2), type, "the subsystem of a transitional device is its type");
    }
  },
);

onceTest(
  "one capability of each kind; offsets aligned, multiplier a power of two, a notification for each queue",
  () => {
    const variants = ["", ",page-per-vq=on", ",notification_data=on"];
    for (const [driver] of DEVICES) {
      for (const more of variants) {
        const r = new Rig([driver + more]).enable();
        const caps = capsOf(r);
        assertEquals(caps.map((c) => c.type).sort(), [1, 2, 3, 4, 5]);
        const [common, notify, , device] = [1, 2, 3, 4].map((type) => caps.find((c) => c.type === type)!);
        assertEquals([common.offset % 4, device.offset % 4], [0, 0]);
        const width = more.includes("notification") ? 4 : 2;
        const { multiplier } = notify;
        assertEquals([multiplier & (multiplier - 1), multiplier % width, notify.offset % width], [0, 0, 0]);
        assert(notify.length >= 20, "the multiplier is part of the capability");
        const count = r.common(0x12, 2);
        for (let i = 0; i < count; i++) {
          r.setCommon(0x16, 2, i);
          assert(notify.size >= r.common(0x1e, 2) * multiplier + width);
          const size = r.common(0x18, 2);
          assert(size > 0 && (size & (size - 1)) === 0, `queue ${i} has ${size}`);
        }
        r.setCommon(0x16, 2, count);
        assertEquals(r.common(0x18, 2), 0, "no such queue");
      }
    }
  },
);

onceTest(
  "queue_reset and queue_enable: 0 once the reset is done, which is at once; 0 after a device reset",
  () => {
    const r = new Rig(["virtio-rng-pci"]).enable().negotiate(0, 0x101).queue(0, 0x1000);
    const both = () => [r.common(0x3a, 2), r.common(0x1c, 2)];
    assertEquals(both(), [0, 1]);
    r.setCommon(0x3a, 2, 1);
    assertEquals(both(), [0, 0]);
    r.queue(0, 0x1000);
    assertEquals(both(), [0, 1]);
    r.setCommon(0x3a, 2, 1);
    r.status = 0;
    assertEquals(both(), [0, 0]);
  },
);

/** A rng with five vectors, all unmasked: vector v sends 0x40 + v. */
function vectored(): Rig {
  const r = new Rig(["virtio-rng-pci,vectors=5"]).enable().negotiate();
  for (let v = 0; v < 5; v++) {
    for (const [i, word] of [0xfee0_0000, 0, 0x40 + v, 0].entries()) {
      r.write(MSIX_BAR + 16 * v + 4 * i, 4, word);
    }
  }
  r.setCfg(0x98 + 2, 2, 0x8000);
  return r;
}
/** What the configuration and the queue send, and whether the line moved. */
function sent(r: Rig): unknown[] {
  r.messages.length = 0;
  r.device.notifyConfig();
  const config = r.messages.splice(0).map((m) => m.data);
  r.desc(0x1000, 0x2_0000, 8, 2, 0);
  r.avail(0x1000, 0, r.used(0x1000).length);
  r.notify(0);
  return [config, r.messages.map((m) => m.data), r.line];
}

onceTest("MSI-X: every event on every vector, or on none: then it sends nothing; a reset unmaps", () => {
  const r = vectored().queue(0, 0x1000);
  r.status = 15;
  r.run();
  r.messages.length = 0;
  assertEquals(sent(r), [[], [], []], "unmapped, and no line instead");
  for (let v = 0; v < 5; v++) {
    r.setCommon(0x10, 2, v);
    r.setCommon(0x1a, 2, 4 - v);
    assertEquals([r.common(0x10, 2), r.common(0x1a, 2)], [v, 4 - v]);
    assertEquals(sent(r), [[0x40 + v], [0x44 - v], []]);
  }
  r.setCommon(0x10, 2, 0xffff);
  assertEquals([r.common(0x10, 2), ...sent(r)], [0xffff, [], [0x40], []]);
  r.setCommon(0x10, 2, 2);
  r.setCommon(0x1a, 2, 0xffff);
  assertEquals([r.common(0x1a, 2), ...sent(r)], [0xffff, [0x42], [], []]);
  r.status = 0;
  assertEquals([r.common(0x10, 2), r.common(0x1a, 2)], [0xffff, 0xffff]);
});
