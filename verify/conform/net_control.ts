import type { Value } from "./check.ts";
import { type Desc, W } from "./driver/mod.ts";
import {
  BROADCAST,
  CTRL,
  frameTo,
  MULTICAST,
  type NetQuestion,
  type Nic,
  OTHER,
  OURS,
  VERSION_1,
} from "./net_session.ts";

const FILTER = "virtio 1.4, 5.1.6.5.1", TABLE = "virtio 1.4, 5.1.6.5.2", VLAN = "virtio 1.4, 5.1.6.5.3";
const CTRL_VLAN = 1n << 19n, CTRL_MAC = 1n << 23n, MQ = 1n << 22n, OFFLOADS = 1n << 2n;

const le32 = (n: number) => [n & 255, n >>> 8 & 255, n >>> 16 & 255, n >>> 24 & 255];
const mac = (text: string) => [...Uint8Array.fromHex(text)];
const list = (addresses: readonly string[]) => [...le32(addresses.length), ...addresses.flatMap(mac)];
const many = (n: number) => Array.from({ length: n }, (_, i) => `02000000010${(i & 15).toString(16)}`);
const NOT_PROMISC = [0, 0, 0];

const tagged = (id: number) => {
  const frame = frameTo(OURS, 60, "8100");
  frame[14] = 0xa0 | id >> 8;
  frame[15] = id;
  return frame;
};
const KINDS: Record<string, Uint8Array> = {
  ours: frameTo(OURS),
  other: frameTo(OTHER),
  multicast: frameTo(MULTICAST),
  broadcast: frameTo(BROADCAST),
};
const TAGS: Record<string, Uint8Array> = { "tag 0": tagged(0), "tag 1": tagged(1), "tag 4095": tagged(4095) };

/** Which frames reach the driver. */
function passing(card: Nic, peer: Nic, frames = KINDS): Value {
  return Object.entries(frames).filter(([, frame]) => {
    peer.send(frame);
    return card.used(0).length > 0;
  }).map(([name]) => name);
}

/** Commands, one after the other, and what passes then. */
const commands = (
  name: string,
  title: string,
  spec: string,
  steps: readonly (readonly number[])[],
  more: {
    readonly features?: bigint;
    readonly frames?: Record<string, Uint8Array>;
    readonly each?: boolean;
  } = {},
): NetQuestion => ({
  name: `control/${name}`,
  title,
  spec,
  run({ card, peer }, ring) {
    card.start(VERSION_1 | (more.features ?? 0n) | ring);
    // Page for page would not do: these share one.
    const at = card.room();
    for (let i = 0; i < 8; i++) card.give(0, [{ addr: at, len: 200, flags: W }], i === 7);
    const answers = steps.map((step) => card.command(...step));
    const { status, isr } = card.seen();
    const config = Array.from({ length: 10 }, (_, i) => card.front.config(i, 1));
    return { answers, status, isr, config, passing: passing(card, peer, more.frames) };
  },
});
/** Command chains of other shapes. */
const shapes = (name: string, title: string, chain: (card: Nic) => readonly Desc[]): NetQuestion => ({
  name: `control/shape/${name}`,
  title,
  spec: "virtio 1.4, 5.1.6.5",
  run({ card }, ring) {
    card.start(VERSION_1 | ring);
    const made = chain(card);
    card.give(CTRL, made);
    const seen = card.seen();
    const answers = made.filter((d) => ((d.flags ?? 0) & W) !== 0).map((d) => card.show(Number(d.addr), 4));
    return { seen, answers, next: card.command(0, 0, 1), after: card.seen() };
  },
});
const out = (card: Nic, ...bytes: number[]): Desc => ({
  addr: card.room(Uint8Array.from(bytes)),
  len: bytes.length,
});
const answer = (card: Nic, len = 1): Desc => ({ addr: card.room(), len, flags: W });

