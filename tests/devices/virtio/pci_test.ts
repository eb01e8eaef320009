import { assert, assertEquals } from "@std/assert";
import { BAR4, bytesOf, COMMON, DEVICE, ISR, LEGACY_BAR, MSIX_BAR, NOTIFY, reference, Rig } from "./_rig.ts";

const hexNumber = (s: string) => Number(s);
const words = (argv: string[]) => argv.filter((_, i) => argv[i - 1] === "-device");

for (const file of ["pci-virtio-rng", "pci-virtio-serial-virtconsole", "pci-virtio-net"]) {
  const data = reference(file);
  for (const [variant, ref] of Object.entries<ReturnType<typeof reference>>(data.variants)) {
    // Root ports are refused by the machine; everything else must be equal.
    if (variant.includes("root-port")) continue;
    const rig = () => new Rig(words(ref.qemu_argv));

    Deno.test(`${file}, ${variant}: configuration space after reset`, () => {
      const r = rig();
      const found = Uint8Array.from({ length: 256 }, (_, i) => r.cfg(i, 1));
      assertEquals(found.toHex(), ref.config_space_after_reset_hex.join(""));
      assertEquals(r.cfg(0, 2), hexNumber(ref.pci_ids.vendor));
      assertEquals(r.cfg(2, 2), hexNumber(ref.pci_ids.device));
      assertEquals(r.cfg(0x3d, 1), ref.pci_ids.interrupt_pin);
    });

    Deno.test(`${file}, ${variant}: capabilities, BARs, COMMAND`, () => {
      const r = rig();
      const caps: { id: string; offset: string; bytes: string }[] = [];
      for (let at = r.cfg(0x34, 1); at !== 0; at = r.cfg(at + 1, 1)) {
        const known = ref.capability_list[caps.length];
        const length = known.bytes.length / 2;
        caps.push({
          id: "0x" + r.cfg(at, 1).toString(16).padStart(2, "0"),
          offset: "0x" + at.toString(16),
          bytes: Uint8Array.from({ length }, (_, i) => r.cfg(at + i, 1)).toHex(),
        });
      }
      assertEquals(caps, ref.capability_list);
      r.setCfg(4, 2, 0xffff);
      assertEquals(r.cfg(4, 2), hexNumber(ref.command_writable_mask));
      r.setCfg(4, 2, 0);
      const bars = [];
      for (let i = 0; i < 6; i++) {
        const at = 0x10 + 4 * i;
        const type = r.cfg(at);
        r.setCfg(at, 4, 0xffff_ffff);
        const mask = r.cfg(at);
        r.setCfg(at, 4, 0);
        if (mask === 0) continue;
        const io = (type & 1) !== 0;
        const wide = !io && (type & 6) === 4;
        const size = (~(mask & (io ? ~3 : ~15)) >>> 0) + 1;
        const kind = io ? "io" : wide ? "mem64" : "mem32";
        bars.push({ index: i, type: kind, prefetchable: !io && (type & 8) !== 0, size });
        if (wide) {
          i++;
          r.setCfg(0x10 + 4 * i, 4, 0xffff_ffff);
          assertEquals(r.cfg(0x10 + 4 * i), 0xffff_ffff);
        }
      }
      assertEquals(bars, ref.bars);
    });

    Deno.test(`${file}, ${variant}: common configuration, features, queues, device configuration`, () => {
      const r = rig().enable();
      const first = Uint8Array.from({ length: 64 }, (_, i) => r.common(i, 1));
      assertEquals(first.toHex(), ref.common_config_reset.first_64_bytes_hex);
      assertEquals(r.common(0x10, 2), hexNumber(ref.common_config_reset.config_msix_vector));
      const features = [0, 1, 2, 3].map((i) => {
        r.setCommon(0, 4, i);
        return "0x" + r.common(4, 4).toString(16).padStart(8, "0");
      });
      assertEquals(features, ref.device_features.words_by_select_0_to_3);
      assertEquals(r.common(0x12, 2), ref.num_queues);
      for (const q of ref.queues) {
        r.setCommon(0x16, 2, q.index);
        assertEquals(
          [0x18, 0x1a, 0x1c, 0x1e].map((at) => r.common(at, 2)),
          [q.queue_size, hexNumber(q.queue_msix_vector), q.queue_enable, q.queue_notify_off],
        );
        for (let at = 0x20; at < 0x38; at += 4) assertEquals(r.common(at, 4), 0);
      }
      r.setCommon(0x16, 2, ref.num_queues);
      assertEquals(r.common(0x18, 2), ref.queue_size_at_select_num_queues);
      assertEquals(r.read(ISR, 1), ref.isr_reset);
      const config = Uint8Array.from({ length: 256 }, (_, i) => r.read(DEVICE + i, 1));
      assertEquals(config, bytesOf(ref.device_config.bytes_0_255_hex));
      const entry = [0, 4, 8, 12].map((at) => r.read(MSIX_BAR + at, 4));
      assertEquals(entry, ref.msix.entry0_reset.map(hexNumber));
    });
  }
}

