import type { DriverWrite } from "../../events.ts";
import type { Chain, Segment } from "../../model/chain.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene } from "../../rule.ts";
import { chainFaultRule } from "./chain_fault.ts";
import { chainName, descriptorAt, hex, stretch } from "./support.ts";

const PHYSICAL = "drivernormative:Reserved Feature Bits#5";

/** Addresses in descriptors are guest-physical. */
export const BUFFER_NOT_IN_RAM = chainFaultRule({
  id: "buffer-not-in-ram",
  clauses: [PHYSICAL],
  level: "violation",
  section: "virtio 1.4, 6.1",
  title: "Addresses in descriptors are physical addresses of memory",
  hint:
    "A virtual address must be translated first (phys of the buffer, not virt). Are both halves of the 64 bits " +
    "written, low half first?",
  ring: "both",
  kinds: ["memory"],
  expected: "a physical address of RAM",
});

/** A stretch that a chain names: a buffer, or its indirect table. */
interface Named extends Pick<Segment, "address" | "length"> {
  readonly what: "buffer" | "indirect table";
  readonly descriptor: number;
}

function namedBy(queue: QueueModel, chain: Chain): Named[] {
  const named: Named[] = chain.segments.map((s) => ({ ...s, what: "buffer" }));
  if (chain.table !== undefined) {
    const descriptor = queue.ring!.addressOf("descriptor", chain.descriptors[0]);
    named.push({ ...chain.table, what: "indirect table", descriptor });
  }
  return named;
}

const page = (address: number): number => Math.floor(address / 4096);

/** Goes through what chains name that is RAM, where somebody tells of allocations at all. */
function watchNamed(scene: Scene, look: (queue: QueueModel, chain: Chain, named: Named) => void) {
  let known = false;
  /** Pages that nobody allocated and the driver writes: memory that it has of its own, as a kernel's image has. */
  const own = new Set<number>();
  const isOwn = ({ address, length }: Named) =>
    scene.machine.allocationAt(address) === undefined && own.has(page(address)) &&
    own.has(page(address + length - 1));
  return {
    allocated() {
      known = true;
    },
    write({ address, length }: DriverWrite) {
      const { machine } = scene;
      if (machine.allocationAt(address) !== undefined || machine.wasFreed(address) !== undefined) return;
      for (let at = page(address); at <= page(address + length - 1); at++) own.add(at);
    },
    published(queue: QueueModel, chain: Chain) {
      if (!known) return;
      for (const named of namedBy(queue, chain)) {
        if (named.length > 0 && scene.machine.isRam(named.address, named.length) && !isOwn(named)) {
          look(queue, chain, named);
        }
      }
    },
  };
}

/** Memory that was given back is somebody else's. */
export const BUFFER_FREED: Rule = {
  id: "buffer-freed",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.6",
  title: "A device is given memory that is allocated, none that was freed",
  hint:
    "Free a buffer when it has come back and will not be made available again. Was this one freed twice, or used " +
    "after it was freed?",
  watch: (scene) =>
    watchNamed(scene, (queue, chain, named) => {
      const { machine } = scene;
      const freed = machine.allocationAt(named.address) === undefined
        ? machine.wasFreed(named.address)
        : undefined;
      if (freed === undefined) return;
      scene.report({
        device: queue.device,
        queue,
        found:
          `${chainName(queue, chain)}: the ${named.what} of ${stretch(named)} is memory that was freed ` +
          `(it was "${freed.owner}")`,
        expected: "memory that is allocated until the device has used the chain",
        evidence: [descriptorAt(scene, queue, named.descriptor)],
        place: chain.place,
      });
    }),
};

/** A device must not reach what lies behind a buffer. */
export const BUFFER_TOO_LONG: Rule = {
  id: "buffer-too-long",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 2.6",
  title: "A buffer lies within memory that was allocated for devices, from its first byte to its last",
  hint:
    "Compare address and length of the descriptor with those of the allocation. The length is that of the buffer " +
    "in bytes, from the address on.",
  watch: (scene) =>
    watchNamed(scene, (queue, chain, named) => {
      const fault = outside(scene, named);
      if (fault === undefined) return;
      scene.report({
        device: queue.device,
        queue,
        found: `${chainName(queue, chain)}: the ${named.what} of ${stretch(named)} ${fault.found}`,
        expected: fault.expected,
        evidence: [descriptorAt(scene, queue, named.descriptor)],
        place: chain.place,
      });
    }),
};

function outside(scene: Scene, named: Named): { found: string; expected: string } | undefined {
  const { machine } = scene;
  const memory = machine.allocationAt(named.address);
  if (memory === undefined) {
    // Freed memory has a rule of its own.
    if (machine.wasFreed(named.address) !== undefined) return undefined;
    return {
      found: "is no memory that was allocated for devices",
      expected: "memory of the device allocator",
    };
  }
  const end = memory.phys + memory.length;
  if (named.address + named.length <= end) return undefined;
  // Of a table's piece only its own bytes count; a buffer may go on in the next allocation by no right either.
  return {
    found: `goes ${named.address + named.length - end} bytes beyond the end, ${
      hex(end)
    }, of "${memory.owner}"`,
    expected: `at most ${end - named.address} bytes there`,
  };
}
