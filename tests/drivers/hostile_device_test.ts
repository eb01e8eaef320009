import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { VirtioConsoleDriver } from "../../drivers/console.ts";
import { VirtioRngDriver } from "../../drivers/rng.ts";
import { DriverError, VirtioError, type VirtioErrorKind } from "../../drivers/virtio/error.ts";
import { findDevices, mapDevice } from "../../drivers/virtio/transport/mmio.ts";
import { FakePlatform, testContext } from "./support/fake_platform.ts";
import { FakeVirtio } from "./support/fake_virtio.ts";
import { HostileRing } from "./support/hostile.ts";

const VERSION_1 = 1n << 32n;
const PACKED = 1n << 34n;
const SIZE = 1n;

function rig(deviceId: number, features: bigint, sizes: number[]) {
  const platform = new FakePlatform();
  const virtio = new FakeVirtio(features, sizes);
  platform.windows.push({ base: 0xfeb0_0000, length: 512, regs: virtio.mmio(deviceId) });
  const ctx = testContext(platform);
  const packed = (features & PACKED) !== 0n;
  const ring = (i: number) => new HostileRing(platform, virtio.queues[i], packed);
  return { platform, virtio, ctx, ring, map: () => mapDevice(findDevices(ctx)[0], ctx) };
}
const rngRig = (packed: boolean) => {
  const r = rig(4, VERSION_1 | (packed ? PACKED : 0n), [8]);
  return { ...r, rng: VirtioRngDriver.initDev(r.map(), r.ctx), ring: r.ring(0) };
};
const consoleRig = (packed: boolean) => {
  const r = rig(3, VERSION_1 | SIZE | (packed ? PACKED : 0n), [8, 4]);
  const console = VirtioConsoleDriver.initDev(r.map(), r.ctx);
  return { ...r, console, rx: r.ring(0), tx: r.ring(1), interrupt: r.ctx.installed[0].handler };
};
function both(name: string, test: (packed: boolean) => void): void {
  for (const packed of [false, true]) {
    Deno.test(`${name} (${packed ? "packed" : "split"})`, () => test(packed));
  }
}
const read = (driver: { read(b: Uint8Array): number }, n = 64) => {
  const bytes = new Uint8Array(n);
  return bytes.subarray(0, driver.read(bytes));
};
/** RAM outside what is allocated is as the machine started: zero (or poison, where something was freed). */
function memoryIsIntact(platform: FakePlatform, ctx: ReturnType<typeof testContext>): void {
  const live = ctx.alloc.live();
  const bytes = platform.bytes;
  for (let page = 0; page < bytes.length; page += 4096) {
    if (live.some((b) => b.phys <= page && page < b.phys + b.length)) continue;
    for (let i = page; i < page + 4096; i++) {
      if (bytes[i] !== 0 && bytes[i] !== 0xa5) throw new Error(`a stray byte at ${i.toString(16)}`);
    }
  }
}

both(
  "initialization goes in the order of the specification; nothing is notified before DRIVER_OK",
  (packed) => {
    const r = rig(3, VERSION_1 | (packed ? PACKED : 0n), [8, 4]);
    const early: number[] = [];
    r.virtio.onNotify = (q) => (r.virtio.status & 4) === 0 && early.push(q);
    VirtioConsoleDriver.initDev(r.map(), r.ctx);
    assertEquals(r.virtio.statusWrites, [0, 1, 3, 11, 15]);
    assertEquals(early, []);
    assert(r.virtio.queues[0].notified.length > 0, "receive buffers were announced");
    assertEquals(r.virtio.queues.map((q) => q.enabled), [true, true]);
    assert(
      r.ctx.lines.includes("info: Features have been negotiated between virtio-console device and driver."),
    );
  },
);

Deno.test("devices that cannot be brought up: a typed error, FAILED beside the other bits, no queue enabled", () => {
  const cases: [string, VirtioErrorKind, number, (v: FakeVirtio) => void, bigint, number[]][] = [
    ["never resets", "DeviceNotResponding", 0xc0, (v) => v.stuckStatus = 0x40, VERSION_1, [8]],
    ["refuses FEATURES_OK", "FailFeatureNeg", 0x83, (v) => v.refuseFeatures = true, VERSION_1, [8]],
    ["is legacy", "FailFeatureNeg", 0x83, () => {}, 1n << 28n, [8]],
    ["packed without VERSION_1", "FailFeatureNeg", 0x83, () => {}, PACKED, [8]],
    ["has no queue", "Virtq", 0x8b, () => {}, VERSION_1, []],
    ["has a split queue of size 3", "Virtq", 0x8b, () => {}, VERSION_1, [3]],
  ];
  for (const [name, kind, status, make, features, sizes] of cases) {
    const r = rig(4, features, sizes);
    make(r.virtio);
    const caps = r.map();
    const error = assertThrows(() => VirtioRngDriver.initDev(caps, r.ctx), VirtioError) as VirtioError;
    assertEquals([name, error.kind], [name, kind]);
    assert(error.message.includes("virtio-rng at 0xfeb00000"), error.message);
    assertEquals(r.virtio.status, status, name);
    assertEquals(r.virtio.queues.some((q) => q.enabled), false, name);
    assertEquals(r.ctx.alloc.live(), [], name);
  }
});

