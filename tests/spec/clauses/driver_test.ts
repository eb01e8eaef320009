/** Clauses for drivers that no trace shows, for want of an access, and no test of a driver. */
import { assert, assertEquals } from "@std/assert";
import { VirtioNetDriver } from "../../../drivers/net/virtio.ts";
import { VirtioRngDriver } from "../../../drivers/rng.ts";
import * as mmio from "../../../drivers/virtio/transport/mmio.ts";
import * as pci from "../../../drivers/virtio/transport/pci.ts";
import { Cable, card, frame } from "../../drivers/net/_cards.ts";
import { FakePlatform, testContext } from "../../drivers/support/fake_platform.ts";
import { FakeVirtio, fakeVirtioFunction } from "../../drivers/support/fake_virtio.ts";
import { RealMachine } from "../../drivers/support/real_machine.ts";
import { HostileRing } from "../../drivers/support/hostile.ts";
import { onceTest } from "../../support/once.ts";

const VERSION_1 = 1n << 32n;

/** A device of type `id` behind a virtio-mmio window. */
function behindWindow(id: number, features: bigint, sizes: number[]) {
  const platform = new FakePlatform();
  const virtio = new FakeVirtio(features, sizes);
  platform.windows.push({ base: 0xfeb0_0000, length: 512, regs: virtio.mmio(id) });
  const ctx = testContext(platform);
  return { platform, virtio, ctx, map: () => mmio.mapDevice(mmio.findDevices(ctx)[0], ctx) };
}

onceTest("bits that no driver knows are passed over: they are not accepted, and no reason to fail", () => {
  const unknown = 1n << 3n | 1n << 44n | 1n << 60n;
  const r = behindWindow(4, VERSION_1 | unknown, [8]);
  const rng = VirtioRngDriver.initDev(r.map(), r.ctx);
  assertEquals([r.virtio.status, r.virtio.driverFeatures, rng.device.features], [15, VERSION_1, VERSION_1]);
});

onceTest("ids: modern and transitional, any revision, any subsystem of a modern function", () => {
  for (const [type, ids] of [[1, [0x1041, 0x1000]], [3, [0x1043, 0x1003]], [4, [0x1044, 0x1005]]] as const) {
    for (const id of ids) {
      for (const revision of [0, 1, 7, 255]) {
        const platform = new FakePlatform();
        const { fn } = fakeVirtioFunction(platform, new FakeVirtio(VERSION_1, [8]), { id });
        fn.cfg.setUint8(8, revision);
        // The subsystem of a transitional function says its type.
        fn.cfg.setUint16(0x2e, id < 0x1040 ? type : 0x1234, true);
        const found = pci.findDevices(testContext(platform));
        assertEquals([id, revision, found.map((d) => d.deviceId)], [id, revision, [type]]);
      }
    }
  }
});

onceTest("an empty slot is no error: not a line above trace in the log", () => {
  const r = behindWindow(0, VERSION_1, []);
  assertEquals(mmio.findDevices(r.ctx), []);
  assertEquals(r.ctx.lines.filter((line) => !/^(trace|debug)/.test(line)), []);
});

onceTest("without STATUS the link counts as up, whatever the configuration says", () => {
  assert(card("q35", "virtio-net-pci,status=off").driver.linkUp());
});

onceTest(
  "receive buffers hold what may come: 1526 bytes, 65601 with large packets, the MTU; every used queue has some",
  () => {
    const sizes = (word: string, queues = 1) => {
      const cable = new Cable();
      cable.queues = queues;
      const { driver } = card("q35", word, { memory: 64 << 20 }, cable);
      const all = driver.device.queues();
      return Array.from({ length: queues }, (_, pair) => {
        const { inFlight } = all[2 * pair];
        assert(inFlight.length > 0, `queue ${2 * pair} has no buffer`);
        return Math.min(...inFlight.map((chain) => chain.writable));
      });
    };
    assert(sizes("virtio-net-pci,mrg_rxbuf=off")[0] >= 1526);
    assert(sizes("virtio-net-pci,mrg_rxbuf=off,x-vnet-hdr=on")[0] >= 65601);
    assert(sizes("virtio-net-pci,mrg_rxbuf=off,host_mtu=9000")[0] >= 9000 + 14 + 12);
    assert(sizes("virtio-net-pci,mq=on", 3).every((bytes) => bytes >= 12));
  },
);

onceTest("hdr_len of a received frame is not believed, and flags that nobody knows are passed over", () => {
  // MAC, MRG_RXBUF, GUEST_CSUM.
  const r = behindWindow(1, VERSION_1 | 1n << 5n | 1n << 15n | 1n << 1n, [16, 8]);
  const driver = VirtioNetDriver.initDev(r.map(), r.ctx);
  const ring = new HostileRing(r.platform, r.virtio.queues[0], false);
  for (const [flags, headerLength] of [[0, 0xffff], [0xf8, 0], [0xf8, 1], [0, 65]]) {
    const buffer = ring.next()!;
    const header = Uint8Array.of(flags, 0, headerLength, headerLength >> 8, 0, 0, 0, 0, 0, 0, 1, 0);
    r.platform.bytes.set(header, buffer.addr);
    r.platform.bytes.set(frame(64), buffer.addr + 12);
    ring.use(buffer.id, 12 + 64);
    const got = driver.receive()!;
    assertEquals([got.bytes, got.checksumValid], [frame(64), false]);
  }
});

onceTest("a device that insists on ACCESS_PLATFORM is driven: the bit is taken where it is offered", () => {
  for (const more of ["", ",packed=on"]) {
    const m = new RealMachine("q35", [`virtio-rng-pci,disable-legacy=on,iommu_platform=on${more}`]);
    const rng = VirtioRngDriver.initDev(m.map(4), m.ctx);
    assertEquals(rng.device.features >> 32n & 3n, 3n);
    let have = 0;
    m.until(() => (have += rng.read(new Uint8Array(64))) >= 64);
    rng.shutdown();
  }
});
