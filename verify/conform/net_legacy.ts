import { NetF } from "../../spec/virtio/features.ts";
import type { Check, Value } from "./check.ts";
import { Area, type Desc, LegacyPorts, type PciFront, Port, type Ring, W } from "./driver/mod.ts";
import { BROADCAST, cardsOf, CTRL, frameTo, netWords, type Nic, OTHER, OURS, RX, TX } from "./net_session.ts";

const SPEC = "virtio 1.4, 5.1";
/** Bytes of the header before virtio 1.0, and with MRG_RXBUF. */
const HEADER = 10, LONG_HEADER = 12;
const { MAC, MRG_RXBUF, CTRL_VQ, CTRL_MAC_ADDR } = NetF;
const BAD = 2 ** 30;
/** Where the card's own configuration begins: MSI-X is off. */
const CONFIG = 20;

/** A card that is driven through its ports. */
class LegacyNic {
  readonly ports: LegacyPorts;
  readonly rings: Ring[];

  constructor(readonly card: Nic, features: bigint) {
    this.ports = new LegacyPorts(card.front as PciFront).begin(Number(features));
    card.front.bytes(Area.QUEUES, 3 * Area.QUEUE_STRIDE).fill(0);
    this.rings = [RX, TX, CTRL].map((index) => this.ports.place(index));
    this.ports.status = 7;
    card.front.run();
  }
  give(queue: number, list: readonly Desc[]): void {
    const ring = this.rings[queue];
    ring.chain(list, 8 * ring.availIdx % ring.size);
    this.ports.kick(queue);
  }
  /** A receive buffer; where it lies. */
  receive(length: number): number {
    const addr = this.card.room();
    this.give(RX, [{ addr, len: length, flags: W }]);
    return addr;
  }
  send(frame: Uint8Array, header: number): void {
    const bytes = new Uint8Array(header + frame.length);
    bytes.set(frame, header);
    this.give(TX, [{ addr: this.card.room(bytes), len: bytes.length }]);
  }
  /** The address that the card says it has. */
  get mac(): number[] {
    return Array.from({ length: 6 }, (_, i) => this.ports.in(CONFIG + i, 1));
  }
  seen(): Value {
    const lines = this.ports.front.world.takeLines();
    return {
      used: this.rings.map((ring) => ring.takeUsed().map(({ id, len }) => [id, len])),
      status: this.ports.status,
      isr: this.ports.in(Port.ISR, 1),
      lines: [...lines, ...this.ports.front.world.takeLines()],
    };
  }
}

const questions: readonly [name: string, title: string, (card: Nic, peer: Nic) => Value][] = [
  ["bad-features", "bit 30 accepted: what drivers understood that did so", (card) => {
    const p = new LegacyNic(card, 0n).ports;
    return [BAD, BAD + 1, 0xffff_ffff].map((features) => {
      p.begin(features);
      return p.in(Port.FEATURES, 4);
    });
  }],
  [
    "receive",
    "received frames: a header of 10 bytes, of 12 with MRG_RXBUF",
    (card, peer) =>
      [0n, MRG_RXBUF].map((features) => {
        const nic = new LegacyNic(card, features);
        const at = nic.receive(200);
        peer.send(frameTo(OURS));
        return { memory: card.show(at, 200), ...nic.seen() as Record<string, Value> };
      }),
  ],
  [
    "transmit",
    "sent frames: a header of 10 bytes, of 12 with MRG_RXBUF",
    (card, peer) =>
      ([[0n, HEADER], [MRG_RXBUF, LONG_HEADER]] as const).map(([features, header]) => {
        const [at] = peer.receive(200);
        const nic = new LegacyNic(card, features);
        nic.send(frameTo(OTHER), header);
        peer.front.run();
        return { seen: nic.seen(), used: peer.used(RX), memory: peer.show(at, 100) };
      }),
  ],
  [
    "mac",
    "the card's address, written to its configuration",
    (card) =>
      [0n, MAC, CTRL_VQ | CTRL_MAC_ADDR].map((features) => {
        const nic = new LegacyNic(card, features);
        for (const [i, byte] of Uint8Array.fromHex(OTHER).entries()) nic.ports.out(CONFIG + i, 1, byte);
        const { mac } = nic;
        nic.ports.out(CONFIG + 4, 2, 0x0b01);
        nic.ports.out(CONFIG + 6, 2, 0);
        const pieces = nic.mac;
        nic.ports.status = 0;
        return { mac, pieces, reset: nic.mac };
      }),
  ],
  ["control", "a command, and the address that it sets", (card) => {
    const nic = new LegacyNic(card, CTRL_VQ | CTRL_MAC_ADDR);
    const answer = card.room();
    const command = card.room(Uint8Array.from([1, 1, ...Uint8Array.fromHex(OTHER)]));
    nic.give(CTRL, [{ addr: command, len: 2 }, { addr: command + 2, len: 6 }, {
      addr: answer,
      len: 1,
      flags: W,
    }]);
    return { answer: card.show(answer, 2), mac: nic.mac, seen: nic.seen() };
  }],
  ["waiting", "frames that wait for buffers, and for the notification", (card, peer) => {
    const nic = new LegacyNic(card, 0n);
    for (const length of [60, 61]) peer.send(frameTo(BROADCAST, length));
    const before = nic.seen();
    const first = nic.receive(100);
    const after = nic.seen();
    const second = nic.receive(100);
    return { before, after, then: nic.seen(), memory: [card.show(first, 100), card.show(second, 100)] };
  }],
];

/** A network card on its ports. */
export const netLegacyChecks: readonly Check[] = questions.map(([name, title, run]): Check => ({
  id: `net-pci/legacy/${name}`,
  title,
  spec: SPEC,
  kind: "probe",
  // With somebody else who takes every frame, those that wait for the card keep their order.
  machine: netWords("pci", "", true),
  run: (world) => {
    const { card, peer } = cardsOf(world);
    return run(card, peer);
  },
}));