/** Commands to the card, and what they change. */
export const controlQuestions: readonly NetQuestion[] = [
  commands("none", "promiscuous at first", FILTER, []),
  ...["promisc", "allmulti", "alluni", "nomulti", "nouni", "nobcast"].flatMap((name, command) =>
    [0, 1].map((on) =>
      commands(`mode/${name}-${on}`, `receive mode ${name}=${on}, not promiscuous before`, FILTER, [
        NOT_PROMISC,
        [0, command, on],
      ])
    )
  ),
  commands("mode/nomulti-beats", "NOMULTI and ALLMULTI", FILTER, [NOT_PROMISC, [0, 1, 1], [0, 3, 1]]),
  commands("mode/nouni-beats", "NOUNI and ALLUNI", FILTER, [NOT_PROMISC, [0, 2, 1], [0, 4, 1]]),
  commands("mode/nobcast-beats", "NOBCAST and ALLMULTI", FILTER, [NOT_PROMISC, [0, 1, 1], [0, 5, 1]]),
  commands("mode/promisc-beats", "PROMISC and the modes that refuse", FILTER, [[0, 3, 1], [0, 4, 1], [
    0,
    5,
    1,
  ]]),
  commands("mode/wrong", "modes that do not exist, without a value, with more, with 255", FILTER, [
    [0, 6, 1],
    [0, 255, 1],
    [0, 1],
    [0, 0, 255, 9, 9],
    NOT_PROMISC,
    [0, 2, 2],
  ]),
  commands("table/set", "MAC table with one address of each kind", TABLE, [NOT_PROMISC, [
    1,
    0,
    ...list([OTHER]),
    ...list([MULTICAST]),
  ]]),
  commands("table/emptied", "a table, then an empty one", TABLE, [
    NOT_PROMISC,
    [1, 0, ...list([OTHER]), ...list([MULTICAST])],
    [1, 0, ...list([]), ...list([])],
  ]),
  commands("table/wrong", "tables that are cut short, or too long", TABLE, [
    NOT_PROMISC,
    [1, 0],
    [1, 0, 1, 0],
    [1, 0, ...list([OTHER])],
    [1, 0, ...le32(2), ...mac(OTHER)],
    [1, 0, ...list([OTHER]), ...le32(1)],
    [1, 0, ...list([OTHER]), ...list([MULTICAST]), 0],
    [1, 2, ...list([OTHER]), ...list([])],
  ]),
  commands("table/64-unicast", "64 unicast addresses", TABLE, [NOT_PROMISC, [
    1,
    0,
    ...list(many(64)),
    ...list([]),
  ]]),
  commands("table/65-unicast", "65 unicast addresses", TABLE, [NOT_PROMISC, [
    1,
    0,
    ...list(many(65)),
    ...list([]),
  ]]),
  commands("table/65-multicast", "65 multicast addresses", TABLE, [NOT_PROMISC, [
    1,
    0,
    ...list([]),
    ...list(many(65)),
  ]]),
  commands("table/60-and-5", "60 and 5 addresses", TABLE, [NOT_PROMISC, [
    1,
    0,
    ...list(many(60)),
    ...list(many(5)),
  ]]),
  commands("table/kinds-mixed", "a multicast address among the unicast ones, and the reverse", TABLE, [
    NOT_PROMISC,
    [1, 0, ...list([MULTICAST]), ...list([OTHER])],
  ]),
  commands("table/count-wraps", "a count whose length wraps to 2 bytes", TABLE, [
    NOT_PROMISC,
    [1, 0, ...le32(0x2aaa_aaab), 9, 9, ...le32(0)],
  ]),
  commands("table/count-huge", "a count of 2^32 - 1", TABLE, [NOT_PROMISC, [
    1,
    0,
    ...le32(0xffff_ffff),
    ...le32(0),
  ]]),
  commands("address/set", "another address, CTRL_MAC_ADDR negotiated", TABLE, [NOT_PROMISC, [
    1,
    1,
    ...mac(OTHER),
  ]], { features: CTRL_MAC }),
  commands("address/unasked", "another address without CTRL_MAC_ADDR", TABLE, [NOT_PROMISC, [
    1,
    1,
    ...mac(OTHER),
  ]]),
  commands("address/wrong", "addresses of 5 and 7 bytes", TABLE, [NOT_PROMISC, [1, 1, 1, 2, 3, 4, 5], [
    1,
    1,
    ...mac(OTHER),
    1,
  ]]),
  commands("vlan/not-negotiated", "tags without CTRL_VLAN", VLAN, [NOT_PROMISC], { frames: TAGS }),
  commands("vlan/none", "CTRL_VLAN, no tag added", VLAN, [NOT_PROMISC], {
    features: CTRL_VLAN,
    frames: TAGS,
  }),
  commands("vlan/added", "tags added, one taken away again", VLAN, [NOT_PROMISC, [2, 0, 1, 0], [2, 0, 0, 0], [
    2,
    1,
    0,
    0,
  ], [2, 0, 255, 15]], {
    features: CTRL_VLAN,
    frames: TAGS,
  }),
  commands("vlan/wrong", "a tag of 4096, commands that do not exist, a byte only", VLAN, [
    NOT_PROMISC,
    [2, 0, 0, 16],
    [2, 2, 1, 0],
    [2, 0, 1],
  ], {
    features: CTRL_VLAN,
    frames: TAGS,
  }),
  commands("vlan/promisc", "CTRL_VLAN in promiscuous mode", VLAN, [], { features: CTRL_VLAN, frames: TAGS }),
  commands("announce", "acknowledged without being asked", "virtio 1.4, 5.1.6.5.4", [[3, 0], [3, 1], [
    3,
    0,
    0,
  ]], { features: 1n << 21n }),
  commands("pairs", "numbers of pairs, MQ negotiated", "virtio 1.4, 5.1.6.5.5", [
    [4, 0, 1, 0],
    [4, 0, 0, 0],
    [4, 0, 2, 0],
    [4, 0, 1],
    [4, 1, 1, 0],
    [4, 2, 1, 0],
    [4, 3],
  ], {
    features: MQ,
  }),
  commands("pairs-unasked", "numbers of pairs without MQ", "virtio 1.4, 5.1.6.5.5", [[4, 0, 1, 0]]),
  commands("offloads", "guest offloads where there are none", "virtio 1.4, 5.1.6.5.6", [
    [5, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [5, 0, 2, 0, 0, 0, 0, 0, 0, 0],
    [5, 0, 1],
    [5, 1, 0, 0, 0, 0, 0, 0, 0, 0],
  ], { features: OFFLOADS }),
  commands("unknown", "classes that do not exist", "virtio 1.4, 5.1.6.5", [[6, 0], [255, 0, 1, 2, 3], [
    7,
    7,
    7,
  ]]),
  shapes(
    "pieces",
    "each byte of a command in a buffer of its own",
    (c) => [out(c, 0), out(c, 0), out(c, 0), answer(c)],
  ),
  shapes("long-answer", "room for 4 bytes of answer", (c) => [out(c, 0, 0, 1), answer(c, 4)]),
  shapes("two-answers", "two buffers for the answer", (c) => [out(c, 0, 0, 1), answer(c), answer(c)]),
  shapes("no-answer", "no room for the answer", (c) => [out(c, 0, 0, 1)]),
  shapes("no-command", "nothing to read", (c) => [answer(c)]),
  shapes("class-only", "a class without a command", (c) => [out(c, 0), answer(c)]),
  {
    name: "control/reset",
    title: "a reset takes modes, table and address back, but not tags",
    spec: "virtio 1.4, 5.1.6.5.2.1",
    run({ card, peer }, ring) {
      card.start(VERSION_1 | CTRL_VLAN | CTRL_MAC | ring);
      const answers = [NOT_PROMISC, [0, 3, 1], [1, 1, ...mac(OTHER)], [
        1,
        0,
        ...list([MULTICAST]),
        ...list([]),
      ], [2, 0, 1, 0]]
        .map((c) => card.command(...c));
      card.front.status = 0;
      const config = Array.from({ length: 8 }, (_, i) => card.front.config(i, 1));
      card.start(VERSION_1 | CTRL_VLAN | ring);
      const at = card.room();
      for (let i = 0; i < 8; i++) card.give(0, [{ addr: at, len: 200, flags: W }], i === 7);
      const first = passing(card, peer);
      const second = [card.command(...NOT_PROMISC), passing(card, peer, TAGS)];
      return { answers, config, first, second };
    },
  },
  {
    name: "control/config-writes",
    title: "writes to the configuration, with VERSION_1 and without",
    spec: "virtio 1.4, 5.1.4.2",
    run({ card }, ring) {
      const config = () => [0, 4, 8].map((at) => card.front.config(at, at === 8 ? 2 : 4));
      const write = () => {
        for (const [at, width] of [[0, 4], [4, 2], [6, 2], [8, 2]] as const) {
          card.front.setConfig(at, 0x0807_0605, width);
        }
        return config();
      };
      const negotiated = (features: bigint) => {
        card.front.negotiate(features | ring);
        return write();
      };
      return [negotiated(VERSION_1), negotiated(CTRL_MAC), negotiated(0n), [
        card.front.status = 0,
        ...config(),
      ]];
    },
  },
];
