import type { Piece } from "../piece.ts";
import { netMachine, RNG, rngMachine } from "./machines.ts";

const PACKED = "drivers/virtio/virtqueue/packed.ts";

/** Mistakes in the packed ring. */
export const PACKED_PIECES: readonly Piece[] = [
  {
    id: "1b",
    number: 1,
    fix: "7184aa0d",
    title: "packed ring: no barrier between publishing a buffer and reading the device's event structure",
    mistake: [{
      file: PACKED,
      find: "    memory.writeU16(flagsAt, flags);\n    generalBarrier(memory, this.orderPlatform);\n",
      replace: "    memory.writeU16(flagsAt, flags);\n",
    }],
    scenario: { kind: "run", line: netMachine(",packed=on", "ping 10.0.2.2 3 1000") },
    expected: { rule: "packed-full-barrier", words: /barrier/ },
  },
  {
    id: "1c",
    number: 1,
    fix: "7184aa0d",
    title: "packed ring: no barrier between a descriptor's used mark and reading its id and length",
    mistake: [{
      file: PACKED,
      find: "    readBarrier(memory, this.orderPlatform);\n    const id = memory.readU16(at + DESC_ID);",
      replace: "    const id = memory.readU16(at + DESC_ID);",
    }, {
      file: PACKED,
      find: 'import { generalBarrier, readBarrier, writeBarrier } from "../../../arch/barrier.ts";',
      replace: 'import { generalBarrier, writeBarrier } from "../../../arch/barrier.ts";',
    }],
    scenario: { kind: "run", line: netMachine(",packed=on", "ping 10.0.2.2 3 1000") },
    expected: { rule: "packed-read-barrier", words: /barrier/ },
  },
  {
    id: "4",
    number: 4,
    fix: "4e20fb2e",
    title:
      "packed ring: descriptors behind a chain's first have AVAIL and USED cleared, whatever the wrap counter says",
    mistake: [{
      file: PACKED,
      find: "const flags = this.availFlags | (readable ? 0 : F_WRITE)",
      replace: "const flags = (i === 0 ? this.availFlags : 0) | (readable ? 0 : F_WRITE)",
    }],
    // The control queue has chains of two descriptors.
    scenario: { kind: "run", line: netMachine(",packed=on", "ping 10.0.2.2 1") },
    expected: { rule: "packed-wrap", words: /not available in this lap/ },
  },
  {
    id: "6",
    number: 6,
    fix: "46063a15",
    title: "packed ring: the device is notified only if its event index equals the next position",
    mistake: [{
      file: PACKED,
      find: "    return back > 0 && back <= added;",
      replace: "    return added > 0 && back === 0;",
    }],
    scenario: { kind: "run", line: netMachine(",packed=on", "ping 10.0.2.2 3 1000") },
    expected: { rule: "lost-notification", words: /virtio-net-pci\.0 queue \d (was|were) published/ },
  },
  {
    id: "7a",
    number: 7,
    fix: "a042e47f",
    title: "packed ring: interrupts are disabled by writing 0, which enables them",
    mistake: [{
      file: PACKED,
      find: "const NOTIFY_DISABLE = RingEventFlags.DISABLE;",
      replace: "const NOTIFY_DISABLE = RingEventFlags.ENABLE;",
    }],
    // Interrupts that come although nobody asked for them are legal: only what stands in the ring shows it.
    scenario: { kind: "golden", files: ["packed/driver_suppress.json"] },
    expected: { words: /driver_suppress: DIFFERS at step \d+: area driver/ },
  },
  {
    id: "7b",
    number: 7,
    fix: "a042e47f",
    title:
      "packed ring: the flags of the driver's event structure are or-ed, so that 1 and 2 become the reserved 3",
    mistake: [{
      file: PACKED,
      find: "this.memory.writeU16(this.driverAt + EVENT_FLAGS, NOTIFY_DESC);",
      replace: "const flagsAt = this.driverAt + EVENT_FLAGS;\n" +
        "        this.memory.writeU16(flagsAt, this.memory.readU16(flagsAt) | NOTIFY_DESC);",
    }],
    scenario: { kind: "scene", name: "one_interrupt" },
    expected: { rule: "packed-driver-event", words: /0x3/ },
  },
  {
    id: "11",
    number: 11,
    fix: "16b3193b",
    title: "packed ring: a chain is written whether or not so many descriptors are free",
    mistake: [{
      file: PACKED,
      find: "this.admit(token, type, this.capacity);",
      replace: "this.admit(token, type, this.size);",
    }],
    scenario: { kind: "scene", name: "full_packed" },
    expected: { rule: "packed-no-room", words: /descriptor/ },
  },
  {
    id: "19",
    number: 19,
    fix: "2b900933",
    title:
      "packed ring: a descriptor counts as used if the bits that are wanted are set, which 0 always are after a wrap",
    mistake: [{
      file: PACKED,
      find: "    if ((memory.readU16(at + DESC_FLAGS) & BOTH) !== this.usedFlags) return undefined;",
      replace:
        "    if ((memory.readU16(at + DESC_FLAGS) & this.usedFlags) !== this.usedFlags) return undefined;",
    }, {
      file: PACKED,
      find: "    return (flags & BOTH) === this.usedFlags;",
      replace: "    return (flags & this.usedFlags) === this.usedFlags;",
    }],
    scenario: { kind: "run", line: rngMachine(",packed=on", "--latency 50000"), input: RNG },
    expected: { rule: "writable-buffer-read-early", words: /writable buffer/ },
  },
];