Deno.test("windows follow COMMAND and the registers; sizing does not map anything", () => {
  const r = new Rig(["virtio-rng-pci,disable-legacy=on"]);
  r.setCfg(4, 2, 2);
  r.setCfg(0x20, 4, 0xffff_ffff);
  r.setCfg(0x24, 4, 0xffff_ffff);
  r.setCfg(0x20, 4, BAR4);
  r.setCfg(0x24, 4, 0x80);
  assertEquals(r.memory.read(0x80 * 2 ** 32 + BAR4 + 0x12, 2), 1);
  r.setCfg(0x24, 4, 0);
  assertEquals(r.common(0x12, 2), 1);
  r.setCfg(4, 2, 0);
  assertEquals(r.common(0x12, 2), 0xffff);
});

Deno.test("64-bit access to an address register reads back as two halves; odd offsets read 0", () => {
  const r = new Rig(["virtio-rng-pci"]).enable();
  r.setCommon(0x30, 4, 0x2233_4455);
  r.setCommon(0x34, 4, 0x11);
  assertEquals([r.common(0x30, 4), r.common(0x34, 4), r.common(0x32, 2)], [0x2233_4455, 0x11, 0]);
});

Deno.test("clearing bus master drops DRIVER_OK, and setting it again does not bring it back", () => {
  const r = new Rig(["virtio-rng-pci"]).enable().negotiate();
  r.status = 15;
  r.setCfg(4, 2, 3);
  assertEquals(r.status, 11);
  r.setCfg(4, 2, 7);
  assertEquals(r.status, 11);
});

Deno.test("the pci_cfg window reads registers and notifies", () => {
  const r = new Rig(["virtio-rng-pci,disable-legacy=on"]).enable().negotiate().queue(0, 0x1000);
  r.status = 15;
  r.run();
  const cap = 0x84;
  r.setCfg(cap + 4, 1, 4);
  r.setCfg(cap + 8, 4, 0x14);
  r.setCfg(cap + 12, 4, 1);
  assertEquals(r.cfg(cap + 16, 1), 15);
  r.desc(0x1000, 0x8000, 64, 2, 0);
  r.avail(0x1000, 0, 0);
  r.setCfg(cap + 8, 4, 0x3000);
  r.setCfg(cap + 12, 4, 2);
  r.setCfg(cap + 16, 2, 0);
  r.run();
  assertEquals(r.used(0x1000), [{ id: 0, len: 64 }]);
  // A window that points nowhere is harmless.
  r.setCfg(cap + 8, 4, 0xffff_fffc);
  r.setCfg(cap + 16, 4, 1);
  r.setCfg(cap + 12, 4, 3);
  r.setCfg(cap + 16, 4, 1);
});

Deno.test("MSI-X: masked vectors wait, unmasking sends, a vector out of range reads back as none", () => {
  const r = new Rig(["virtio-rng-pci"]).enable().negotiate().queue(0, 0x1000);
  r.setCommon(0x10, 2, 2);
  assertEquals(r.common(0x10, 2), 0xffff);
  r.setCommon(0x1a, 2, 1);
  assertEquals(r.common(0x1a, 2), 1);
  r.status = 15;
  for (const [i, v] of [0xfee0_0000, 0, 0x41].entries()) r.write(MSIX_BAR + 16 + 4 * i, 4, v);
  r.setCfg(0x98 + 2, 2, 0x8001);
  assertEquals(r.cfg(0x98 + 2, 2), 0x8001, "the table size is read-only");
  r.desc(0x1000, 0x8000, 64, 2, 0);
  r.avail(0x1000, 0, 0);
  r.notify(0);
  assertEquals([r.messages.length, r.read(MSIX_BAR + 0x800, 4)], [0, 2]);
  r.write(MSIX_BAR + 16 + 12, 4, 0);
  assertEquals(r.messages, [{ address: 0xfee0_0000, data: 0x41 }]);
  assertEquals([r.read(MSIX_BAR + 0x800, 4), r.read(ISR, 1), r.line.length], [0, 1, 0]);
  r.setCfg(0x98 + 2, 2, 0xc001);
  r.avail(0x1000, 0, 1);
  r.notify(0);
  assertEquals(r.messages.length, 1, "function mask");
  r.setCfg(0x98 + 2, 2, 0x8001);
  assertEquals(r.messages.length, 2);
  assertEquals(r.read(MSIX_BAR + 16, 2), 0, "only 32-bit accesses");
});

