import { assertEquals, assertStrictEquals } from "@std/assert";
import { BufferType, VirtqDeviceError } from "../../../../drivers/virtio/virtqueue/mod.ts";
import { F } from "../../../../spec/virtio/features.ts";
import { errorKind, KINDS, rig, tinyDevice, token } from "./support.ts";

const { Direct, Indirect } = BufferType;

for (const kind of KINDS) {
  Deno.test(`${kind}: D09: bad ids are named, consumed, and the queue goes on`, () => {
    const r = rig(kind);
    const device = tinyDevice(kind, r);
    const t = token(r, [1], [4]);
    r.vq.dispatch(t, false, Direct);
    const chain = device.pop()!;
    device.push(4, 0);
    device.push(kind === "split" ? 0x1_0001 : 0xffff, 0);
    assertEquals(errorKind(() => r.vq.tryRecv()), "UsedIdOutOfRange");
    assertEquals(errorKind(() => r.vq.tryRecv()), "UsedIdOutOfRange");
    assertEquals(r.vq.tryRecv(), undefined);
    device.push(3, 0);
    assertEquals(errorKind(() => r.vq.tryRecv()), "UsedIdNotOutstanding");
    device.push(chain.id, 4, chain.n);
    assertStrictEquals(r.vq.tryRecv()!.token, t);
    device.push(chain.id, 4, chain.n);
    assertEquals(errorKind(() => r.vq.tryRecv()), "UsedIdNotOutstanding", "a second time");
    assertEquals(r.vq.snapshot().free, 4);
    for (let i = 0; i < 12; i++) {
      r.vq.dispatch(t, false, Direct);
      const c = device.pop()!;
      device.push(c.id, 4, c.n);
      assertStrictEquals(r.vq.tryRecv()!.token, t);
    }
  });

  Deno.test(`${kind}: D18: a length beyond what was writable is an error, and the token comes back`, () => {
    const r = rig(kind, { features: F.INDIRECT_DESC });
    const device = tinyDevice(kind, r);
    const t = token(r, [8], [3, 4]);
    r.vq.dispatch(t, false, Indirect);
    const chain = device.pop()!;
    device.push(chain.id, 8, chain.n);
    let found: unknown;
    try {
      r.vq.tryRecv();
    } catch (error) {
      found = error;
    }
    const error = found as VirtqDeviceError;
    assertEquals([error.kind, error.arg], ["UsedLengthTooLarge", 8]);
    assertStrictEquals(error.token, t);
    assertEquals([t.inFlight, r.heap.used, r.vq.snapshot().free], [false, 0, 4]);
    r.vq.dispatch(t, false, Direct);
  });

  Deno.test(`${kind}: D10: a device that edits descriptors and tables breaks nothing of ours`, () => {
    const r = rig(kind, { features: F.INDIRECT_DESC });
    const device = tinyDevice(kind, r);
    const t = token(r, [1], [1, 1]);
    for (const type of [Direct, Indirect, Direct]) {
      r.vq.dispatch(t, false, type);
      const chain = device.pop()!;
      r.bytes.fill(0xff, r.desc, r.desc + 64);
      if (kind === "packed") r.bytes.fill(0, r.desc, r.desc + 64);
      device.push(chain.id, 2, chain.n);
      if (kind === "split") assertStrictEquals(r.vq.tryRecv()!.token, t);
      else {
        try {
          r.vq.tryRecv();
        } catch (error) {
          if (!(error instanceof VirtqDeviceError)) throw error;
        }
        break;
      }
      assertEquals(r.vq.snapshot().free, 4);
    }
  });

  Deno.test(`${kind}: IN_ORDER: ids that are not outstanding are named`, () => {
    const r = rig(kind, { features: F.IN_ORDER });
    const device = tinyDevice(kind, r);
    const t = token(r, [1], []);
    r.vq.dispatch(t, false, Direct);
    const chain = device.pop()!;
    device.push(2, 0);
    assertEquals(errorKind(() => r.vq.tryRecv()), "UsedIdNotOutstanding");
    device.push(chain.id, 0);
    assertStrictEquals(r.vq.tryRecv()!.token, t);
  });
}

Deno.test("split: an index that jumps by more than the ring holds", () => {
  const r = rig("split");
  const device = tinyDevice("split", r);
  const t = token(r, [1], []);
  r.vq.dispatch(t, false, Direct);
  const chain = device.pop()!;
  r.view.setUint16(r.device + 2, 5, true);
  assertEquals(errorKind(() => r.vq.tryRecv()), "UsedIndexJump");
  assertEquals(r.vq.tryRecv(), undefined);
  device.push(chain.id, 0);
  assertStrictEquals(r.vq.tryRecv()!.token, t);
});

Deno.test("packed: D19: a length counts although WRITE is clear in the used descriptor", () => {
  const r = rig("packed");
  const device = tinyDevice("packed", r);
  r.vq.dispatch(token(r, [], [4]), false, Direct);
  device.push(device.pop()!.id, 3);
  assertEquals(r.vq.tryRecv()!.usedRecvBuff.popFrontVec()!.len, 3);
});
