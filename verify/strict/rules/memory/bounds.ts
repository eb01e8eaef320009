import type { BufferView } from "../../events.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { Rule, Scene } from "../../rule.ts";
import { hex, overlap, plural } from "./support.ts";

/** Bytes of the longest load: one that begins within a buffer may go over its end. */
const WORD = 8;

/** The allocation that an access goes beyond; undefined if it does not. */
function passed(machine: MachineModel, address: number, length: number): BufferView | undefined {
  const memory = machine.allocationAt(address);
  if (memory === undefined || memory.piece || address + length <= memory.phys + memory.length) {
    return undefined;
  }
  // Memory right behind it may be a part of the same thing that was allocated on its own.
  const behind = machine.allocationAt(memory.phys + memory.length);
  return behind === undefined || behind.phys === memory.phys ? memory : undefined;
}

function report(scene: Scene, what: string, address: number, length: number, memory: BufferView): void {
  const end = memory.phys + memory.length;
  scene.report({
    found: `the driver ${what} ${plural(length, "byte")} at ${hex(address)}: "${memory.owner}" has ${
      plural(memory.length, "byte")
    } and ends at ${hex(end)}`,
    expected: `an address below ${hex(end)}`,
    evidence: [{ what: memory.owner, address: memory.phys, value: `${memory.length} bytes` }],
  });
}

/** What lies behind the end is nobody's, or somebody else's. */
export const BEYOND_ALLOCATION: Rule = {
  id: "memory-beyond-allocation",
  clauses: [],
  level: "warning",
  section: "no clause: who asks for so many bytes has so many",
  title: "The driver stays within the device memory that it asked for",
  hint:
    "Compare offset and length with what was allocated. Pages are given out as a whole, so nothing goes wrong here; with " +
    "another allocator the bytes behind the end belong to somebody else.",
  watch: (scene) => ({
    write({ address, length }) {
      const memory = passed(scene.machine, address, length);
      if (memory !== undefined) report(scene, "wrote", address, length, memory);
    },
    read({ address, length }) {
      const memory = passed(scene.machine, address, length);
      if (memory === undefined) return;
      const begins = address < memory.phys + memory.length;
      if (!begins || length > WORD) report(scene, "read", address, length, memory);
    },
  }),
};

/** An allocator that has lost count. */
export const GIVEN_TWICE: Rule = {
  id: "memory-given-twice",
  clauses: [],
  level: "violation",
  section: "no clause: memory has one owner",
  title: "Device memory that is given out belongs to nobody else",
  hint:
    "The allocator has given out what it had given out before and not got back: was it marked as taken, and was what was " +
    "freed really its own?",
  watch(scene) {
    // A piece may begin where its allocation does.
    const live = { whole: new Map<number, BufferView>(), pieces: new Map<number, BufferView>() };
    const of = ({ piece }: BufferView) => piece ? live.pieces : live.whole;
    return {
      allocated(buffer) {
        const { phys, length, owner } = buffer;
        const known = of(buffer);
        const other = [...known.values()].find((b) => overlap(b.phys, b.length, phys, length));
        known.set(phys, buffer);
        if (other === undefined) return;
        scene.report({
          found:
            `${plural(length, "byte")} at ${hex(phys)} were given to "${owner}", and "${other.owner}" has ` +
            `${plural(other.length, "byte")} at ${hex(other.phys)}`,
          expected: "memory that is free",
          evidence: [{ what: other.owner, address: other.phys, value: `${other.length} bytes` }],
        });
      },
      freed: (buffer) => void of(buffer).delete(buffer.phys),
    };
  },
};
