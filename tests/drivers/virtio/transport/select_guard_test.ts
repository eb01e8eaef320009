import { assertEquals } from "@std/assert";
import { physAddr } from "../../../../arch/addresses.ts";
import type { VqCfgHandler } from "../../../../drivers/virtio/transport/mod.ts";
import * as mmio from "../../../../drivers/virtio/transport/mmio.ts";
import * as pci from "../../../../drivers/virtio/transport/pci.ts";
import { FakePlatform, testContext } from "../../support/fake_platform.ts";
import { FakeVirtio, fakeVirtioFunction } from "../../support/fake_virtio.ts";

/** Everything that is done to one queue while another one is selected, and what it must have done to the first. */
const ACCESSES: Record<string, (vq: VqCfgHandler) => void> = {
  "size": (vq) => void vq.setVqSize(4),
  "descriptor area": (vq) => vq.setRingAddr(physAddr(0x5000)),
  "driver area": (vq) => vq.setDrvCtrlAddr(physAddr(0x5000)),
  "device area": (vq) => vq.setDevCtrlAddr(physAddr(0x5000)),
  "enable": (vq) => vq.enableQueue(),
  "reset": (vq) => vq.resetQueue(),
};

for (const transport of ["pci", "mmio"] as const) {
  for (const [what, access] of Object.entries(ACCESSES)) {
    Deno.test(`${transport}: ${what} reaches its own queue, whichever was selected before`, () => {
      const { virtio, comCfg } = open(transport);
      const first = comCfg.selectVq(0)!;
      comCfg.selectVq(1);
      const other = structuredClone(virtio.queues[1]);
      const before = structuredClone(virtio.queues[0]);
      access(first);
      assertEquals(virtio.queues[1], other);
      assertEquals(JSON.stringify(virtio.queues[0]) !== JSON.stringify(before), true);
    });
  }
}

Deno.test("pci: a queue is kicked at its own place, whichever was selected before", () => {
  const { virtio, comCfg, notifCfg } = open("pci");
  const first = comCfg.selectVq(0)!;
  const second = comCfg.selectVq(1)!;
  const kickFirst = notifCfg.notifCtrl(first);
  comCfg.selectVq(0);
  const kickSecond = notifCfg.notifCtrl(second);
  kickFirst.notifyDev(0, 0);
  kickSecond.notifyDev(1, 0);
  assertEquals(virtio.queues.map((q) => q.notified), [[0], [1]]);
});

function open(transport: "pci" | "mmio") {
  const platform = new FakePlatform();
  const virtio = new FakeVirtio(1n << 32n, [8, 8]);
  const ctx = testContext(platform);
  if (transport === "pci") {
    fakeVirtioFunction(platform, virtio);
    return { virtio, ...pci.mapDevice(pci.findDevices(ctx)[0], ctx) };
  }
  platform.machine = "microvm";
  platform.windows.push({ base: 0xfeb0_0000, length: 512, regs: virtio.mmio(4) });
  return { virtio, ...mmio.mapDevice(mmio.findDevices(ctx)[0], ctx) };
}
