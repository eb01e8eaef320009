import { DESC_SIZE, PackedDesc, Used } from "../../../spec/mod.ts";
import { NET_HDR_SIZE } from "../../../spec/virtio/net.ts";
import type { Difference } from "./compare.ts";
import type { Observation } from "./execute.ts";
import {
  hasMixedIds,
  hasShortList,
  hasTableBehind,
  hasTableOutside,
  offersShortControlBuffer,
  type Replayed,
  replayed,
} from "./kept_rings.ts";
import { isControlReceive, joined, namesAreaOutside, roomOf, sizesOf } from "./kept_registers.ts";
import { type Program, Ram, type Step } from "./program.ts";
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
    is: (found) => replayed(before(found)).some(hasTableBehind),
  },
  {
    // The id of a list is in its last descriptor (virtio 1.4, 2.8.6); QEMU 7.2 takes the first one's.
    id: "packed-id-of-first-descriptor",
    is: (found) =>
      onlyMemory(found) && replayed(before(found)).some((r) => hasMixedIds(r, sizesOf(before(found)))) &&
      differingBytes(found).every((at) =>
        before(found).some((s) => s.op === "ring" && s.packed && isId(at, s.desc, s.size))
      ),
  },
  {
    // A control message that its buffer is too short for (virtio 1.4, 2.7.8.2): QEMU 7.2 says that all of it was written.
    id: "console-control-length",
    is: (found) =>
      targetOf(found.program.target).device === "serial" && onlyMemory(found) &&
      replayed(before(found)).some((r) =>
        isControlReceive(r.ring, before(found)) && offersShortControlBuffer(r)
      ) &&
      differingBytes(found).every((at) =>
        before(found).some((s) =>
          s.op === "ring" && isControlReceive(s, before(found)) && isUsedLength(at, s)
        )
      ),
  },
  {
    // A frame that was too long for a chain of several buffers: QEMU 7.2 puts one descriptor back, not all of them.
    id: "packed-unpop",
    is: (found) => {
      const { packed, device } = targetOf(found.program.target);
      const steps = before(found);
      const frames = steps.flatMap((s) => s.op === "input" ? [s.hex.length / 2 + NET_HDR_SIZE] : []);
      return packed && device === "net" &&
        frames.some((n) =>
          joined(steps).some((list) => list.length > 1 && n > roomOf(list)) ||
          replayed(steps).some((r) => hasShortList(r, n))
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
    // An area of a ring that lies outside RAM, or a table: for QEMU 7.2 it is the start of RAM, to write and to read.
    id: "ring-outside-memory",
    is: (found) =>
      namesAreaOutside(before(found), targetOf(found.program.target)) &&
        (before(found).some(hasAreaBelow) ||
          (onlyMemory(found) && differingBytes(found).every((at) => at < Ram.rings))) ||
      before(found).some(hasAreaBelow) && replayed(before(found)).some(hasTableOutside),
  },
  {
    // One access over the places that notify two queues.
    id: "two-notified-at-once",
    is: ({ program, difference: { step } }) => {
      const last = program.steps[step];
      return last?.op === "reg" && last.at === "notify" && last.off % 4 + last.width > 4;
    },
  },
  {
    id: "mmio-queue-reset",
    is: (found) =>
      targetOf(found.program.target).transport === "mmio" &&
      before(found).some((s) => s.op === "reg" && s.at === "mmio" && s.off === QUEUE_RESET && s.value === 1),
  },
];

/** The id of the kept difference that this is, or undefined: then it is unexplained. */
export function keptId(found: Found): string | undefined {
  return KEPT.find((k) => k.is(found))?.id;
}

/** Whether the driver has an area of a ring where programs have nothing else. */
function hasAreaBelow(step: Step): boolean {
  return step.op === "ring" && Math.min(step.desc, step.driver, step.device) < Ram.rings;
}

/** Whether an address is in the id field of a packed ring's descriptor. */
function isId(at: number, desc: number, size: number): boolean {
  const offset = at - desc;
  return offset >= 0 && offset < size * DESC_SIZE && (offset & ~1) % DESC_SIZE === PackedDesc.ID;
}

/** Whether an address is in the length of a used entry. */
function isUsedLength(at: number, { packed, desc, device, size }: Replayed["ring"]): boolean {
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
