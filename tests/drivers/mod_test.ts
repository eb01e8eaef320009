import { assert, assertEquals } from "@std/assert";
import { DriverError, initDrivers, TRANSPORT, VirtioError } from "../../drivers/mod.ts";
import { FakePlatform, testContext } from "./support/fake_platform.ts";
import { FakeVirtio, fakeVirtioFunction } from "./support/fake_virtio.ts";

const VERSION_1 = 1n << 32n;

/** Puts devices where the build's transport looks, in this order. */
function platformWith(devices: [virtioId: number, device: FakeVirtio][]): FakePlatform {
  const platform = new FakePlatform();
  devices.forEach(([id, device], i) => {
    if (TRANSPORT === "pci") fakeVirtioFunction(platform, device, { id: 0x1040 + id, slot: i + 1 });
    else platform.windows.push({ base: 0xfeb0_0000 + 512 * i, length: 512, regs: device.mmio(id) });
  });
  return platform;
}

Deno.test("a device that fails does not stop the others, and is kept with the reason", () => {
  const stuck = new FakeVirtio(VERSION_1, [8]);
  stuck.stuckStatus = 0x40;
  const good = new FakeVirtio(VERSION_1, [8]);
  const balloon = new FakeVirtio(VERSION_1, [8]);
  const ctx = testContext(platformWith([[4, stuck], [5, balloon], [4, good]]));
  const drivers = initDrivers(ctx);
  assertEquals([drivers.rng.length, drivers.console.length, drivers.all.length], [1, 0, 1]);
  const names = TRANSPORT === "pci" ? ["00:01.0", "00:02.0"] : ["0xfeb00000", "0xfeb00200"];
  assertEquals(drivers.failed.map((f) => f.location.name), names);
  const [first, second] = drivers.failed.map((f) => f.error);
  assert(first instanceof DriverError && first.cause instanceof VirtioError);
  assertEquals(first.cause.kind, "DeviceNotResponding");
  assert(second.message.includes("no driver for virtio id 5 (Balloon)"), second.message);
  assertEquals(ctx.lines.filter((l) => l.startsWith("error")).length >= 2, true);
  assertEquals([stuck.status & 0x80, good.status], [0x80, 15]);
  assertEquals(balloon.statusWrites, [], "a device without driver is left alone");
});

Deno.test("a machine without devices has no drivers", () => {
  const drivers = initDrivers(testContext(new FakePlatform()));
  assertEquals([drivers.all, drivers.failed], [[], []]);
});
