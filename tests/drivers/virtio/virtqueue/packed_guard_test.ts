import { assertEquals } from "@std/assert";
import { BufferType } from "../../../../drivers/virtio/virtqueue/mod.ts";
import { F } from "../../../../spec/virtio/features.ts";
import { rig, tinyDevice, token, writesOf } from "./support.ts";

Deno.test("packed: an event that lies a lap away is not passed (virtio 1.4, 2.8.10)", () => {
  const r = rig("packed", { size: 4, features: F.EVENT_IDX });
  const device = tinyDevice("packed", r);
  const t = token(r, [1], [1]);
  r.view.setUint16(r.device, 1 | (0 << 15), true);
  r.view.setUint16(r.device + 2, 2, true);
  const kicks: number[] = [];
  for (let i = 0; i < 4; i++) {
    r.vq.dispatch(t, false, BufferType.Direct);
    kicks.push(r.notified.splice(0).length);
    const chain = device.pop()!;
    device.push(chain.id, 0, chain.n);
    r.vq.tryRecv();
  }
  // Positions 0-1 and 2-3 with wrap counter 1, then with 0: the event is at 1 with 0.
  assertEquals(kicks, [0, 0, 1, 0]);
});

Deno.test("packed: the flags of the first descriptor come last, behind a barrier (virtio 1.4, 2.8.21)", () => {
  for (const type of [BufferType.Direct, BufferType.Indirect]) {
    for (const batch of [false, true]) {
      const r = rig("packed", { size: 8, features: F.INDIRECT_DESC });
      const log = writesOf(r);
      const first = token(r, [1, 1], [2]);
      if (batch) r.vq.dispatchBatch([[first, type], [token(r, [1], []), type]], false);
      else r.vq.dispatch(first, false, type);
      const ring = log.filter((e) => typeof e === "string" || (e >= r.desc && e < r.desc + 8 * 16));
      assertEquals(ring.slice(-3), ["smp/write", r.desc + 14, "smp/general"]);
      const early = ring.slice(0, -3);
      assertEquals(early.includes(r.desc + 14), false);
      // A 32-bit write at 12 would show the flags, too: the id alone is 16 bits wide.
      assertEquals(r.view.getUint16(r.desc + 14, true) & 0x8080, 0x80);
    }
  }
});

Deno.test("packed: nothing of a chain is to be seen before its first descriptor's flags", () => {
  const r = rig("packed", { size: 8 });
  const { memory } = r;
  const seen: number[] = [];
  const look = () => seen.push(r.view.getUint16(r.desc + 14, true));
  const writeU16 = memory.writeU16, writeU32 = memory.writeU32;
  memory.writeU16 = (offset, value) => (look(), writeU16.call(memory, offset, value));
  memory.writeU32 = (offset, value) => (look(), writeU32.call(memory, offset, value));
  r.vq.dispatch(token(r, [1, 1], [2]), false, BufferType.Direct);
  assertEquals(new Set(seen), new Set([0]));
});

Deno.test("packed: after a reset both wrap counters are 1 again (virtio 1.4, 2.8.1, 2.6.1)", () => {
  const r = rig("packed", { size: 3, features: F.RING_RESET | F.NOTIFICATION_DATA });
  const device = tinyDevice("packed", r);
  const t = token(r, [1], []);
  for (let i = 0; i < 4; i++) {
    r.vq.dispatch(t, false, BufferType.Direct);
    const chain = device.pop()!;
    device.push(chain.id, 0, chain.n);
    r.vq.tryRecv();
  }
  // One past the first lap: position 1, wrap counter 0.
  assertEquals(r.notified.at(-1), 1);
  r.vq.reset();
  const { indices } = r.vq.snapshot();
  assertEquals([indices.writeWrap, indices.pollWrap], [1, 1]);
  r.vq.dispatch(t, false, BufferType.Direct);
  assertEquals(r.notified.at(-1), 0x8001);
});
