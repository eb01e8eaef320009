import { assertEquals, assertThrows } from "@std/assert";
import { physAddr } from "../../../../arch/addresses.ts";
import { parseMmioArgument } from "../../../../drivers/mmio.ts";
import { findDevices, mapDevice } from "../../../../drivers/virtio/transport/mmio.ts";
import { VirtioError } from "../../../../drivers/virtio/error.ts";
import { FakePlatform, testContext } from "../../support/fake_platform.ts";
import { FakeVirtio } from "../../support/fake_virtio.ts";

const BASE = 0xfeb0_0000;

function machine(slot: number, options: { mmioDevices?: string[]; id?: number; version?: number } = {}) {
  const platform = new FakePlatform();
  platform.machine = "microvm";
  const virtio = new FakeVirtio(1n << 32n | 1n << 28n, [1024, 16]);
  const window = (at: number, device: FakeVirtio, id: number, version?: number, magic?: number) =>
    platform.windows.push({ base: at, length: 512, regs: device.mmio(id, version, magic) });
  window(BASE + 512 * slot, virtio, options.id ?? 4, options.version);
  const ctx = testContext(platform, options);
  return { platform, virtio, ctx, window };
}

Deno.test("slots are guessed as microvm has them; each page is mapped once", () => {
  const { ctx, window, virtio } = machine(7);
  window(BASE, virtio, 0);
  window(BASE + 512, virtio, 4, 1);
  window(BASE + 1024, virtio, 4, 2, 0x1234);
  const found = findDevices(ctx);
  assertEquals(found.map((d) => [d.name, d.deviceId]), [["0xfeb00e00", 4]]);
  mapDevice(found[0], ctx).interrupt.connect({ name: "x", onConfig: () => {}, queues: [] });
  assertEquals(ctx.installed[0].line, 12);
  assertEquals(ctx.installed[0].mode, { trigger: "level", polarity: "high" });
  assertEquals(ctx.mapped.filter((p) => p === BASE).length, 1);
  assertEquals(ctx.lines.filter((l) => l.includes("legacy") && l.startsWith("warn")).length, 1);
});

Deno.test("a second IOAPIC means 24 slots from pin 24 on", () => {
  const { ctx, platform } = machine(23);
  const regs = { read: () => 0x17_0020, write: () => {} };
  platform.windows.push({ base: 0xfec1_0000, length: 32, regs });
  const found = findDevices(ctx);
  assertEquals(found.map((d) => d.name), ["0xfeb02e00"]);
  mapDevice(found[0], ctx).interrupt.connect({ name: "x", onConfig: () => {}, queues: [] });
  assertEquals(ctx.installed[0].line, 47);
});

Deno.test("windows from the command line replace the guess", () => {
  const args = ["4K@0xfeb00000:5", "nonsense", "512@0xfeb00e00:9"];
  const { ctx } = machine(7, { mmioDevices: args });
  assertEquals(findDevices(ctx).map((d) => d.name), ["0xfeb00e00"]);
  assertEquals(ctx.lines.filter((l) => l.startsWith("warn")), [
    "warn: virtio_mmio.device=nonsense: expected SIZE@ADDRESS:IRQ, for example 4K@0xfeb00000:5",
  ]);
});

Deno.test("arguments of the command line", () => {
  const ctx = testContext(new FakePlatform());
  assertEquals(parseMmioArgument("4K@0xfeb00000:5", ctx), { address: physAddr(BASE), length: 4096, irq: 5 });
  assertEquals(parseMmioArgument("0x200@4272947200:16:3", ctx), {
    address: physAddr(BASE),
    length: 512,
    irq: 16,
  });
  for (
    const bad of ["", "4K@0xfeb00000", "4K@0xfeb00000:", "128@0:1", "4K@0xfeb00001:5", "4K@zz:5", "4K@0:999"]
  ) {
    assertEquals(parseMmioArgument(bad, ctx), undefined, bad);
  }
});

Deno.test("queues, features and interrupts through version 2 registers", () => {
  const { ctx, virtio } = machine(0);
  const caps = mapDevice(findDevices(ctx)[0], ctx);
  assertEquals(caps.comCfg.readDeviceFeatures(), 1n << 32n | 1n << 28n);
  caps.comCfg.writeDriverFeatures(1n << 32n);
  assertEquals(virtio.driverFeatures, 1n << 32n);
  const vq = caps.comCfg.selectVq(1)!;
  assertEquals(vq.setVqSize(256), 16);
  assertEquals(virtio.queues[1].size, 16);
  vq.setRingAddr(physAddr(0x1_0000_2000));
  vq.setDrvCtrlAddr(physAddr(0x3000));
  vq.setDevCtrlAddr(physAddr(0x4000));
  vq.enableQueue();
  vq.resetQueue();
  assertEquals(virtio.queues[1].areas, [0x1_0000_2000, 0x3000, 0x4000]);
  assertEquals([virtio.queues[1].enabled, virtio.queues[1].resets], [true, 1]);
  assertEquals(caps.comCfg.selectVq(2), undefined);
  const notify = caps.notifCfg.notifCtrl(vq);
  notify.notifyDev(1, 7);
  notify.enableNotifData();
  notify.notifyDev(1, 7);
  assertEquals(virtio.queues[1].notified, [1, 0x7_0001]);
  const calls: string[] = [];
  caps.interrupt.connect({
    name: "x",
    onConfig: () => void calls.push("config"),
    queues: [{ index: 0, onUsed: () => void calls.push("used") }],
  });
  assertEquals(ctx.installed[0].handler(), false);
  virtio.isr = 3;
  assertEquals(ctx.installed[0].handler(), true);
  assertEquals([virtio.isr, ...calls], [0, "config", "used"]);
});

Deno.test("a device that does not finish its reset is an error", () => {
  const { ctx, virtio } = machine(0);
  const { comCfg } = mapDevice(findDevices(ctx)[0], ctx);
  virtio.stuckStatus = 1;
  assertThrows(() => comCfg.resetDev(), VirtioError, "virtio-rng at 0xfeb00000: status is ACKNOWLEDGE");
});
