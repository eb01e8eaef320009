import type { Check, Value } from "../check.ts";
import { Area, FILL, type Front, MmioFront, PciFront, Ring } from "../driver/mod.ts";
import { CHARDEV, machineWords, MODERN_MMIO } from "../static/variants.ts";
import type { World } from "../world.ts";

/** A console, and two more ports: one with a name, one without. */
const PORTS =
  "-device virtconsole,chardev=c0 -device virtserialport,name=org.test.1,nr=1 -device virtserialport,nr=3";

/** The machines of the probes. Either ring: a driver that does not accept RING_PACKED has the split one. */
export const MACHINES = {
  rng: {
    pci: machineWords("q35", "-device virtio-rng-pci,rng=r0,packed=on,addr=4"),
    mmio: machineWords("microvm", `${MODERN_MMIO} -device virtio-rng-device,rng=r0,packed=on`),
  },
  console: {
    pci: machineWords("q35", `-device virtio-serial-pci,packed=on,addr=4,max_ports=5 ${CHARDEV} ${PORTS}`),
    mmio: machineWords(
      "microvm",
      `${MODERN_MMIO} -device virtio-serial-device,packed=on,max_ports=5 ${CHARDEV} ${PORTS}`,
    ),
  },
} as const;

export const VERSION_1 = 1n << 32n, PACKED = 1n << 34n, EVENT_IDX = 1n << 29n, INDIRECT = 1n << 28n;

/** Four bytes of a buffer that nobody wrote. */
const FILLED = FILL * 0x0101_0101;

export type Transport = "pci" | "mmio";
export type RingKind = "split" | "packed";

/** Drivers of worlds: where a device is and what it has takes hundreds of accesses to find out. */
const FRONTS = new WeakMap<World, Front>();

/** The device of a world, at the start of a check. */
export function frontOf(world: World): Front {
  let front = FRONTS.get(world);
  if (front === undefined) {
    front = world.platform.machine === "microvm" ? MmioFront.find(world) : PciFront.find(world);
    FRONTS.set(world, front);
  }
  return front.rewind();
}

/** Stretches of the buffers that a device wrote: offset and length. Entropy is zeros, and buffers held no zero. */
export function written(front: Front): number[][] {
  const bytes = front.bytes(Area.BUFFERS, Area.BUFFERS_SIZE);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const found: number[][] = [];
  for (let word = 0; word < words.length && found.length < 32; word++) {
    if (words[word] === FILLED) continue;
    let at = 4 * word;
    while (bytes[at] === FILL) at++;
    let end = at;
    while (end < bytes.length && bytes[end] !== FILL) end++;
    found.push([at, end - at]);
    bytes.fill(FILL, at, end);
    // More may stand in this word.
    word = Math.floor(end / 4) - 1;
  }
  bytes.fill(FILL, found.length === 32 ? 0 : bytes.length);
  return found;
}

/** An entropy device with its queue, DRIVER_OK. */
export class RngProbe {
  readonly ring: Ring;

  constructor(readonly front: Front, readonly kind: RingKind, options: {
    readonly size?: number;
    readonly features?: bigint;
    /** Where the areas are. */
    readonly at?: { desc?: number; driver?: number; device?: number };
    /** Leave DRIVER_OK to the probe. */
    readonly waits?: boolean;
  } = {}) {
    const packed = kind === "packed";
    front.negotiate(VERSION_1 | (packed ? PACKED : 0n) | (options.features ?? 0n));
    this.ring = new Ring(front, packed, 0, options.size ?? 8, options.at);
    front.setQueue(this.ring);
    if (!options.waits) front.status = 15;
    front.run();
  }

  /** Notifies, lets the device work, and tells what came of it. */
  go(kick = true): { [name: string]: Value } {
    if (kick) this.front.kick(0);
    this.front.run();
    return this.outcome();
  }
  /** Used entries, written bytes, status, interrupt status, lines, and what the device wishes to be told. */
  outcome(): { [name: string]: Value } {
    const { front, ring } = this;
    const used = ring.takeUsed().map((u) => ({ ...u }));
    const lines = front.world.takeLines();
    const result = {
      used,
      written: written(front),
      status: front.status,
      isr: front.takeIsr(),
      lines: [...lines, ...front.world.takeLines()],
      wishes: [...ring.suppression],
      generation: front.generation,
    };
    front.world.settle();
    return result;
  }
}

/** A probe of either ring on either transport. */
export interface RingQuestion {
  readonly name: string;
  readonly title: string;
  readonly spec: string;
  /** Only this ring. */
  readonly ring?: RingKind;
  /** Only on this transport; others look at what both have in common. */
  readonly transport?: Transport;
  readonly alone?: boolean;
  readonly patience?: number;
  run(front: Front, kind: RingKind): Value | Promise<Value>;
}

/**
 * A question that makes QEMU 7.2 spin for ever on the packed ring, where it refuses a chain only when it takes it: it is
 * asked there in a machine of its own, and QEMU is not given long. Over one transport, unless `both`.
 */
export function hangsIfPacked(question: RingQuestion, both = false): RingQuestion[] {
  const packed: RingQuestion = { ...question, ring: "packed", alone: true, patience: 120 };
  return [{ ...question, ring: "split" }, both ? packed : { ...packed, transport: "pci" }];
}

/** Makes checks of probes: for each transport, for each ring. */
export function ringChecks(questions: readonly RingQuestion[]): Check[] {
  const checks: Check[] = [];
  for (const transport of ["pci", "mmio"] as const) {
    for (const kind of ["split", "packed"] as const) {
      for (const q of questions) {
        if ((q.ring ?? kind) !== kind || (q.transport ?? transport) !== transport) continue;
        checks.push({
          id: `rng-${transport}/${kind}/${q.name}`,
          title: q.title,
          spec: q.spec,
          kind: "probe",
          machine: MACHINES.rng[transport],
          ...q.alone === undefined ? {} : { alone: q.alone },
          ...q.patience === undefined ? {} : { patience: q.patience },
          run: (world) => q.run(frontOf(world), kind),
        });
      }
    }
  }
  return checks;
}

/** A probe of registers: of one device, on one transport or both. */
export interface Probe<T extends Front = Front> {
  readonly name: string;
  readonly title: string;
  readonly spec: string;
  run(front: T): Value | Promise<Value>;
}

/** Makes checks of register probes. */
export function checksOf<T extends Front>(
  prefix: string,
  machine: string,
  probes: readonly Probe<T>[],
): Check[] {
  return probes.map(({ name, title, spec, run }): Check => ({
    id: `${prefix}/${name}`,
    title,
    spec,
    kind: "probe",
    machine,
    run: (world) => run(frontOf(world) as T),
  }));
}