Deno.test("a console whose second queue is missing gives the first one's memory back", () => {
  const r = rig(3, VERSION_1, [8]);
  const error = assertThrows(() => VirtioConsoleDriver.initDev(r.map(), r.ctx), VirtioError) as VirtioError;
  assertEquals(error.kind, "Virtq");
  assertEquals(r.ctx.alloc.live(), []);
});

both("an id that no queue has, and one that is not outstanding, cost a line in the log", (packed) => {
  const { rng, ring, ctx } = rngRig(packed);
  const [a, b] = [ring.next()!, ring.next()!];
  ring.use(999, 32);
  assertEquals(read(rng).length, 0);
  ring.use(0xffff, 32);
  ring.fill(a, 0x11);
  assertEquals(read(rng), new Uint8Array(32).fill(0x11));
  ring.fill(b, 0x22);
  assertEquals(read(rng), new Uint8Array(32).fill(0x22));
  assertEquals(ctx.lines.filter((l) => l.startsWith("error")).length, 2);
  assertEquals(rng.broken, undefined);
});

both("a length beyond the buffer is not believed; the buffer is used again", (packed) => {
  const { rng, ring, ctx, platform } = rngRig(packed);
  const a = ring.next()!;
  ring.use(a.id, 33);
  assertEquals(read(rng).length, 0);
  const b = ring.next()!;
  ring.use(b.id, 0xffff_ffff);
  assertEquals(read(rng).length, 0);
  const lines = ctx.lines.filter((l) => l.includes("UsedLengthTooLarge"));
  assertEquals(lines.length, 2);
  assert(lines[0].includes("virtio-rng at 0xfeb00000 queue 0"), lines[0]);
  for (let i = 0; i < 20; i++) {
    ring.fill(ring.next()!, i + 1);
    assertEquals(read(rng), new Uint8Array(32).fill(i + 1));
  }
  memoryIsIntact(platform, ctx);
});

both("buffers without a byte are given back, and do not hold the reader", (packed) => {
  const { rng, ring } = rngRig(packed);
  for (let i = 0; i < 8; i++) ring.use(ring.next()!.id, 0);
  assertEquals(read(rng).length, 0);
  ring.fill(ring.next()!, 7, 5);
  assertEquals(read(rng), new Uint8Array(5).fill(7));
});

both("pieces of any size are read from buffers of any size", (packed) => {
  const { rng, ring } = rngRig(packed);
  ring.fill(ring.next()!, 1, 3);
  ring.fill(ring.next()!, 2, 32);
  assertEquals([...read(rng, 2)], [1, 1]);
  assertEquals([...read(rng, 2)], [1, 2]);
  assertEquals(read(rng, 100), new Uint8Array(31).fill(2));
  assertEquals(rng.read(new Uint8Array(0)), 0);
});

Deno.test("used.idx that jumps: a typed error in the log, then it goes on or says that it is broken", () => {
  const { rng, ring, ctx, platform } = rngRig(false);
  ring.jump(1000);
  for (let i = 0; i < 5 && rng.broken === undefined; i++) {
    try {
      read(rng);
    } catch (error) {
      assert(error instanceof DriverError);
    }
  }
  assert(ctx.lines.some((l) => l.includes("UsedIndexJump")) || rng.broken !== undefined);
  memoryIsIntact(platform, ctx);
});

both("DEVICE_NEEDS_RESET is reported by the next reader", (packed) => {
  const { rng, virtio } = rngRig(packed);
  virtio.status |= 0x40;
  assertThrows(() => read(rng), DriverError, "needs a reset");
  assert(rng.broken !== undefined);
  assertEquals(rng.device.status(), 0x4f);
});

both("a device that only breaks rules is given up", (packed) => {
  const { rng, ring } = rngRig(packed);
  assertThrows(
    () => {
      for (let i = 0; i < 200; i++) {
        ring.use(999, 1);
        read(rng);
      }
    },
    DriverError,
    "broke the rules",
  );
});

