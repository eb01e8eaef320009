import type { Piece } from "../piece.ts";
import { netMachine, RNG, rngMachine } from "./machines.ts";

const SPLIT = "drivers/virtio/virtqueue/split.ts";
const PACKED = "drivers/virtio/virtqueue/packed.ts";
const KIN = { kin: true, fix: "" } as const;

/** Mistakes of the same kinds in the rings, which nobody at Hermit has made. */
export const KIN_RING_PIECES: readonly Piece[] = [
  {
    ...KIN,
    id: "kin-1",
    number: 1,
    title: "split ring: no barrier between the entries and the index that publishes them",
    mistake: [{
      file: SPLIT,
      find: "    writeBarrier(memory, this.orderPlatform);\n    memory.writeU16(this.availAt + AVAIL_IDX",
      replace: "    memory.writeU16(this.availAt + AVAIL_IDX",
    }, {
      file: SPLIT,
      find: 'import { generalBarrier, readBarrier, writeBarrier } from "../../../arch/barrier.ts";',
      replace: 'import { generalBarrier, readBarrier } from "../../../arch/barrier.ts";',
    }],
    scenario: { kind: "run", line: netMachine("", "ping 10.0.2.2 3 1000") },
    expected: { rule: "split-write-barrier", words: /barrier/ },
  },
  {
    ...KIN,
    id: "kin-2",
    number: 2,
    title: "packed ring: the buffer id of the ring's position is freed, in place of the used id",
    mistake: [{
      file: PACKED,
      find: "    this.ids.deallocate(id);",
      replace: "    this.ids.deallocate((id + this.pollOff) % this.size);",
    }],
    scenario: { kind: "scene", name: "out_of_order_packed" },
    expected: { rule: "packed-buffer-id", words: /another chain in flight/ },
  },
  {
    ...KIN,
    id: "kin-4",
    number: 4,
    title:
      "packed ring: a chain that lies across the ring's end keeps the wrap counter of its first descriptor",
    mistake: [{
      file: PACKED,
      find: "    let first = 0;\n    for (let i = 0; i < n; i++) {",
      replace: "    let first = 0;\n    const wrap = this.availFlags;\n    for (let i = 0; i < n; i++) {",
    }, {
      file: PACKED,
      find: "const flags = this.availFlags | (readable ? 0 : F_WRITE)",
      replace: "const flags = wrap | (readable ? 0 : F_WRITE)",
    }],
    scenario: { kind: "scene", name: "chains_across_the_end" },
    expected: { rule: "packed-wrap", words: /not available in this lap/ },
  },
  {
    ...KIN,
    id: "kin-6",
    number: 6,
    title: "split ring: with EVENT_IDX the device is notified one buffer late",
    mistake: [{
      file: SPLIT,
      find: "needEvent(memory.readU16(this.availEventAt), this.availIdx, (this.availIdx - n) & 0xffff)",
      replace:
        "needEvent(\n        (memory.readU16(this.availEventAt) + 1) & 0xffff,\n        this.availIdx,\n" +
        "        (this.availIdx - n) & 0xffff,\n      )",
    }],
    scenario: { kind: "run", line: netMachine("", "ping 10.0.2.2 3 1000") },
    expected: { rule: "lost-notification", words: /without one/ },
  },
  {
    ...KIN,
    id: "kin-8",
    number: 8,
    title: "packed ring: notifications carry the position without the wrap counter",
    mistake: [{
      file: PACKED,
      find: "const next = this.writeOff | (this.writeWrap << 15);",
      replace: "const next = this.writeOff;",
    }],
    scenario: { kind: "run", line: netMachine(",packed=on,notification_data=on", "ping 10.0.2.2 1") },
    expected: { rule: "notification-data", words: /wrap counter 0/ },
  },
  {
    ...KIN,
    id: "kin-11",
    number: 11,
    title: "split ring: a chain is written whether or not so many descriptors are free",
    mistake: [{
      file: SPLIT,
      find: "    this.admit(token, type, this.ids.free);\n    this.put(token, type);",
      replace: "    this.admit(token, type, this.size);\n" +
        "    if (this.ids.free < token.consumed) this.ids.reset();\n    this.put(token, type);",
    }],
    scenario: { kind: "scene", name: "full_split" },
    expected: { rule: "split-descriptor-shared", words: /belongs to/ },
  },
  {
    ...KIN,
    id: "kin-19",
    number: 19,
    title:
      "packed ring: the wrap counter of used descriptors never turns: nothing is seen as used after a lap",
    mistake: [{
      file: PACKED,
      find: "      this.pollWrap ^= 1;\n      this.usedFlags ^= BOTH;\n",
      replace: "      this.pollWrap ^= 1;\n",
    }],
    scenario: { kind: "run", line: rngMachine(",packed=on", "--latency 50000"), input: RNG },
    expected: { rule: "used-buffers-ignored", words: /does not take the 8 buffers there/ },
  },
];
