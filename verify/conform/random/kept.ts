import { Avail, ConsoleQueue, DESC_SIZE, DescF, PackedDesc, SplitDesc, Used } from "../../../spec/mod.ts";
import type { Difference } from "./compare.ts";
import type { Observation } from "./execute.ts";
import { type Program, Ram, type Step } from "./program.ts";
import { DriverRing } from "./ring.ts";
import { targetOf } from "./targets.ts";

/** A difference of a program, and both sides of it. */
export interface Found {
  readonly program: Program;
  readonly difference: Difference;
  readonly simulated: readonly Observation[];
  readonly qemu: readonly Observation[];
}

const NEEDS_RESET = 0x40;
const QUEUE_RESET = 0xc0;

/** Steps up to and with the one where the difference is. */
const before = ({ program, difference }: Found) => program.steps.slice(0, difference.step + 1);
const onlyMemory = ({ difference: { fields } }: Found) => fields.length === 1 && fields[0] === "memory";

/** Which kept difference (an id of `differences.ts`) a program has shown, by what the program did. */
export const KEPT: readonly { readonly id: string; is(found: Found): boolean }[] = [
  {
    // A chain that is refused as it is taken off a packed ring: the entropy device asks its back end again, for ever.
    id: "packed-readable-after-writable-hangs",
    is: ({ program, difference: { step }, qemu }) => {
      const { packed, device } = targetOf(program.target);
      return packed && device === "rng" && qemu[step]?.gone === "Hung";
    },
  },
  {
    // A table behind other buffers of a chain (virtio 1.4, 2.7.5.3.2), which QEMU 7.2 takes for a buffer.
    id: "indirect-behind-buffers",
    is: (found) => ringsOf(before(found)).some(hasTableBehind),
  },
  {
    // The id of a list is in its last descriptor (virtio 1.4, 2.8.6); QEMU 7.2 takes the first one's.
    id: "packed-id-of-first-descriptor",
    is: (found) =>
      onlyMemory(found) &&
      differingBytes(found).every((at) =>
        before(found).some((s) => s.op === "ring" && s.packed && isId(at, s.desc, s.size))
      ),
  },
  {
    // A control message that its buffer is too short for (virtio 1.4, 2.7.8.2): QEMU 7.2 says that all of it was written.
    id: "console-control-length",
    is: (found) =>
      targetOf(found.program.target).device === "serial" && onlyMemory(found) &&
      differingBytes(found).every((at) =>
        before(found).some((s) => s.op === "ring" && s.q === ConsoleQueue.CTRL_RECEIVE && isUsedLength(at, s))
      ),
  },
  {
    // A frame that was too long for a chain of several buffers: QEMU 7.2 puts one descriptor back, not all of them.
    id: "packed-unpop",
    is: (found) => {
      const { packed, device } = targetOf(found.program.target);
      return packed && device === "net" &&
        before(found).some((chain, i, steps) =>
          chain.op === "chain" && chain.q === 0 && chain.d.length > 1 &&
          steps.some((s, k) => k !== i && s.op === "input" && s.hex.length / 2 + 12 > roomOf(chain))
        );
    },
  },
  {
    // A receive queue of a packed ring that is broken: QEMU 7.2 looks at it, and complains, for ever.
    id: "packed-receive-error-repeats",
    is: ({ program, difference: { step, fields }, simulated }) => {
      const { packed, device } = targetOf(program.target);
      return packed && device === "serial" &&
        fields.every((f) => f === "value" || f === "end" || f === "isr") &&
        simulated.slice(0, step).some((o) => ((o.status ?? 0) & NEEDS_RESET) !== 0);
    },
  },
  {
    // INTX_DISABLE written in a byte of its own: QEMU 7.2 looks at COMMAND only if its first byte is written.
    id: "intx-disable-in-a-byte",
    is: (found) =>
      found.difference.fields.every((f) => f === "lines") &&
      before(found).some((s) => s.op === "reg" && s.at === "cfg" && s.off === 5 && s.value !== undefined),
  },
  {
    // QEMU 7.2 ends on an assertion: an index beyond the areas that it found when the queue was enabled.
    id: "qemu-assertion",
    is: ({ difference: { step }, simulated, qemu }) =>
      (qemu[step]?.gone ?? "").startsWith("Assertion") && simulated[step]?.gone === undefined,
  },
  {
    // An area of a ring that lies outside RAM: what QEMU 7.2 writes there ends up at the start of RAM.
    id: "ring-outside-memory",
    is: (found) =>
      onlyMemory(found) && differingBytes(found).every((at) => at < Ram.rings) &&
      before(found).some((s) =>
        s.op === "reg" && s.value !== undefined && s.value !== 0 &&
        (s.at === "common" ? s.off >= 0x20 && s.off < 0x38 : s.at === "mmio" && s.off >= 0x80 && s.off < 0xa8)
      ),
  },
  {
    id: "mmio-queue-reset",
    is: (found) =>
      before(found).some((s) => s.op === "reg" && s.at === "mmio" && s.off === QUEUE_RESET && s.value === 1),
  },
];

