import { assertEquals } from "@std/assert";
import { VirtioConsoleDriver } from "../../drivers/console.ts";
import { VirtioRngDriver } from "../../drivers/rng.ts";
import { findDevices, mapDevice } from "../../drivers/virtio/transport/pci.ts";
import { FakePlatform, testContext } from "./support/fake_platform.ts";
import { FakeVirtio, fakeVirtioFunction } from "./support/fake_virtio.ts";
import { HostileRing } from "./support/hostile.ts";

const DRIVER_OK = 4;

function machine(id: number, queues: number[]) {
  const platform = new FakePlatform();
  const virtio = new FakeVirtio(1n << 32n, queues);
  fakeVirtioFunction(platform, virtio, { id: 0x1040 + id });
  const ctx = testContext(platform);
  /** Status of the device at each notification. */
  const kicks: number[] = [];
  virtio.onNotify = () => void kicks.push(virtio.status);
  return { platform, virtio, ctx, kicks, caps: mapDevice(findDevices(ctx)[0], ctx) };
}

Deno.test("no driver notifies its device before DRIVER_OK (virtio 1.4, 3.1.1), and each does behind it", () => {
  const rng = machine(4, [8]);
  VirtioRngDriver.initDev(rng.caps, rng.ctx);
  const console = machine(3, [8, 8]);
  VirtioConsoleDriver.initDev(console.caps, console.ctx);
  for (const { kicks } of [rng, console]) {
    assertEquals(kicks.length > 0, true);
    assertEquals(kicks.filter((status) => (status & DRIVER_OK) === 0), []);
  }
});

Deno.test("random bytes read in small pieces are each byte of the device once, in order", () => {
  const m = machine(4, [8]);
  const rng = VirtioRngDriver.initDev(m.caps, m.ctx);
  const ring = new HostileRing(m.platform, m.virtio.queues[0], false);
  const buffer = ring.next()!;
  for (let i = 0; i < 32; i++) m.platform.bytes[buffer.addr + i] = i;
  ring.use(buffer.id, 32);
  const got: number[] = [];
  for (const n of [5, 1, 7, 10, 20]) {
    const piece = new Uint8Array(n);
    const read = rng.read(piece);
    got.push(...piece.subarray(0, read));
  }
  assertEquals(got, Array.from({ length: 32 }, (_, i) => i));
});

Deno.test("shutdown: the device is reset before its memory is given away", () => {
  for (const [id, queues, driver] of [[4, [8], VirtioRngDriver], [3, [8, 8], VirtioConsoleDriver]] as const) {
    const m = machine(id, [...queues]);
    const running = driver.initDev(m.caps, m.ctx);
    const live = m.ctx.alloc.live().length;
    const atReset: number[] = [];
    const write = m.virtio.writeStatus.bind(m.virtio);
    m.virtio.writeStatus = (value) => {
      if (value === 0) atReset.push(m.ctx.alloc.live().length);
      write(value);
    };
    running.shutdown();
    assertEquals([atReset, m.ctx.alloc.live().length], [[live], 0]);
  }
});