Deno.test("INTx: ISR read lowers it, INTX_DISABLE holds it back, STATUS shows it", () => {
  const r = new Rig(["virtio-rng-pci"]).enable().negotiate().queue(0, 0x1000);
  r.status = 15;
  r.desc(0x1000, 0x8000, 64, 2, 0);
  r.avail(0x1000, 0, 0);
  r.notify(0);
  assertEquals([r.line.join(), r.cfg(6, 2) & 8], ["raise", 8]);
  r.setCfg(4, 2, 0x407);
  assertEquals(r.line.join(), "raise,lower");
  r.setCfg(4, 2, 7);
  assertEquals(r.line.join(), "raise,lower,raise");
  assertEquals([r.read(ISR, 1), r.read(ISR, 1)], [1, 0]);
  assertEquals([r.line.join(), r.cfg(6, 2) & 8], ["raise,lower,raise,lower", 0]);
});

Deno.test("the legacy window answers; its configuration moves behind the vectors while MSI-X is enabled", () => {
  const r = new Rig(["virtio-serial-pci"]).enable();
  const io = (at: number, width: number) => r.ports.read(LEGACY_BAR + at, width);
  assertEquals(io(0, 4), 0x7900_0006);
  assertEquals([io(4, 4), io(8, 4), io(12, 2), io(14, 2), io(18, 1), io(19, 1)], [0, 0, 128, 0, 0, 0]);
  assertEquals(io(20 + 4, 4), 31, "without MSI-X the configuration starts at 20");
  r.ports.write(LEGACY_BAR + 14, 2, 2);
  assertEquals(io(12, 2), 32);
  r.setCfg(0x98 + 2, 2, 0x8001);
  assertEquals([io(20, 2), io(22, 2), io(24 + 4, 4)], [0xffff, 0xffff, 31]);
});

Deno.test("page-per-vq: the multiplier, the capability and the window grow", () => {
  const r = new Rig(["virtio-rng-pci,disable-legacy=on,page-per-vq=on"]).enable().negotiate().queue(
    0,
    0x1000,
  );
  r.setCfg(0x20, 4, 0xffff_ffff);
  assertEquals(r.cfg(0x20), (-(8 << 20) | 12) >>> 0);
  assertEquals([r.cfg(0x70 + 12), r.cfg(0x70 + 16)], [0x40_0000, 0x1000]);
});

Deno.test("without vectors there is no MSI-X; disable-modern leaves the legacy window alone", () => {
  const r = new Rig(["virtio-rng-pci,vectors=0"]);
  assertEquals([r.cfg(0x34, 1), r.cfg(0x14)], [0x84, 0]);
  const legacy = new Rig(["virtio-rng-pci,disable-modern=on"]).enable();
  assertEquals([legacy.cfg(0x34, 1), legacy.cfg(0x40, 1), legacy.cfg(0x20)], [0x40, 0x11, 0]);
  assertEquals(legacy.ports.read(LEGACY_BAR, 4), 0x7900_0000);
});

Deno.test("queue reset: the queue is back at its start and can be enabled again", () => {
  const r = new Rig(["virtio-rng-pci"]).enable().negotiate(0, 0x101).queue(0, 0x1000);
  r.status = 15;
  r.desc(0x1000, 0x8000, 64, 2, 0);
  r.avail(0x1000, 0, 0);
  r.notify(0);
  r.setCommon(0x1a, 2, 1);
  r.avail(0x1000, 0, 1);
  r.write(NOTIFY, 2, 0);
  r.setCommon(0x3a, 2, 1);
  r.run();
  assertEquals(r.used(0x1000).length, 1, "what was notified and not yet done is cancelled");
  assertEquals([0x18, 0x1a, 0x1c, 0x3a].map((at) => r.common(at, 2)), [8, 0xffff, 0, 0]);
  r.ram.fill(0, 0x2000, 0x4000);
  r.queue(0, 0x1000);
  r.avail(0x1000, 0, 0);
  r.notify(0);
  assertEquals(r.used(0x1000), [{ id: 0, len: 64 }]);
});

Deno.test("a reset cancels what was notified", () => {
  const r = new Rig(["virtio-rng-pci"]).enable().negotiate().queue(0, 0x1000);
  r.status = 15;
  r.run();
  r.desc(0x1000, 0x8000, 64, 2, 0);
  r.avail(0x1000, 0, 0);
  r.write(NOTIFY, 2, 0);
  r.status = 0;
  r.run();
  assertEquals([r.used(0x1000).length, r.read(COMMON + 0x14, 1)], [0, 0]);
  assert(r.named("virtio_queue_notify").length === 1);
  assertEquals(r.named("virtio_set_status").at(-1), "vdev virtio-rng-pci.0 val 0");
});