/** The id of the kept difference that this is, or undefined: then it is unexplained. */
export function keptId(found: Found): string | undefined {
  return KEPT.find((k) => k.is(found))?.id;
}

/** Bytes that a device may write of a chain. */
function roomOf({ d }: Extract<Step, { op: "chain" }>): number {
  return d.reduce((n, each) => n + (((each.f ?? 0) & DescF.WRITE) === 0 ? 0 : each.n), 0);
}

/** Whether an address is in the id field of a packed ring's descriptor. */
function isId(at: number, desc: number, size: number): boolean {
  const offset = at - desc;
  return offset >= 0 && offset < size * DESC_SIZE && (offset & ~1) % DESC_SIZE === PackedDesc.ID;
}

/** Whether an address is in the length of a used entry. */
function isUsedLength(at: number, { packed, desc, device, size }: RingStep): boolean {
  if (packed) {
    return at >= desc && at < desc + size * DESC_SIZE && ((at - desc) % DESC_SIZE & ~3) === PackedDesc.LEN;
  }
  const offset = at - device - Used.RING;
  return offset >= 0 && offset < size * Used.ELEM_SIZE && offset % Used.ELEM_SIZE >= 4;
}

/** Addresses of bytes that were written differently in the step that differs. */
function differingBytes({ difference: { step }, simulated, qemu }: Found): number[] {
  const [a, b] = [bytesOf(simulated[step]?.memory), bytesOf(qemu[step]?.memory)];
  return [...new Set([...a.keys(), ...b.keys()])].filter((at) => a.get(at) !== b.get(at));
}
function bytesOf(memory = ""): Map<number, string> {
  const found = new Map<number, string>();
  for (const part of memory.split(" ").filter((p) => p !== "")) {
    const [at, hex] = part.split(":");
    for (let i = 0; i < hex.length; i += 2) found.set(parseInt(at, 16) + i / 2, hex.slice(i, i + 2));
  }
  return found;
}

type RingStep = Extract<Step, { op: "ring" }>;

/** The split rings of a program, and the memory in which its steps leave them. */
function ringsOf(steps: readonly Step[]): { ring: RingStep; memory: DataView }[] {
  const memory = new DataView(new ArrayBuffer(Ram.end));
  const inside = (at: number, length: number) => at >= 0 && at + length <= Ram.end;
  const ram = {
    bytes: (at: number, bytes: Uint8Array) => {
      if (inside(at, bytes.length)) new Uint8Array(memory.buffer).set(bytes, at);
    },
    u16: (at: number, value: number) => {
      if (inside(at, 2)) memory.setUint16(at, value, true);
    },
    u32: (at: number, value: number) => {
      if (inside(at, 4)) memory.setUint32(at, value, true);
    },
    fill: (at: number, length: number) => {
      if (inside(at, length)) new Uint8Array(memory.buffer).fill(0, at, at + length);
    },
  };
  const rings = new Map<number, DriverRing>();
  for (const step of steps) {
    if (step.op === "ring") rings.set(step.q, new DriverRing(step, ram));
    else if (step.op === "chain") rings.get(step.q)?.chain(step);
    else if (step.op === "publish") rings.get(step.q)?.publish(step.jump ?? 0);
    else if (step.op === "poke") ram.bytes(step.at, Uint8Array.fromHex(step.hex));
  }
  return [...rings.values()].map(({ setup }) => ({ ring: setup, memory }));
}

/** Whether a chain of a split ring goes on to a descriptor that names a table. */
function hasTableBehind({ ring, memory }: { ring: RingStep; memory: DataView }): boolean {
  const ends = [ring.desc + ring.size * DESC_SIZE, ring.driver + Avail.RING + 2 * ring.size];
  if (ring.packed || ends.some((end) => end > Ram.end)) return false;
  for (let entry = 0; entry < ring.size; entry++) {
    let slot = memory.getUint16(ring.driver + Avail.RING + 2 * entry, true);
    for (let count = 0; count < ring.size && slot < ring.size; count++) {
      const flags = memory.getUint16(ring.desc + slot * DESC_SIZE + SplitDesc.FLAGS, true);
      if (count > 0 && (flags & DescF.INDIRECT) !== 0) return true;
      if ((flags & DescF.NEXT) === 0 || (count === 0 && (flags & DescF.INDIRECT) !== 0)) break;
      slot = memory.getUint16(ring.desc + slot * DESC_SIZE + SplitDesc.NEXT, true);
    }
  }
  return false;
}
