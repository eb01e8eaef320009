/** The cycle of bench/virtqueue.ts under `deno bench`, for one ring: `VQ=packed deno bench -A bench/virtqueue_bench.ts`. */
import { AvailBufferToken, BufferElem, BufferType, DeviceVec } from "../drivers/virtio/virtqueue/mod.ts";
import { F } from "../spec/virtio/features.ts";
import { makePair } from "../tests/drivers/virtio/virtqueue/_pair.ts";

const packed = Deno.env.get("VQ") === "packed";
for (const size of [4, 256, 32768]) {
  const { vq, device, alloc } = makePair(
    size,
    F.VERSION_1 | F.INDIRECT_DESC | (packed ? F.RING_PACKED : 0n),
    16 << 20,
  );
  const token = AvailBufferToken.new(
    [BufferElem.vector(DeviceVec.from(alloc, new Uint8Array(64), "send"))],
    [BufferElem.vector(DeviceVec.withCapacity(alloc, 64, "receive"))],
  );
  for (const [kind, type] of [["direct", BufferType.Direct], ["indirect", BufferType.Indirect]] as const) {
    Deno.bench(`${packed ? "packed" : "split"} ${kind} ${size}`, () => {
      vq.dispatch(token, false, type);
      device.push(device.pop()!, 64);
      vq.tryRecv()!.usedRecvBuff.popFrontVec();
    });
  }
}
