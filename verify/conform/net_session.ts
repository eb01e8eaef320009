import type { Check, Value } from "./check.ts";
import {
  Area,
  buffer,
  type Desc,
  FILL,
  findVirtio,
  type Front,
  MmioFront,
  PciFront,
  Ring,
  W,
} from "./driver/mod.ts";
import { MODERN_MMIO } from "./static/variants.ts";
import type { World } from "./world.ts";

const HUB = "-m 16M -nodefaults -netdev hubport,id=h0,hubid=0 -netdev hubport,id=h1,hubid=0";

/** Somebody else on the hub who takes every frame: so a sender never waits. */
const LISTENER = " -netdev user,id=u0,ipv6=off -netdev hubport,id=h2,hubid=0,netdev=u0";

/** Two cards on a hub: the one that is looked at, and its peer. */
export const netWords = (transport: Transport, options = "", listener = false): string => {
  const hub = listener ? HUB + LISTENER : HUB;
  return transport === "pci"
    ? `-machine q35 ${hub} -device virtio-net-pci,netdev=h0,packed=on,mq=on,addr=4${options} ` +
      "-device virtio-net-pci,netdev=h1,addr=5"
    : `-machine microvm ${MODERN_MMIO} ${hub} ` +
      `-device virtio-net-device,netdev=h0,packed=on,mq=on,bus=virtio-mmio-bus.0${options} ` +
      "-device virtio-net-device,netdev=h1,bus=virtio-mmio-bus.1";
};

export const VERSION_1 = 1n << 32n, PACKED = 1n << 34n, EVENT_IDX = 1n << 29n, MRG = 1n << 15n;
export type Transport = "pci" | "mmio";
export type RingKind = "split" | "packed";
export const RX = 0, TX = 1, CTRL = 2;
/** Bytes of the header with VERSION_1. */
export const HEADER = 12;
const RING_SIZE = 16;
/** Queue areas and buffers of the peer follow the card's. */
const PEER_QUEUE = 4, PEER_BUFFER = 32;

const FRONTS = new WeakMap<World, [Front, Front]>();

function frontsOf(world: World): [Front, Front] {
  let fronts = FRONTS.get(world);
  if (fronts === undefined) {
    fronts = world.platform.machine === "microvm"
      ? [new MmioFront(world, 0), new MmioFront(world, 1)]
      : findVirtio(world).map((place, n) => new PciFront(world, place, n)) as unknown as [Front, Front];
    FRONTS.set(world, fronts);
  }
  return fronts;
}

/** A card and what its driver has set up. */
export class Nic {
  readonly rings: Ring[] = [];
  private heads = [0, 0, 0];
  private buffers: number;

