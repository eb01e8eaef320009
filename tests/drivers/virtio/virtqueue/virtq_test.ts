import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  AvailBufferToken,
  BufferElem,
  BufferType,
  type Codec,
  DeviceVec,
  type UsedBufferToken,
  VqIndex,
  VqSize,
} from "../../../../drivers/virtio/virtqueue/mod.ts";
import { F } from "../../../../spec/virtio/features.ts";
import { errorKind, KINDS, rig, tinyDevice, token } from "./support.ts";

const { Direct, Indirect } = BufferType;

const u16: Codec<number> = {
  size: 2,
  read: (m, o) => m.readU16(o),
  write: (m, o, v) => m.writeU16(o, v),
};

Deno.test("VqIndex and VqSize saturate as From<u32> does", () => {
  assertEquals(
    [VqIndex.from(7), VqSize.from(65535), VqSize.from(65536), VqIndex.from(0xffff_ffff)] as number[],
    [
      7,
      65535,
      65535,
      65535,
    ],
  );
  for (const bad of [-1, 0.5, 2 ** 32, NaN]) {
    let name = "none";
    try {
      VqSize.from(bad);
    } catch (error) {
      name = (error as Error).name;
    }
    assertEquals(name, "RangeError");
  }
});

for (const kind of KINDS) {
  Deno.test(`${kind}: registers are written in Hermit's order`, () => {
    const r = rig(kind, { size: 256, offered: 8, features: F.NOTIFICATION_DATA });
    assertEquals(r.registers, [
      "size 8",
      "desc 0x100000",
      "driver 0x101000",
      "device 0x102000",
      "notification data",
      "enable",
    ]);
    const lengths = r.vq.snapshot().areas.map((a) => a.length);
    // 4*ceil((6+8n)/4) for the split ring's used area, as the golden traces have it.
    assertEquals(lengths, kind === "split" ? [128, 22, 72] : [128, 4, 4]);
  });

  Deno.test(`${kind}: sizes`, () => {
    const refused = (size: number) => errorKind(() => rig(kind, { size, memoryBytes: 0x20_0000 }));
    const expected = kind === "split"
      ? { 0: 1, 1: 0, 2: 0, 3: 1, 5: 1, 256: 0, 32767: 1, 32768: 0, 32769: 1, 65536: 1 }
      : { 0: 1, 1: 0, 2: 0, 3: 0, 5: 0, 256: 0, 32767: 0, 32768: 0, 32769: 1, 65536: 1 };
    for (const [size, no] of Object.entries(expected)) {
      assertEquals(refused(Number(size)), no ? "QueueSizeNotAllowed" : "none", `size ${size}`);
    }
  });

  Deno.test(`${kind}: a cycle: the device sees the elements, the driver what was written`, () => {
    const r = rig(kind, { features: F.INDIRECT_DESC });
    const device = tinyDevice(kind, r);
    const t = token(r, [3, 5], [8, 2]);
    for (const type of [Direct, Indirect, Direct, Indirect, Direct]) {
      r.vq.dispatch(t, false, type);
      const chain = device.pop()!;
      assertEquals(chain.n, type === Direct ? 4 : 1);
      const elems = [...t.sendBuff, ...t.recvBuff];
      assertEquals(chain.segments.map((s) => s.addr), elems.map((e) => e.phys as number));
      assertEquals(chain.segments.map((s) => [s.len, s.write]), [[3, false], [5, false], [8, true], [
        2,
        true,
      ]]);
      assertEquals(device.pop(), undefined);
      r.bytes.fill(0x77, chain.segments[2].addr - r.memory.base, chain.segments[2].addr - r.memory.base + 8);
      assertEquals(r.vq.tryRecv(), undefined);
      device.push(chain.id, 9, chain.n);
      assertEquals(r.vq.hasUsedBuffers(), true);
      const used = r.vq.tryRecv()!;
      assertStrictEquals(used.token, t);
      assertEquals(used.writtenLen, 9);
      assertEquals(used.usedRecvBuff.popFrontVec()!.bytes(), new Uint8Array(8).fill(0x77));
      assertEquals(used.usedRecvBuff.popFrontVec()!.len, 1);
      assertEquals(used.usedRecvBuff.popFrontVec(), undefined);
      assertEquals(r.vq.snapshot().free, 4);
      assertEquals(r.heap.used, 0);
    }
    t.free();
    r.heap.release();
    r.vq.free();
    assertEquals(r.alloc.live(), []);
  });

  Deno.test(`${kind}: D01 D03 D21: what does not fit changes nothing, and the token stays usable`, () => {
    const r = rig(kind, { features: F.INDIRECT_DESC });
    const device = tinyDevice(kind, r);
    const small = token(r, [1], [1]);
    const big = token(r, [1, 1], [1]);
    r.vq.dispatch(small, false, Direct);
    const before = r.bytes.slice();
    const state = JSON.stringify(r.vq.snapshot());
    assertEquals(errorKind(() => r.vq.dispatch(big, false, Direct)), "NoDescrAvail");
    const one = token(r, [1], []);
    before.set(
      r.bytes.subarray(one.sendBuff[0].phys - r.memory.base).subarray(0, 1),
      one.sendBuff[0].phys - r.memory.base,
    );
    const batch = [[one, Direct], [token(r, [1], []), Indirect], [big, Direct]] as const;
    const areas = () => [r.desc, r.driver, r.device].map((at) => [...r.bytes.subarray(at, at + 64)]);
    const ring = areas();
    assertEquals(errorKind(() => r.vq.dispatchBatch(batch, false)), "NoDescrAvail");
    assertEquals(areas(), ring);
    assertEquals(JSON.stringify(r.vq.snapshot()), state);
    assertEquals(r.heap.used, 0);
    const chain = device.pop()!;
    device.push(chain.id, 0, chain.n);
    r.vq.tryRecv();
    r.vq.dispatch(big, false, Direct);
    r.vq.dispatch(one, false, Direct);
    assertEquals(r.vq.snapshot().free, 0);
  });

  Deno.test(`${kind}: refused tokens: in flight, twice in a batch, empty, indirect without the feature`, () => {
    const r = rig(kind, { size: 8 });
    const t = token(r, [1], []);
    assertEquals(errorKind(() => r.vq.dispatch(t, false, Indirect)), "FeatureNotSupported");
    assertEquals(errorKind(() => r.vq.dispatchBatch([[t, Direct], [t, Direct]], false)), "TokenInUse");
    assertEquals(t.inFlight, false);
    r.vq.dispatch(t, false, Direct);
    assertEquals(errorKind(() => r.vq.dispatch(t, false, Direct)), "TokenInUse");
    assertEquals(errorKind(() => t.free()), "TokenInUse");
    assertEquals(errorKind(() => r.vq.dispatchBatch([], false)), "BufferNotSpecified");
    assertEquals(errorKind(() => AvailBufferToken.new([], [])), "BufferNotSpecified");
    assertEquals(errorKind(() => DeviceVec.withCapacity(r.alloc, 0, "zero")), "BufferNotSpecified");
    const empty = AvailBufferToken.new([BufferElem.vector(DeviceVec.withCapacity(r.alloc, 4, "empty"))], []);
    assertEquals(errorKind(() => r.vq.dispatch(empty, false, Direct)), "BufferNotSpecified");
    assertEquals(r.vq.snapshot().free, 7);
  });

  Deno.test(`${kind}: D08: barriers reach devices only with ORDER_PLATFORM`, () => {
    for (const [features, name] of [[0n, "smp"], [F.ORDER_PLATFORM, "dma"]] as const) {
      const r = rig(kind, { features });
      const device = tinyDevice(kind, r);
      r.vq.tryRecv();
      assertEquals(r.memory.barriers, []);
      r.vq.dispatch(token(r, [1], [1]), false, Direct);
      assertEquals(r.memory.barriers.splice(0), [`${name}/write`, `${name}/general`]);
      const chain = device.pop()!;
      device.push(chain.id, 0, chain.n);
      r.vq.tryRecv();
      assertEquals(r.memory.barriers, [`${name}/read`]);
    }
  });

  Deno.test(`${kind}: D02 D11: a batch is one notification, and all of it arrives`, () => {
    const r = rig(kind, { size: 8 });
    const device = tinyDevice(kind, r);
    const tokens = [token(r, [1], [1]), token(r, [2], []), token(r, [], [3])];
    const awaited: UsedBufferToken[] = [];
    r.vq.dispatchBatchAwait(tokens.map((t) => [t, Direct] as const), false, awaited);
    assertEquals(r.notified.length, 1);
    const chains = tokens.map(() => device.pop()!);
    assertEquals(
      chains.map((c) => c.segments[0].addr),
      tokens.map((t) => [...t.sendBuff, ...t.recvBuff][0].phys as number),
    );
    for (const c of chains) device.push(c.id, 0, c.n);
    assertEquals(r.vq.tryRecv(), undefined);
    assertEquals(awaited.map((u) => u.token), tokens);
    r.vq.dispatchBatch([[tokens[1], Direct]], false);
    const again = device.pop()!;
    device.push(again.id, 0, again.n);
    assertStrictEquals(r.vq.tryRecv()!.token, tokens[1]);
  });

  Deno.test(`${kind}: D12: a blocking dispatch returns its own buffer and leaves interrupts as they were`, () => {
    for (const enabled of [true, false]) {
      const r = rig(kind);
      const device = tinyDevice(kind, r);
      if (!enabled) r.vq.disableNotifs();
      const driverArea = () => [...r.bytes.subarray(r.driver, r.driver + (kind === "split" ? 2 : 4))];
      const before = driverArea();
      const other = token(r, [1], []);
      const own = token(r, [1], [2]);
      r.vq.dispatch(other, false, Direct);
      let relaxed = 0;
      r.hooks.onRelax = () => {
        relaxed++;
        const off = r.view.getUint16(r.driver + (kind === "split" ? 0 : 2), true);
        assertEquals(off, 1, "interrupts are off while it waits");
        const chain = device.pop();
        if (chain !== undefined) device.push(chain.id, chain.segments.at(-1)!.write ? 2 : 0, chain.n);
      };
      assertStrictEquals(r.vq.dispatchBlocking(own, Direct).token, own);
      assertEquals(relaxed, 2);
      assertEquals(driverArea(), before);
      assertEquals(r.vq.hasUsedBuffers(), true);
      assertStrictEquals(r.vq.tryRecv()!.token, other);
      assertEquals(r.vq.hasUsedBuffers(), false);
    }
  });

  Deno.test(`${kind}: the device suppresses notifications`, () => {
    const r = rig(kind, { features: F.NOTIFICATION_DATA });
    const at = kind === "split" ? r.device : r.device + 2;
    r.vq.dispatch(token(r, [1], []), false, Direct);
    r.view.setUint16(at, 1, true);
    r.vq.dispatch(token(r, [1], []), false, Direct);
    r.view.setUint16(at, 0, true);
    r.vq.dispatch(token(r, [1], [1]), false, Direct);
    assertEquals(r.notified, kind === "split" ? [1, 3] : [0x8001, 0]);
  });

  Deno.test(`${kind}: enableNotifs says when used buffers are there already`, () => {
    const r = rig(kind);
    const device = tinyDevice(kind, r);
    r.vq.dispatch(token(r, [1], []), false, Direct);
    r.vq.disableNotifs();
    assertEquals(r.vq.enableNotifs(), false);
    const chain = device.pop()!;
    device.push(chain.id, 0, chain.n);
    r.vq.disableNotifs();
    assertEquals(r.vq.enableNotifs(), true);
  });

  Deno.test(`${kind}: D05 D11: notif asks for an interrupt without EVENT_IDX while they are off`, () => {
    const r = rig(kind);
    const device = tinyDevice(kind, r);
    const at = kind === "split" ? r.driver : r.driver + 2;
    r.vq.disableNotifs();
    r.vq.dispatch(token(r, [1], []), true, Direct);
    r.vq.dispatch(token(r, [1], []), true, Direct);
    for (const flags of [0, 0, 1]) {
      assertEquals(r.view.getUint16(at, true), flags);
      const chain = device.pop();
      if (chain) device.push(chain.id, 0, chain.n), r.vq.tryRecv();
    }
  });

  Deno.test(`${kind}: D14: with IN_ORDER one entry stands for all buffers up to it`, () => {
    const r = rig(kind, { size: 8, features: F.IN_ORDER | F.INDIRECT_DESC });
    const device = tinyDevice(kind, r);
    for (let lap = 0; lap < 9; lap++) {
      const tokens = [token(r, [1], [4]), token(r, [1, 1], [6]), token(r, [], [3])];
      tokens.forEach((t, i) => r.vq.dispatch(t, false, i === 1 && lap % 2 ? Indirect : Direct));
      const chains = tokens.map(() => device.pop()!);
      // The first two as a batch, then the third alone.
      device.push(chains[1].id, 5, chains[0].n + chains[1].n, 2);
      device.push(chains[2].id, 1, chains[2].n, 1);
      const got = tokens.map(() => r.vq.tryRecv()!);
      assertEquals(got.map((u) => u.token), tokens);
      assertEquals(got.map((u) => u.writtenLen), [4, 5, 1]);
      assertEquals(r.vq.tryRecv(), undefined);
      assertEquals(r.vq.snapshot().free, 8);
      tokens.forEach((t) => t.free());
    }
  });

  Deno.test(`${kind}: RING_RESET gives the buffers back and the queue works again`, () => {
    assertEquals(errorKind(() => rig(kind).vq.reset()), "FeatureNotSupported");
    const r = rig(kind, { features: F.RING_RESET | F.INDIRECT_DESC });
    let device = tinyDevice(kind, r);
    const tokens = [token(r, [1], [1]), token(r, [1], [])];
    r.vq.disableNotifs();
    r.vq.dispatch(tokens[0], true, Indirect);
    r.vq.dispatch(tokens[1], false, Direct);
    const chain = device.pop()!;
    device.push(chain.id, 1, chain.n);
    r.registers.length = 0;
    assertEquals(r.vq.reset().map((t) => [t, t.inFlight]), tokens.map((t) => [t, false]));
    assertEquals(r.registers, [
      "reset",
      "size 4",
      "desc 0x100000",
      "driver 0x101000",
      "device 0x102000",
      "enable",
    ]);
    assertEquals([r.heap.used, r.vq.snapshot().free, r.vq.hasUsedBuffers()], [0, 4, false]);
    assertEquals(
      r.view.getUint16(kind === "split" ? r.driver : r.driver + 2, true),
      1,
      "interrupts stay off",
    );
    device = tinyDevice(kind, r);
    r.vq.dispatch(tokens[0], false, Direct);
    const after = device.pop()!;
    device.push(after.id, 1, after.n);
    assertStrictEquals(r.vq.tryRecv()!.token, tokens[0]);
    r.vq.free();
    assertEquals(errorKind(() => r.vq.dispatch(tokens[0], false, Direct)), "QueueBroken");
  });

  Deno.test(`${kind}: sized elements come out as what they are, a failed pop leaves them`, () => {
    const r = rig(kind);
    const device = tinyDevice(kind, r);
    const t = AvailBufferToken.new([BufferElem.sized(r.alloc, u16, "head", 0xbeef)], [
      BufferElem.sized(r.alloc, u16, "a"),
      BufferElem.sized(r.alloc, u16, "b"),
    ]);
    r.vq.dispatch(t, false, Direct);
    const chain = device.pop()!;
    assertEquals(r.view.getUint16(chain.segments[0].addr - r.memory.base, true), 0xbeef);
    r.view.setUint16(chain.segments[1].addr - r.memory.base, 0x1234, true);
    device.push(chain.id, 3, chain.n);
    const got = r.vq.tryRecv()!.usedRecvBuff;
    assertEquals(errorKind(() => got.popFrontVec()), "General");
    assertEquals(errorKind(() => got.popFrontDowncast({ ...u16 })), "General");
    assertEquals(got.popFrontDowncast(u16), 0x1234);
    assertEquals(got.popFrontDowncast(u16), undefined);
    assertEquals([got.elementsLeft, got.remaining], [1, 1]);
    assertEquals(got.popFrontRaw()?.length, 1);
  });
}
