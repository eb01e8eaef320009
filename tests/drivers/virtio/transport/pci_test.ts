import { assert, assertEquals, assertThrows } from "@std/assert";
import { physAddr } from "../../../../arch/addresses.ts";
import { VirtioError } from "../../../../drivers/virtio/error.ts";
import { findDevices, mapDevice } from "../../../../drivers/virtio/transport/pci.ts";
import { FakeFunction, FakePlatform, testContext } from "../../support/fake_platform.ts";
import {
  BAR4,
  type FakeCap,
  FakeVirtio,
  fakeVirtioFunction,
  QEMU_CAPS,
  virtioCap,
} from "../../support/fake_virtio.ts";

const VERSION_1 = 1n << 32n;

function machine(options: Parameters<typeof fakeVirtioFunction>[2] = {}, sizes = [8, 8]) {
  const platform = new FakePlatform();
  const virtio = new FakeVirtio(VERSION_1, sizes);
  const { fn, table } = fakeVirtioFunction(platform, virtio, options);
  const ctx = testContext(platform);
  const map = () => mapDevice(findDevices(ctx)[0], ctx);
  return { platform, virtio, fn, table, ctx, map };
}

Deno.test("QEMU's capability list is understood; BARs of a machine without firmware get addresses", () => {
  const { fn, ctx, map } = machine({ slot: 3 });
  const caps = map();
  assertEquals(caps.location.name, "00:03.0");
  assertEquals(caps.location.deviceId, 4);
  assertEquals(caps.comCfg.deviceName, "virtio-rng at 00:03.0");
  assertEquals(caps.comCfg.readDeviceFeatures(), VERSION_1);
  assertEquals(caps.devCfg?.length, 0x1000);
  assertEquals(caps.interrupt.kind, "Msix");
  assertEquals([fn.address(1), fn.address(4)], [0xe000_0000, 0xe000_4000]);
  assertEquals(fn.barWritesWhileDecoding, 0);
  assert(ctx.mapped.includes(0xe000_4000 + BAR4.NOTIFY));
  assertEquals(new Set(ctx.mapped).size, ctx.mapped.length, "no page is mapped twice");
});

Deno.test("queue registers are written as two halves each", () => {
  const { virtio, map } = machine();
  const { comCfg } = map();
  const vq = comCfg.selectVq(1)!;
  assertEquals(vq.setVqSize(4), 4);
  assertEquals(vq.setVqSize(64), 4);
  vq.setRingAddr(physAddr(0x1_2345_6000));
  vq.setDrvCtrlAddr(physAddr(0x7000));
  vq.setDevCtrlAddr(physAddr(0xf_0000_8000));
  vq.enableQueue();
  assertEquals(virtio.queues[1].areas, [0x1_2345_6000, 0x7000, 0xf_0000_8000]);
  assertEquals([virtio.queues[1].size, virtio.queues[1].enabled], [4, true]);
  assertEquals(comCfg.selectVq(2), undefined);
});

Deno.test("unusable and double capabilities are skipped with a line in the log; the first usable wins", () => {
  const bad: FakeCap[] = [
    { at: 0x40, bytes: virtioCap(1, 2, 0, 0x1000) }, // BAR 2 does not exist
    { at: 0x50, bytes: virtioCap(1, 4, 0x3f80, 0x1000) }, // outside BAR 4
    { at: 0x60, bytes: virtioCap(1, 4, BAR4.COMMON, 0x20) }, // too short
    { at: 0x70, bytes: virtioCap(1, 7, 0, 0x1000) }, // no such BAR register
    { at: 0x80, bytes: virtioCap(2, 4, BAR4.NOTIFY, 0x1000) }, // no room for the multiplier
    { at: 0x90, bytes: virtioCap(1, 4, BAR4.COMMON, 0x38) },
    { at: 0xa0, bytes: virtioCap(2, 4, BAR4.NOTIFY, 0x1000, [8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]) }, // longer than known
    { at: 0xb8, bytes: virtioCap(2, 4, BAR4.NOTIFY, 0x1000, [64, 0, 0, 0]) },
    { at: 0xcc, bytes: virtioCap(3, 4, BAR4.ISR, 1) },
    { at: 0xdc, bytes: virtioCap(200, 0, 0, 0) }, // of a later specification
  ];
  const { virtio, ctx, map } = machine({ caps: bad, multiplier: 8 });
  const caps = map();
  assertEquals(caps.comCfg.readDeviceFeatures(), VERSION_1);
  caps.notifCfg.notifCtrl(caps.comCfg.selectVq(1)!).notifyDev(1, 0);
  assertEquals(virtio.queues.map((q) => q.notified), [[], [1]]);
  const warnings = ctx.lines.filter((l) => l.startsWith("warn"));
  assertEquals(warnings.map((l) => /capability at (0x..)/.exec(l)?.[1]), [
    "0x40",
    "0x50",
    "0x60",
    "0x70",
    "0x80",
  ]);
  assertEquals(caps.interrupt.kind, "IsrStatus");
  assertEquals(caps.devCfg, undefined);
});