both("interrupts without reason, and before the queues are there, do nothing", (packed) => {
  const { console, interrupt, virtio, rx } = consoleRig(packed);
  let inputs = 0;
  console.onInput = () => inputs++;
  assertEquals(interrupt(), false);
  virtio.isr = 3;
  assertEquals(interrupt(), true);
  assertEquals(inputs, 0);
  rx.fill(rx.next()!, 0x41, 2);
  virtio.isr = 1;
  interrupt();
  assertEquals(inputs, 1);
  assertEquals([...read(console)], [0x41, 0x41]);
});

both("a terminal that changes its size while it is read: the console goes on", (packed) => {
  const { console, interrupt, virtio, ctx, rx } = consoleRig(packed);
  const sizes: number[][] = [];
  console.onResize = (cols, rows) => sizes.push([cols, rows]);
  virtio.config.setUint16(0, 80, true);
  virtio.config.setUint16(2, 25, true);
  virtio.isr = 2;
  interrupt();
  assertEquals(sizes, [[80, 25]]);
  assertEquals(console.size(), { cols: 80, rows: 25 });
  virtio.restless = true;
  virtio.isr = 2;
  interrupt();
  assertEquals(sizes.length, 1);
  assert(ctx.lines.some((l) => l.startsWith("warn") && l.includes("changed 100 times")));
  rx.fill(rx.next()!, 0x42, 1);
  assertEquals([...read(console)], [0x42]);
});

both("a terminal that takes nothing: writes take what fits, and nothing is lost or doubled", (packed) => {
  const { console, interrupt, virtio, tx, platform } = consoleRig(packed);
  const text = new Uint8Array(30_000).map((_, i) => i % 251);
  let sent = console.write(text);
  assertEquals(sent, 4 * 4096);
  assertEquals(console.write(text.subarray(sent)), 0);
  let writable = 0;
  console.onWritable = () => writable++;
  const out: number[] = [];
  const drain = () => {
    for (let b = tx.next(); b !== undefined; b = tx.next()) {
      out.push(...platform.bytes.subarray(b.addr, b.addr + b.len));
      tx.use(b.id, 0);
    }
    virtio.isr = 1;
    interrupt();
  };
  while (sent < text.length) {
    drain();
    sent += console.write(text.subarray(sent));
  }
  assert(writable > 0);
  assertEquals(console.flush(), false, "gives up in the end");
  platform.onRelax = drain;
  assertEquals(console.flush(), true);
  assertEquals(out, [...text]);
});

both("DEVICE_NEEDS_RESET reaches the console as an interrupt and marks it broken", (packed) => {
  const { console, interrupt, virtio } = consoleRig(packed);
  virtio.status |= 0x40;
  virtio.isr = 2;
  interrupt();
  assertEquals(console.readReady(), false);
  assertEquals(console.flush(), false);
  assertThrows(() => console.write(new Uint8Array(1)), DriverError, "needs a reset");
  assertThrows(() => read(console), DriverError, "needs a reset");
});

both("shutdown resets the device and leaves no memory behind", (packed) => {
  const a = consoleRig(packed);
  a.console.write(new Uint8Array(10));
  a.console.shutdown();
  assertEquals([a.virtio.status, a.ctx.alloc.live().length], [0, 0]);
  const b = rngRig(packed);
  b.rng.shutdown();
  assertEquals([b.virtio.status, b.ctx.alloc.live().length], [0, 0]);
});

both("whatever the device says: typed errors only, and no byte outside what is allocated", (packed) => {
  const step = fc.oneof(
    fc.record({
      op: fc.constant("use"),
      id: fc.integer({ min: 0, max: 9 }),
      len: fc.integer({ min: 0, max: 40 }),
    }),
    fc.record({ op: fc.constant("use"), id: fc.nat(0xffff), len: fc.nat(0xffff_ffff) }),
    fc.record({ op: fc.constant("fill"), id: fc.constant(0), len: fc.integer({ min: 0, max: 32 }) }),
    fc.record({ op: fc.constant("jump"), id: fc.constant(0), len: fc.nat(0xffff) }),
    fc.record({ op: fc.constant("read"), id: fc.constant(0), len: fc.integer({ min: 1, max: 100 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { rng, ring, ctx, platform } = rngRig(packed);
      for (const { op, id, len } of steps) {
        if (op === "use") ring.use(id, len);
        else if (op === "jump") packed || ring.jump(len);
        else if (op === "fill") {
          const buffer = ring.next();
          if (buffer !== undefined && buffer.len >= len) ring.fill(buffer, 1, len);
        } else {
          try {
            assert(read(rng, len).length <= len);
          } catch (error) {
            assert(error instanceof DriverError, String(error));
          }
        }
      }
      memoryIsIntact(platform, ctx);
    }),
    { numRuns: 60 },
  );
});
