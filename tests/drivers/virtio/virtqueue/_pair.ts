/** A driver's queue and the device's side of it over the same memory, with nothing between: for tests and benches. */
import type { PhysAddr } from "../../../../arch/addresses.ts";
import { RamDeviceMemory } from "../../../../arch/device_memory.ts";
import { GuestMemory } from "../../../../devices/guest_memory.ts";
import { createDeviceQueue, type DeviceQueue } from "../../../../devices/virtio/queue.ts";
import type { ComCfg, NotifCfg, VqCfgHandler } from "../../../../drivers/virtio/transport/mod.ts";
import { createVirtq, type Virtq } from "../../../../drivers/virtio/virtqueue/mod.ts";
import { DeviceAlloc } from "../../../../mm/device_alloc.ts";
import { DeviceHeap } from "../../../../mm/device_heap.ts";
import { F } from "../../../../spec/virtio/features.ts";

export interface Pair {
  vq: Virtq;
  device: DeviceQueue;
  alloc: DeviceAlloc;
  heap: DeviceHeap;
  /** How often the driver notified; and what it sent last as `next`. */
  readonly notified: () => number;
  readonly lastNext: () => number;
  /** Called at each notification. */
  onNotify: () => void;
}

export function makePair(
  size: number,
  features: bigint,
  ramBytes = 4 << 20,
  relax: () => void = () => {},
): Pair {
  const ram = new Uint8Array(ramBytes);
  let top = 0x1000;
  const alloc = new DeviceAlloc(new RamDeviceMemory(0, ram), {
    allocate(length: number): PhysAddr {
      const at = top;
      top += length;
      if (top > ram.length) throw new Error("the test's memory is full");
      return at as PhysAddr;
    },
    free: () => {},
  });
  const heap = new DeviceHeap(alloc);
  let [desc, driver, device, count, last] = [0, 0, 0, 0, 0];
  const handler: VqCfgHandler = {
    vqIndex: 0,
    setVqSize: (max) => max,
    setRingAddr: (a) => void (desc = a),
    setDrvCtrlAddr: (a) => void (driver = a),
    setDevCtrlAddr: (a) => void (device = a),
    notifOff: () => 0,
    enableQueue: () => {},
    resetQueue: () => {},
  };
  const comCfg = { deviceName: "test", selectVq: () => handler } as unknown as ComCfg;
  const notifCfg: NotifCfg = {
    notifCtrl: () => ({
      enableNotifData: () => {},
      notifyDev(_vqn: number, next: number) {
        count++;
        last = next;
        pair.onNotify();
      },
    }),
  };
  const pair = { onNotify: () => {} } as Pair;
  const vq = createVirtq(comCfg, notifCfg, size, 0, features, {
    alloc,
    indirect: heap,
    deviceName: "test",
    relax,
  });
  const queue = createDeviceQueue(new GuestMemory([{ base: 0, bytes: ram }]), {
    size,
    desc,
    driver,
    device,
    packed: (features & F.RING_PACKED) !== 0n,
    eventIdx: (features & F.EVENT_IDX) !== 0n,
    indirect: (features & F.INDIRECT_DESC) !== 0n,
    inOrder: (features & F.IN_ORDER) !== 0n,
    name: "test queue 0",
  });
  return Object.assign(pair, { vq, device: queue, alloc, heap, notified: () => count, lastNext: () => last });
}
