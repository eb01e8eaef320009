import { assertEquals } from "@std/assert";
import { ISR, MSIX_BAR, NOTIFY, Rig } from "./_rig.ts";

/** A running rng with one chain of 64 bytes at 0x8000. */
function running(props = "", word0 = 0, word1 = 1): Rig {
  const r = new Rig([`virtio-rng-pci${props}`]).enable().negotiate(word0, word1).queue(0, 0x1000);
  r.status = 15;
  r.run();
  r.desc(0x1000, 0x8000, 64, 2, 0);
  return r;
}

Deno.test("features that were not offered are not in force, whatever the driver accepts (virtio 1.4, 2.2)", () => {
  // The driver accepts RING_PACKED (34) and EVENT_IDX (29); the device has neither.
  const r = running(",packed=off,event_idx=off", 1 << 29, 1 | 4);
  r.avail(0x1000, 0, 0);
  r.notify(0);
  assertEquals(r.used(0x1000), [{ id: 0, len: 64 }]);
  // avail_event behind the used ring (8 entries of 8 bytes) belongs to EVENT_IDX.
  assertEquals(r.dram.getUint16(0x3000 + 4 + 8 * 8, true), 0);
});

Deno.test("a reset takes the interrupt back: ISR 0, line low (QEMU's virtio_reset)", () => {
  const r = running();
  r.avail(0x1000, 0, 0);
  r.notify(0);
  assertEquals(r.line.at(-1), "raise");
  r.status = 0;
  assertEquals([r.line.at(-1), r.read(ISR, 1)], ["lower", 0]);
});

Deno.test("a device that needs a reset does not hear notifications (QEMU's virtio_queue_notify)", () => {
  const r = running();
  r.avail(0x1000, 200, 0);
  r.notify(0);
  assertEquals(r.status & 0x40, 0x40);
  const before = r.named("virtio_queue_notify").length;
  r.notify(0);
  assertEquals(r.named("virtio_queue_notify").length, before);
});

Deno.test("MSI-X: a function that is no bus master sends no message (PCI 3.0, 6.2.2)", () => {
  const r = new Rig(["virtio-rng-pci"]).enable().negotiate().queue(0, 0x1000);
  r.setCommon(0x1a, 2, 1);
  r.status = 15;
  for (const [i, v] of [0xfee0_0000, 0, 0x41].entries()) r.write(MSIX_BAR + 16 + 4 * i, 4, v);
  r.setCfg(0x98 + 2, 2, 0x8001);
  r.desc(0x1000, 0x8000, 64, 2, 0);
  r.avail(0x1000, 0, 0);
  r.write(NOTIFY, 2, 0);
  r.run();
  assertEquals(r.read(MSIX_BAR + 0x800, 4), 2, "pending while masked");
  r.setCfg(4, 2, 3);
  r.write(MSIX_BAR + 16 + 12, 4, 0);
  assertEquals(r.messages, []);
});

Deno.test("MMIO: an acknowledged bit leaves the other one and the line as they are (virtio 1.4, 4.2.2)", () => {
  const r = new Rig(["virtio-rng-device"]);
  for (const status of [0, 1, 3, 11, 15]) r.mmio.write(0x70, 4, status);
  r.device.notifyConfig();
  assertEquals([r.mmio.read(0x60, 4), r.line.at(-1)], [3, "raise"]);
  r.mmio.write(0x64, 4, 1);
  assertEquals([r.mmio.read(0x60, 4), r.line.at(-1)], [2, "raise"]);
  r.mmio.write(0x64, 4, 2);
  assertEquals([r.mmio.read(0x60, 4), r.line.at(-1)], [0, "lower"]);
});

Deno.test("a reset forgets the features; one interrupt stands for all chains of a round", () => {
  const r = running();
  for (const i of [0, 1, 2]) {
    r.desc(0x1000 + 16 * i, 0x8000, 64, 2, 0);
    r.avail(0x1000, i, i);
  }
  r.notify(0);
  // QEMU's virtio_rng_process: virtio_notify behind the loop.
  assertEquals([r.used(0x1000).length, r.named("virtio_notify").length], [3, 1]);
  r.status = 0;
  assertEquals(r.device.guestFeatures, 0n);
});
