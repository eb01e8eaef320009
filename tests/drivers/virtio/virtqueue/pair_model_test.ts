/** Random orders of what the driver's and the device's side of a queue do, against a list. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Chain } from "../../../../devices/virtio/queue.ts";
import { VirtqError } from "../../../../drivers/virtio/error.ts";
import {
  AvailBufferToken,
  BufferElem,
  BufferType,
  DeviceVec,
} from "../../../../drivers/virtio/virtqueue/mod.ts";
import { F } from "../../../../spec/virtio/features.ts";
import { makePair } from "./_pair.ts";

/** Elements to send and to receive, for the tokens of a run. */
const SHAPES = [[1, 0], [0, 1], [1, 1], [2, 1], [1, 2], [3, 0], [0, 2], [1, 1], [0, 1], [1, 0], [2, 2], [
  0,
  1,
]];

interface Item {
  token: AvailBufferToken;
  /** Ring descriptors it takes. */
  cost: number;
  writable: number;
  lengths: number[];
}

interface Setup {
  exponent: number;
  odd: number;
  eventIdx: boolean;
  indirect: boolean;
  inOrder: boolean;
  notificationData: boolean;
}

const op = fc.oneof(
  fc.record({ do: fc.constant("dispatch" as const), indirect: fc.boolean(), notif: fc.boolean() }),
  fc.record({ do: fc.constant("batch" as const), n: fc.integer({ min: 1, max: 4 }), indirect: fc.boolean() }),
  fc.record({ do: fc.constant("tryRecv" as const) }),
  fc.record({ do: fc.constant("enable" as const) }),
  fc.record({ do: fc.constant("disable" as const) }),
  fc.record({ do: fc.constant("pop" as const) }),
  fc.record({ do: fc.constant("push" as const), which: fc.nat(50), len: fc.nat(300), hold: fc.boolean() }),
  fc.record({ do: fc.constant("quiet" as const) }),
  fc.record({ do: fc.constant("listen" as const) }),
);
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

class Model {
  readonly size: number;
  readonly pair;
  readonly idle: Item[];
  readonly waiting: Item[] = [];
  readonly popped: { item: Item; chain: Chain; len?: number }[] = [];
  readonly filled: { item: Item; len: number }[] = [];
  readonly used: { item: Item; len: number }[] = [];
  free: number;
  /** The driver sleeps until an interrupt; the device until a notification. */
  asleep = false;
  listening = false;
  /** Descriptors (packed) or chains (split) made available so far. */
  position = 0;

  constructor(readonly packed: boolean, readonly setup: Setup) {
    this.size = packed ? setup.odd : 1 << setup.exponent;
    this.free = this.size;
    let features: bigint = F.VERSION_1;
    if (packed) features |= F.RING_PACKED;
    if (setup.eventIdx) features |= F.EVENT_IDX;
    if (setup.indirect) features |= F.INDIRECT_DESC;
    if (setup.inOrder) features |= F.IN_ORDER;
    if (setup.notificationData) features |= F.NOTIFICATION_DATA;
    this.pair = makePair(this.size, features, 1 << 18);
    const { alloc } = this.pair;
    let serial = 0;
    const elem = () => BufferElem.vector(DeviceVec.from(alloc, new Uint8Array(10 + 7 * serial++), "model"));
    this.idle = SHAPES.map(([send, recv]) => {
      const out = Array.from({ length: send }, elem);
      const into = Array.from({ length: recv }, elem);
      const lengths = [...out, ...into].map((e) => e.capacity);
      return {
        token: AvailBufferToken.new(out, into),
        cost: 0,
        writable: into.reduce((n, e) => n + e.capacity, 0),
        lengths,
      };
    });
  }

  step(o: Op): void {
    if (o.do === "dispatch") this.dispatch(1, o.indirect, o.notif, false);
    else if (o.do === "batch") this.dispatch(o.n, o.indirect, false, true);
    else if (o.do === "tryRecv") this.tryRecv();
    else if (o.do === "enable") this.enable();
    else if (o.do === "disable") {
      this.pair.vq.disableNotifs();
      this.asleep = false;
    } else if (o.do === "pop") this.pop();
    else if (o.do === "push") this.push(o.which, o.len, o.hold);
    else if (o.do === "quiet") {
      this.pair.device.setNotification(false);
      this.listening = false;
    } else {
      this.pair.device.setNotification(true);
      this.listening = !this.pair.device.hasAvail();
    }
  }

