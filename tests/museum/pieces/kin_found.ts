import type { Piece } from "../piece.ts";
import { netMachine, RNG, rngMachine } from "./machines.ts";

const SPLIT = "drivers/virtio/virtqueue/split.ts";
const PACKED = "drivers/virtio/virtqueue/packed.ts";
const KIN = { kin: true, fix: "" } as const;
const PING = netMachine("", "ping 10.0.2.2 3 1000");
/** More frames than a ring of 256 has descriptors. */
const MANY_PINGS = netMachine(",packed=on", "ping 10.0.2.2 600 1");

/** Mistakes of the same kinds, found by changing the drivers at all sorts of places. */
export const KIN_FOUND_PIECES: readonly Piece[] = [
  {
    ...KIN,
    id: "kin-1d",
    number: 1,
    title: "split ring: whether the device wants to be notified is read before the index is written",
    mistake: [{
      file: SPLIT,
      find: "    writeBarrier(memory, this.orderPlatform);\n    memory.writeU16(this.availAt + AVAIL_IDX",
      replace: "    const early = memory.readU16(this.availEventAt);\n" +
        "    writeBarrier(memory, this.orderPlatform);\n    memory.writeU16(this.availAt + AVAIL_IDX",
    }, {
      file: SPLIT,
      find: "needEvent(memory.readU16(this.availEventAt),",
      replace: "needEvent(early,",
    }],
    scenario: { kind: "run", line: PING },
    expected: { rule: "suppression-read-early", words: /read before the chain was published/ },
  },
  {
    ...KIN,
    id: "kin-4d",
    number: 4,
    title: "packed ring: AVAIL and USED stay as they are in the first lap",
    mistake: [{ file: PACKED, find: "    this.availFlags ^= BOTH;\n", replace: "" }],
    scenario: { kind: "run", line: MANY_PINGS },
    expected: { rule: "packed-not-available", words: /not available in this lap/ },
  },
  {
    ...KIN,
    id: "kin-6d",
    number: 6,
    title:
      "packed ring: the wrap counter of the place where the device wants to be notified is not looked at",
    mistake: [{
      file: PACKED,
      find: "    if (event >>> 15 !== this.writeWrap) back += this.size;\n",
      replace: "",
    }],
    scenario: { kind: "run", line: MANY_PINGS },
    expected: { rule: "lost-notification", words: /without one/ },
  },
  {
    ...KIN,
    id: "kin-8d",
    number: 8,
    title: "split ring: used_event is looked for one place too far, behind the available ring",
    mistake: [{
      file: SPLIT,
      find: "AVAIL_RING + 2 * this.size;",
      replace: "AVAIL_RING + 2 * this.size + 2;",
    }],
    scenario: { kind: "run", line: PING },
    expected: { rule: "memory-beyond-allocation", words: /the driver wrote 2 bytes/ },
  },
  {
    ...KIN,
    id: "kin-10d",
    number: 10,
    title: "PCI: queues are notified at places that follow from their numbers alone",
    mistake: [{
      file: "drivers/virtio/transport/pci/notify.ts",
      find: "handler.notifOff() * this.multiplier",
      replace: "handler.vqIndex * 2 + 0 * this.multiplier",
    }],
    scenario: { kind: "run", line: PING },
    expected: { rule: "pci-notify-queue", words: /no queue's/ },
  },
  {
    ...KIN,
    id: "kin-18d",
    number: 18,
    title: "queues are set up after DRIVER_OK",
    mistake: [{
      file: "drivers/virtio/features.ts",
      find: "    const result = setup(features);\n    com.drvOk();",
      replace: "    com.drvOk();\n    const result = setup(features);",
    }],
    scenario: { kind: "run", line: rngMachine(), input: RNG },
    expected: { rule: "queue-before-driver-ok", words: /after DRIVER_OK/ },
  },
  {
    ...KIN,
    id: "kin-21d",
    number: 21,
    title: "entropy: a buffer is given back before it is read",
    mistake: [{
      file: "drivers/rng.ts",
      find: "    this.queue.dispatchAll();\n    this.current = this.queue.take();",
      replace: "    this.current = this.queue.take();\n    this.queue.dispatchAll();",
    }],
    scenario: { kind: "run", line: rngMachine("", "--latency 50000"), input: RNG },
    expected: { rule: "writable-buffer-read-early", words: /part of the writable buffer/ },
  },
  {
    ...KIN,
    id: "kin-22d",
    number: 22,
    title: "the first word of the features is written as each of them",
    mistake: [{
      file: "drivers/virtio/transport/com_cfg.ts",
      find: "featureWord(features, i)",
      replace: "featureWord(features, 0 * i)",
    }],
    scenario: { kind: "run", line: rngMachine(), input: RNG },
    expected: { rule: "features-offered", words: /bit 60/ },
  },
  {
    ...KIN,
    id: "kin-27d",
    number: 27,
    title: "PCI: the vectors of all queues are written while one is selected: the others never interrupt",
    mistake: [{
      file: "drivers/virtio/transport/pci/com_cfg.ts",
      find:
        "    this.regs.write(CommonCfg.QUEUE_SELECT, 2, queue);\n    this.regs.write(CommonCfg.QUEUE_MSIX_VECTOR",
      replace: "    void queue;\n    this.regs.write(CommonCfg.QUEUE_MSIX_VECTOR",
    }],
    scenario: { kind: "run", line: PING },
    expected: { rule: "queue-vector-written-twice", words: /queue_select was not written between/ },
  },
  {
    ...KIN,
    id: "kin-31d",
    number: 31,
    title: "net: frames are written behind a header of 10 bytes",
    mistake: [{
      file: "drivers/net/transmit.ts",
      find: "memory.writeBytes(offset + NET_HDR_SIZE, frame);",
      replace: "memory.writeBytes(offset + NET_HDR_SIZE - 2, frame);",
    }],
    scenario: { kind: "run", line: PING },
    expected: { rule: "net-tx-header-size", words: /begins at byte 10/ },
  },
  {
    ...KIN,
    id: "kin-32d",
    number: 32,
    title: "net: MTU is accepted, and the device's mtu is not read",
    mistake: [{
      file: "drivers/net/config.ts",
      find: "has(NetF.MTU) ? cfg!.readU16(NetConfig.MTU) : fromEnv",
      replace: "fromEnv",
    }],
    scenario: { kind: "run", line: netMachine(",host_mtu=1400", "ping 10.0.2.2 1 1000") },
    expected: { rule: "net-mtu-read", words: /mtu was never read/ },
  },
  {
    ...KIN,
    id: "kin-34d",
    number: 34,
    title: "the allocator of indices does not mark what it gives out",
    mistake: [{
      file: "drivers/virtio/virtqueue/index_alloc.ts",
      find: "    bits[word] = w & (w - 1);\n",
      replace: "",
    }],
    scenario: { kind: "run", line: netMachine(",packed=on", "ping 10.0.2.2 1") },
    expected: { rule: "packed-buffer-id", words: /another chain in flight/ },
  },
  {
    ...KIN,
    id: "kin-34e",
    number: 34,
    title: "the allocator of device memory gives its frames back at once",
    mistake: [{
      file: "mm/device_alloc.ts",
      find: "    const phys = this.frames.allocate(size);\n",
      replace: "    const phys = this.frames.allocate(size);\n    this.frames.free(phys, size);\n",
    }],
    scenario: { kind: "run", line: rngMachine(), input: RNG },
    expected: { rule: "memory-given-twice", words: /were given to/ },
  },
];