  constructor(readonly front: Front, private readonly peer: boolean) {
    this.buffers = peer ? PEER_BUFFER : 0;
  }
  /** From reset to DRIVER_OK with these features; `waits`: all but DRIVER_OK. */
  start(features: bigint, waits = false): this {
    this.front.negotiate(features);
    for (const index of [RX, TX, CTRL]) this.setUp(index, (features & PACKED) !== 0n);
    if (!waits) this.go();
    return this;
  }
  /** A queue, empty. */
  setUp(index: number, packed: boolean): void {
    const at = Area.QUEUES + (index + (this.peer ? PEER_QUEUE : 0)) * Area.QUEUE_STRIDE;
    const ring = new Ring(this.front, packed, index, RING_SIZE, {
      desc: at,
      driver: at + 0x5000,
      device: at + 0x8000,
    });
    this.rings[index] = ring;
    // The peer's interrupts are nobody's concern.
    if (this.peer) ring.setInterrupts(1);
    this.heads[index] = 0;
    this.front.setQueue(ring);
  }
  go(): this {
    this.front.status = 15;
    this.front.run();
    return this;
  }
  /** Room for the next buffer; each has a page. */
  room(bytes?: Uint8Array): number {
    const at = buffer(this.buffers++);
    if (bytes !== undefined) this.front.bytes(at, bytes.length).set(bytes);
    return at;
  }
  /** Makes a chain available. */
  give(queue: number, list: readonly Desc[], kick = true): this {
    this.rings[queue].chain(list, this.heads[queue]);
    this.heads[queue] = (this.heads[queue] + list.length) % RING_SIZE;
    if (kick) this.kick(queue);
    return this;
  }
  kick(queue: number): void {
    this.front.kick(queue);
    this.front.run();
  }
  /** Receive buffers of these lengths; where they lie. */
  receive(...lengths: number[]): number[] {
    const places = lengths.map(() => this.room());
    lengths.forEach((len, i) =>
      this.give(RX, [{ addr: places[i], len, flags: W }], i === lengths.length - 1)
    );
    return places;
  }
  /** Sends a frame behind a header of zeros. */
  send(frame: Uint8Array, kick = true, header = HEADER): this {
    const bytes = new Uint8Array(header + frame.length);
    bytes.set(frame, header);
    return this.give(TX, [{ addr: this.room(bytes), len: bytes.length }], kick);
  }
  /** A command; the answer, or "none". */
  command(...bytes: number[]): Value {
    const answer = this.room();
    this.give(CTRL, [{ addr: this.room(Uint8Array.from(bytes)), len: bytes.length }, {
      addr: answer,
      len: 1,
      flags: W,
    }]);
    const used = this.used(CTRL);
    return used.length === 0 ? "none" : [this.front.bytes(answer, 1)[0], ...used.map((u) => u.len)];
  }
  used(queue: number): { id: number; len: number }[] {
    return this.rings[queue].takeUsed().map(({ id, len }) => ({ id, len }));
  }
  /** What a driver sees: used entries and wishes of each queue, status, interrupt status, generation. */
  seen(): { [name: string]: Value } {
    const { front } = this;
    const queues = ["rx", "tx", "ctrl"].map((name, i): [string, Value] => [
      name,
      { used: this.used(i), wishes: [...this.rings[i].suppression] },
    ]);
    return {
      ...Object.fromEntries(queues),
      status: front.status,
      lines: front.world.takeLines(),
      isr: front.takeIsr(),
      generation: front.generation,
    };
  }
  /** `length` bytes of memory, hexadecimal; a run of bytes that nobody wrote is `..`. */
  show(at: number, length: number): string {
    return this.front.bytes(at, length).toHex().replace(new RegExp(`(${FILL.toString(16)})+`, "g"), "..");
  }
}

/** Both cards of a world, at the start of a check; the peer is up and ready to send. */
export function cardsOf(world: World): { card: Nic; peer: Nic } {
  const [first, second] = frontsOf(world);
  second.rewind();
  const card = new Nic(first.rewind(), false);
  const peer = new Nic(second, true).start(VERSION_1 | MRG);
  return { card, peer };
}

/** A frame for `to` (hexadecimal), `length` bytes long. */
export function frameTo(to: string, length = 60, type = "88b5"): Uint8Array {
  const frame = new Uint8Array(length).map((_, i) => i + 1);
  frame.set(Uint8Array.fromHex(`${to}020000000001${type}`).subarray(0, length));
  return frame;
}
export const OURS = "525400123456",
  OTHER = "02000000000a",
  MULTICAST = "01005e000001",
  BROADCAST = "ffffffffffff";

/** A question about cards, on each ring and transport. */
export interface NetQuestion {
  readonly name: string;
  readonly title: string;
  readonly spec: string;
  readonly ring?: RingKind;
  readonly transport?: Transport;
  /** Properties of the card: `,x-txburst=2`. */
  readonly options?: string;
  /** Somebody else on the hub takes every frame. */
  readonly listener?: boolean;
  readonly alone?: boolean;
  /** @param ring the feature that chooses the ring. */
  run(cards: { card: Nic; peer: Nic }, ring: bigint): Value;
}

/** Makes checks of questions. */
export function netChecksOf(questions: readonly NetQuestion[]): Check[] {
  const checks: Check[] = [];
  for (const transport of ["pci", "mmio"] as const) {
    for (const kind of ["split", "packed"] as const) {
      for (const q of questions) {
        if ((q.ring ?? kind) !== kind || (q.transport ?? transport) !== transport) continue;
        checks.push({
          id: `net-${transport}/${kind}/${q.name}`,
          title: q.title,
          spec: q.spec,
          kind: "probe",
          machine: netWords(transport, q.options, q.listener),
          ...q.alone === undefined ? {} : { alone: q.alone },
          run: (world) => q.run(cardsOf(world), kind === "packed" ? PACKED : 0n),
        });
      }
    }
  }
  return checks;
}
