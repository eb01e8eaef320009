import { assertEquals } from "@std/assert";
import { BufferType } from "../../../../drivers/virtio/virtqueue/mod.ts";
import { F } from "../../../../spec/virtio/features.ts";
import { rig, tinyDevice, token, writesOf } from "./support.ts";

/** virtio 1.4, 2.7.10: whether a move of used idx from `old` to `now` makes the device interrupt. */
const interrupts = (event: number, now: number, old: number) =>
  ((now - event - 1) & 0xffff) < ((now - old) & 0xffff);

Deno.test("split: with EVENT_IDX a driver that wants no interrupts gets none, however far used idx runs", () => {
  const r = rig("split", { features: F.EVENT_IDX });
  const device = tinyDevice("split", r);
  const t = token(r, [1], []);
  r.vq.disableNotifs();
  let unwanted = 0;
  for (let i = 0; i < 70_000; i++) {
    r.vq.dispatch(t, false, BufferType.Direct);
    const event = r.view.getUint16(r.driver + 4 + 2 * 4, true);
    if (interrupts(event, (i + 1) & 0xffff, i & 0xffff)) unwanted++;
    device.push(device.pop()!.id, 0);
    r.vq.tryRecv();
  }
  assertEquals(unwanted, 0);
});

Deno.test("split: nothing is written between the barrier and idx, and nothing behind idx (virtio 1.4, 2.7.13.3)", () => {
  for (const type of [BufferType.Direct, BufferType.Indirect]) {
    const r = rig("split", { size: 8, features: F.INDIRECT_DESC });
    const log = writesOf(r);
    r.vq.dispatchBatch([[token(r, [1], [2]), type], [token(r, [], [2]), type]], false);
    const queue = log.filter((e) => typeof e === "string" || e < r.driver + 4 + 2 * 8);
    assertEquals(queue.slice(-3), ["smp/write", r.driver + 2, "smp/general"]);
    assertEquals(queue.filter((e) => e === r.driver + 2).length, 1, "the batch is shown at once");
  }
});