Deno.test("a notification lies at off x multiplier, and must lie in the structure", () => {
  const caps = QEMU_CAPS.map((cap) =>
    cap.bytes[3] === 2 && cap.bytes[0] === 9
      ? { at: cap.at, bytes: virtioCap(2, 4, BAR4.NOTIFY, 6, [4, 0, 0, 0]) }
      : cap
  );
  const { virtio, map } = machine({ caps }, [8, 8, 8]);
  const { comCfg, notifCfg } = map();
  const second = notifCfg.notifCtrl(comCfg.selectVq(1)!);
  second.notifyDev(1, 5);
  assertEquals(virtio.queues[1].notified, [1]);
  const wide = assertThrows(() => second.enableNotifData(), VirtioError, "queue 1") as VirtioError;
  assertEquals(wide.kind, "NoNotifCfg");
  assertThrows(() => notifCfg.notifCtrl(comCfg.selectVq(2)!), VirtioError, "queue 2");
  const first = notifCfg.notifCtrl(comCfg.selectVq(0)!);
  first.enableNotifData();
  first.notifyDev(0, 0x8003);
  assertEquals(virtio.queues[0].notified, [0x8003_0000]);
});

Deno.test("missing structures are told apart", () => {
  const without = (type: number) =>
    QEMU_CAPS.filter((c) => c.bytes[0] === 9 ? c.bytes[3] !== type : type !== 3);
  for (const [type, kind] of [[1, "NoComCfg"], [2, "NoNotifCfg"], [3, "NoIsrCfg"]] as const) {
    const { map } = machine({ caps: without(type) });
    assertEquals((assertThrows(map, VirtioError, "virtio-rng at 00:01.0") as VirtioError).kind, kind);
  }
});

Deno.test("a transitional device is driven through its modern interface, a legacy one refused with the reason", () => {
  const { fn, map, ctx } = machine({ id: 0x1005 });
  fn.cfg.setUint16(0x2e, 4, true);
  assertEquals(findDevices(ctx)[0].deviceId, 4);
  assertEquals(map().comCfg.readDeviceFeatures(), VERSION_1);
  const legacy = machine({ id: 0x1005, caps: [QEMU_CAPS[0]] });
  legacy.fn.cfg.setUint16(0x2e, 4, true);
  const error = assertThrows(legacy.map, VirtioError, "it has the legacy interface only") as VirtioError;
  assertEquals(error.kind, "DevNotSupported");
});

Deno.test("foreign functions are not virtio devices", () => {
  const platform = new FakePlatform();
  platform.functions.push(new FakeFunction(0x8086, 0x1044, 1), new FakeFunction(0x1af4, 0x1110, 2));
  assertEquals(findDevices(testContext(platform)), []);
});

const HANDLERS = () => {
  const calls: string[] = [];
  return {
    calls,
    name: "virtio-console",
    onConfig: () => void calls.push("config"),
    queues: [0, 1].map((index) => ({ index, onUsed: () => void calls.push(`queue ${index}`) })),
  };
};