  dispatch(n: number, wantIndirect: boolean, notif: boolean, batch: boolean): void {
    const { vq } = this.pair;
    const indirect = wantIndirect && this.setup.indirect;
    const type = indirect ? BufferType.Indirect : BufferType.Direct;
    const items = this.idle.slice(0, n);
    if (items.length === 0) return;
    for (const item of items) item.cost = indirect ? 1 : item.lengths.length;
    const cost = items.reduce((sum, item) => sum + item.cost, 0);
    const before = this.pair.notified();
    try {
      if (batch) vq.dispatchBatch(items.map((i) => [i.token, type] as const), notif);
      else vq.dispatch(items[0].token, notif, type);
    } catch (error) {
      if (!(error instanceof VirtqError)) throw error;
      assertEquals(error.kind, "NoDescrAvail");
      assert(cost > this.free, `${cost} descriptors refused, though ${this.free} are free`);
      assertEquals(vq.snapshot().free, this.free);
      this.idle.push(this.idle.shift()!);
      return;
    }
    assert(cost <= this.free, `${cost} descriptors taken, though only ${this.free} are free`);
    this.free -= cost;
    this.position += this.packed ? cost : items.length;
    this.waiting.push(...this.idle.splice(0, items.length));
    const notified = this.pair.notified() > before;
    if (this.listening) assert(notified, "a notification was lost");
    if (notified && this.setup.notificationData) {
      const slot = this.position % this.size;
      const wrap = Math.floor(this.position / this.size) % 2 === 0 ? 0x8000 : 0;
      assertEquals(this.pair.lastNext(), this.packed ? slot | wrap : this.position & 0xffff);
    }
    this.listening = false;
  }
  tryRecv(): void {
    const got = this.pair.vq.tryRecv();
    const want = this.used.shift();
    assertEquals(got?.writtenLen, want?.len);
    if (got === undefined || want === undefined) return;
    assert(got.token === want.item.token, "another buffer came back");
    this.free += want.item.cost;
    this.idle.push(want.item);
  }
  enable(): void {
    const already = this.pair.vq.enableNotifs();
    assertEquals(already, this.used.length > 0);
    this.asleep = !already;
  }
  pop(): void {
    const chain = this.pair.device.pop();
    const item = this.waiting.shift();
    this.listening = false;
    assertEquals(chain === undefined, item === undefined);
    if (chain === undefined || item === undefined) return;
    const segments = chain.segments();
    if (segments.some((s, i) => s.len !== item.lengths[i])) {
      assertEquals(segments.map((s) => s.len), item.lengths);
    }
    assertEquals(chain.writableLength, item.writable);
    this.popped.push({ item, chain });
  }
  push(which: number, len: number, hold: boolean): void {
    const { device } = this.pair;
    const open = this.popped.filter((p) => p.len === undefined);
    if (open.length === 0) return;
    const p = open[which % open.length];
    p.len = Math.min(len, p.item.writable);
    device.fill(p.chain, p.len);
    if (!this.setup.inOrder) this.release(p);
    else while (this.popped.length > 0 && this.popped[0].len !== undefined) this.release(this.popped[0]);
    if (!hold) this.flush();
  }
  flush(): void {
    this.pair.device.flush();
    const any = this.filled.length > 0;
    this.used.push(...this.filled.splice(0));
    const interrupt = this.pair.device.shouldInterrupt();
    if (!this.asleep || !any) return;
    assert(interrupt, "an interrupt was lost");
    this.asleep = false;
  }
  /** Lets everything finish: nothing may be left anywhere. */
  drain(): void {
    while (this.waiting.length > 0) this.pop();
    while (this.popped.some((p) => p.len === undefined)) this.push(1, 5, false);
    this.flush();
    while (this.used.length > 0) this.tryRecv();
    this.tryRecv();
    this.pop();
    assertEquals([this.free, this.pair.vq.snapshot().free], [this.size, this.size]);
    assertEquals(this.pair.vq.snapshot().inFlight, []);
    assertEquals(this.pair.device.snapshot().indices.inuse, 0);
    assertEquals(this.idle.length, SHAPES.length);
  }
  private release(p: { item: Item; len?: number }): void {
    this.popped.splice(this.popped.findIndex((x) => x.item === p.item), 1);
    this.filled.push({ item: p.item, len: p.len! });
  }
}

const setups = fc.record({
  exponent: fc.nat(5),
  odd: fc.integer({ min: 1, max: 17 }),
  eventIdx: fc.boolean(),
  indirect: fc.boolean(),
  inOrder: fc.boolean(),
  notificationData: fc.boolean(),
});

for (const packed of [false, true]) {
  const ring = packed ? "packed" : "split";

  Deno.test(`${ring}: driver and device agree with a list, whatever the order`, () => {
    fc.assert(
      fc.property(
        setups,
        fc.integer({ min: 1, max: 10 }),
        fc.array(op, { maxLength: 120 }),
        (setup, rounds, ops) => {
          const model = new Model(packed, setup);
          for (let round = 0; round < rounds; round++) for (const o of ops) model.step(o);
          model.drain();
        },
      ),
      { numRuns: 300, seed: 11 },
    );
  });

  Deno.test(`${ring}: 16-bit indices wrap, with every set of features`, () => {
    for (let bits = 0; bits < 8; bits++) {
      const setup = {
        exponent: 2,
        odd: 5,
        eventIdx: (bits & 1) !== 0,
        inOrder: (bits & 2) !== 0,
        indirect: (bits & 4) !== 0,
        notificationData: true,
      };
      const model = new Model(packed, setup);
      for (let i = 0; i < 46_000; i++) {
        model.dispatch(1, i % 3 === 0, false, false);
        model.dispatch(1, true, i % 7 === 0, true);
        if (i % 2 === 0) model.step({ do: "listen" });
        model.pop();
        model.pop();
        model.enable();
        model.push(1, i % 64, i % 5 === 0);
        model.push(0, 3, false);
        model.flush();
        model.tryRecv();
        model.tryRecv();
      }
      model.drain();
      assert(model.position > 65_536, `only ${model.position}: the limit was not reached`);
    }
  });
}
