import type { Piece } from "../piece.ts";
import { netMachine } from "./machines.ts";

const SPLIT = "drivers/virtio/virtqueue/split.ts";

/** Mistakes in the split ring. */
export const SPLIT_PIECES: readonly Piece[] = [
  {
    id: "1a",
    number: 1,
    fix: "7184aa0d",
    title:
      "split ring: no barrier between publishing a buffer and reading whether the device wants to be notified",
    mistake: [{
      file: SPLIT,
      find: "    memory.writeU16(this.availAt + AVAIL_IDX, this.availIdx);\n" +
        "    generalBarrier(memory, this.orderPlatform);\n",
      replace: "    memory.writeU16(this.availAt + AVAIL_IDX, this.availIdx);\n",
    }],
    scenario: { kind: "run", line: netMachine("", "ping 10.0.2.2 3 1000") },
    expected: { rule: "split-full-barrier", words: /barrier/ },
  },
  {
    id: "2",
    number: 2,
    fix: "b496e9b8",
    title:
      "split ring: the descriptors from the used ring's position on are freed, in place of those of the used id",
    mistake: [{
      file: SPLIT,
      find: "    let word = head >>> 5;\n    let mask = 1 << (head & 31);",
      replace: "    head = (this.readIdx - 1) & this.mask;\n" +
        "    let word = head >>> 5;\n    let mask = 1 << (head & 31);",
    }],
    scenario: { kind: "scene", name: "out_of_order_split" },
    expected: { rule: "split-descriptor-shared", words: /descriptor \d+ belongs to the chain of head/ },
  },
  {
    id: "8",
    number: 8,
    fix: "1723d3e4",
    title: "split ring: notifications carry 0 in place of the next available index",
    mistake: [{
      file: SPLIT,
      find: "this.notifCtrl.notifyDev(this.index, this.availIdx);",
      replace: "this.notifCtrl.notifyDev(this.index, 0);",
    }],
    scenario: { kind: "run", line: netMachine(",notification_data=on", "ping 10.0.2.2 3 1000") },
    expected: { rule: "notification-data", words: /says 0/ },
  },
];