Deno.test("MSI-X: a vector each, or one for the queues, or one for all, as many as table and device have", () => {
  for (
    const [entries, limit, vectors, calls] of [
      [8, 16, [0, 1, 2], ["config", "queue 0", "queue 1"]],
      [8, 2, [0, 1, 1], ["config", "queue 0", "queue 1"]],
      [2, 16, [0, 1, 1], ["config", "queue 0", "queue 1"]],
      [1, 16, [0, 0, 0], ["config", "queue 0", "queue 1"]],
    ] as const
  ) {
    const { virtio, fn, table, ctx, map } = machine();
    fn.cfg.setUint16(0x9a, entries - 1, true);
    virtio.vectorLimit = limit;
    const caps = map();
    const handlers = HANDLERS();
    caps.interrupt.connect(handlers);
    assertEquals(caps.interrupt.kind, "Msix");
    assertEquals([virtio.configVector, ...virtio.queues.map((q) => q.vector)], [...vectors]);
    assertEquals(ctx.vectors.length, new Set(vectors).size);
    for (const v of ctx.vectors) v.handler();
    assertEquals(handlers.calls, [...calls]);
    for (let i = 0; i < ctx.vectors.length; i++) {
      const entry = [0, 4, 8, 12].map((o) => table.getUint32(16 * i + o, true));
      assertEquals(entry, [0xfee0_0000, 0, 0x41 + i, 0]);
    }
    assertEquals(fn.cfg.getUint16(0x9a, true) & 0xc000, 0x8000, "enabled, not masked");
  }
});

Deno.test("refused vectors: INTx, level and active low, asks the ISR whose interrupt it was", () => {
  const { virtio, fn, ctx, map } = machine({ slot: 2 });
  virtio.vectorLimit = 0;
  fn.cfg.setUint16(4, 0x400, true);
  const caps = map();
  const handlers = HANDLERS();
  caps.interrupt.connect(handlers);
  assertEquals(caps.interrupt.kind, "IsrStatus");
  assertEquals(fn.cfg.getUint16(0x9a, true) & 0xc000, 0, "MSI-X is off, or INTx would be silent");
  assertEquals(fn.cfg.getUint16(4, true) & 0x400, 0, "INTx is not disabled");
  assertEquals(ctx.vectors, []);
  const [{ line, mode, handler }] = ctx.installed;
  assertEquals([line, mode], [22, { trigger: "level", polarity: "low" }]);
  assertEquals(handler(), false);
  virtio.isr = 1;
  assertEquals(handler(), true);
  virtio.isr = 2;
  assertEquals(handler(), true);
  assertEquals(handlers.calls, ["queue 0", "queue 1", "config"]);
});

Deno.test("a reset is waited for", () => {
  const { virtio, platform, map } = machine();
  const { comCfg } = map();
  virtio.status = 15;
  virtio.resetDelay = 5;
  comCfg.resetDev();
  assertEquals([virtio.status, platform.relaxed], [0, 4]);
  virtio.resetDelay = 0;
  virtio.stuckStatus = 64;
  const error = assertThrows(() => comCfg.resetDev(), VirtioError, "DEVICE_NEEDS_RESET") as VirtioError;
  assertEquals(error.kind, "DeviceNotResponding");
});

Deno.test("FAILED is added to the other bits", () => {
  const { virtio, map } = machine();
  const { comCfg } = map();
  virtio.status = 3;
  comCfg.setFailed();
  assertEquals(virtio.status, 0x83);
});

Deno.test("the configuration is read again when it changed meanwhile", () => {
  const { virtio, map } = machine();
  const { devCfg } = map();
  let reads = 0;
  const value = devCfg!.consistent((cfg) => {
    virtio.config.setUint16(0, ++reads, true);
    if (reads < 3) virtio.generation++;
    return cfg.readU16(0);
  });
  assertEquals([value, reads], [3, 3]);
  virtio.restless = true;
  assertThrows(() => devCfg!.consistent((cfg) => cfg.readU8(0)), VirtioError, "changed 100 times");
});
