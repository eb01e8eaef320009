/**
 * The driver's half of a virtqueue cycle alone: dispatch of 64 bytes out and 64 in, tryRecv, popFrontVec. The device
 * is three stores: no pop, the same buffer is reported as used each time. One ring a process (V8 specializes):
 *
 * `deno run -A bench/virtqueue_driver.ts split|packed direct|indirect [size] [new]`
 */
import type { PhysAddr } from "../arch/addresses.ts";
import { RamDeviceMemory } from "../arch/device_memory.ts";
import type { ComCfg, NotifCfg } from "../drivers/virtio/transport/mod.ts";
import {
  AvailBufferToken,
  BufferElem,
  BufferType,
  createVirtq,
  DeviceVec,
} from "../drivers/virtio/virtqueue/mod.ts";
import { DeviceAlloc } from "../mm/device_alloc.ts";
import { DeviceHeap } from "../mm/device_heap.ts";
import { F } from "../spec/virtio/features.ts";

const [kind = "split", mode = "direct", sizeText = "256", tokens = "reuse"] = Deno.args;
const size = Number(sizeText);
const type = mode === "direct" ? BufferType.Direct : BufferType.Indirect;

const base = 0x10_0000;
const bytes = new Uint8Array(0x20_0000);
let next = base;
const frames = {
  allocate(length: number) {
    next += length;
    return (next - length) as PhysAddr;
  },
  free() {},
};
const alloc = new DeviceAlloc(new RamDeviceMemory(base, bytes), frames);
const handler = {
  vqIndex: 0,
  setVqSize: (n: number) => n,
  setRingAddr() {},
  setDrvCtrlAddr() {},
  setDevCtrlAddr() {},
  notifOff: () => 0,
  enableQueue() {},
  resetQueue() {},
};
let notified = 0;
const notifCfg: NotifCfg = { notifCtrl: () => ({ enableNotifData() {}, notifyDev: () => void notified++ }) };
const features = F.VERSION_1 | F.INDIRECT_DESC | (kind === "packed" ? F.RING_PACKED : 0n);
const vq = createVirtq({ selectVq: () => handler } as unknown as ComCfg, notifCfg, size, 0, features, {
  alloc,
  indirect: new DeviceHeap(alloc),
  deviceName: "bench",
  relax() {},
});
const [desc, , device] = vq.snapshot().areas.map((a) => a.phys - base);
const view = new DataView(bytes.buffer);
const send = [BufferElem.vector(DeviceVec.from(alloc, new Uint8Array(64), "bench"))];
const recv = [BufferElem.vector(DeviceVec.withCapacity(alloc, 64, "bench"))];
const step = mode === "direct" ? 2 : 1;
const id = kind === "split" && mode === "direct" ? 1 : 0;

let used = 0, at = 0, wrap = 1;
function completeSplit(): void {
  const entry = device + 4 + 8 * (used & (size - 1));
  view.setUint32(entry, id, true);
  view.setUint32(entry + 4, 64, true);
  used = (used + 1) & 0xffff;
  view.setUint16(device + 2, used, true);
}
function completePacked(): void {
  const entry = desc + 16 * at;
  view.setUint32(entry + 8, 64, true);
  view.setUint32(entry + 12, id | (wrap ? 0x8080_0000 : 0), true);
  at += step;
  if (at >= size) at -= size, wrap ^= 1;
}
const complete = kind === "split" ? completeSplit : completePacked;
const standing = AvailBufferToken.new(send, recv);

function run(cycles: number): number {
  let sum = 0;
  for (let i = 0; i < cycles; i++) {
    vq.dispatch(tokens === "new" ? AvailBufferToken.new(send, recv) : standing, false, type);
    complete();
    sum += vq.tryRecv()!.usedRecvBuff.popFrontVec()!.len;
  }
  return sum;
}

run(200_000);
const times: number[] = [];
for (let i = 0; i < 7; i++) {
  const start = performance.now();
  run(1_000_000);
  times.push(performance.now() - start);
}
times.sort((a, b) => a - b);
const median = times[3].toFixed(1);
console.log(`driver half, ${kind} ${mode}, size ${size}, ${tokens} tokens: ${median} ns a cycle`);
if (notified === 0) throw new Error("the device was never notified");
