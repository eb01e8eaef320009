/** Random orders of what driver and device do, on both rings, against a list. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Chain } from "../../../devices/virtio/queue.ts";
import { BUFFERS, DESC, type Desc, DEVICE, DRIVER, NEXT, RawDriver, WRITE } from "./_driver.ts";

interface Made {
  id: number;
  /** Descriptors of the ring, and which (split). */
  slots: number[];
  lengths: number[];
  outs: number;
}

/** The driver of the reference: keeps its free descriptors in a list, arms and disarms events. */
class Reference extends RawDriver {
  private serial = 0;
  readonly free = Array.from({ length: this.setup.size }, (_, i) => i);
  readonly flying = new Map<number, Made>();

  make(outs: number, ins: number, indirect: boolean): Made | undefined {
    const descriptors = indirect ? 1 : outs + ins;
    if (this.free.length < descriptors) return undefined;
    const lengths = Array.from({ length: outs + ins }, () => 1 + this.serial++ % 100);
    const list: Desc[] = lengths.map((len, i) => ({
      len,
      addr: this.base + BUFFERS + len,
      flags: i < outs ? 0 : WRITE,
    }));
    const slots = this.free.splice(0, descriptors);
    const id = slots[0];
    const ring = indirect ? [this.table(list, id)] : list;
    if (this.setup.packed) {
      this.chain(ring, id);
    } else {
      ring.forEach((d, i) => {
        const more = i < ring.length - 1;
        const flags = (d.flags ?? 0) | (more ? NEXT : 0);
        this.desc(DESC + slots[i] * 16, { ...d, flags, next: more ? slots[i + 1] : 0 });
      });
      this.publish(id);
    }
    const made = { id, slots, lengths, outs };
    this.flying.set(id, made);
    return made;
  }
  collect(expected: Made | undefined) {
    const got = this.used(expected?.slots.length ?? 1);
    if (got === undefined) return undefined;
    const made = this.flying.get(got.id);
    assert(made !== undefined, `id ${got.id} is used, but not in flight`);
    this.flying.delete(got.id);
    this.free.push(...made.slots.toReversed());
    return { made, len: got.len };
  }
  /** Asks for an interrupt at the next used entry, or for none. */
  arm(on: boolean): void {
    if (this.setup.packed) {
      this.put(DRIVER, this.usedSlot | (this.usedWrap << 15));
      this.put(DRIVER + 2, on ? (this.setup.eventIdx ? 2 : 0) : 1);
    } else if (this.setup.eventIdx) {
      if (on) this.put(DRIVER + 4 + 2 * this.setup.size, this.usedIdx);
    } else {
      this.put(DRIVER, on ? 0 : 1);
    }
  }
  /** Whether the device wants to hear of what was made available since `oldIdx` (split) or `oldSlots` ago. */
  mustNotify(oldIdx: number, made: number): boolean {
    if (this.setup.packed) {
      const flags = this.get(DEVICE + 2);
      if (flags !== 2) return flags === 0;
      const event = this.get(DEVICE);
      let distance = this.slot - (event & 0x7fff);
      if ((event >> 15) !== this.wrap) distance += this.setup.size;
      return distance > 0 && distance <= made;
    }
    if (!this.setup.eventIdx) return (this.get(DEVICE) & 1) === 0;
    const event = this.get(DEVICE + 4 + 8 * this.setup.size);
    return ((this.availIdx - event - 1) & 0xffff) < ((this.availIdx - oldIdx) & 0xffff);
  }
}

const op = fc.oneof(
  fc.record({ do: fc.constant("make" as const), outs: fc.nat(2), ins: fc.nat(2), indirect: fc.boolean() }),
  fc.record({ do: fc.constant("pop" as const) }),
  fc.record({ do: fc.constant("push" as const), which: fc.nat(100), len: fc.nat(1000), hold: fc.boolean() }),
  fc.record({ do: fc.constant("collect" as const) }),
  fc.record({ do: fc.constant("sleep" as const) }),
  fc.record({ do: fc.constant("disarm" as const) }),
  fc.record({ do: fc.constant("quiet" as const) }),
  fc.record({ do: fc.constant("listen" as const) }),
);

for (const packed of [false, true]) {
  Deno.test(`${packed ? "packed" : "split"}: nothing lost, doubled or reordered; no event lost`, () => {
    fc.assert(
      fc.property(
        fc.record({
          size: fc.integer({ min: 1, max: 9 }),
          eventIdx: fc.boolean(),
          inOrder: fc.boolean(),
          rounds: fc.integer({ min: 1, max: 12 }),
        }),
        fc.array(op, { maxLength: 80 }),
        (setup, ops) => {
          const d = new Reference({ packed, ...setup });
          const waiting: Made[] = [];
          const popped: { made: Made; chain: Chain; len?: number }[] = [];
          const used: { made: Made; len: number }[] = [];
          const filled: { made: Made; len: number }[] = [];
          let asleep = false;
          let listening = false;
          const release = (p: { made: Made; len?: number }) => {
            popped.splice(popped.findIndex((x) => x.made === p.made), 1);
            filled.push({ made: p.made, len: p.len! });
          };
          const step = (o: typeof ops[number]) => {
            if (o.do === "make" && o.outs + o.ins > 0) {
              const idx = d.availIdx;
              const made = d.make(o.outs, o.ins, o.indirect);
              if (made === undefined) return;
              waiting.push(made);
              if (listening) assert(d.mustNotify(idx, made.slots.length), "a notification was lost");
              listening = false;
            } else if (o.do === "pop") {
              const chain = d.queue.pop();
              const made = waiting.shift();
              assertEquals(chain?.id, made?.id);
              if (chain === undefined || made === undefined) return;
              assertEquals(chain.segments().map((s) => s.len), made.lengths);
              assertEquals(
                chain.segments().map((s) => !s.writable),
                made.lengths.map((_, i) => i < made.outs),
              );
              assertEquals(chain.segments().map((s) => s.addr), made.lengths.map((l) => BUFFERS + l));
              popped.push({ made, chain });
              listening = false;
            } else if (o.do === "push") {
              const open = popped.filter((p) => p.len === undefined);
              if (open.length === 0) return;
              const p = open[o.which % open.length];
              p.len = o.len;
              d.queue.fill(p.chain, o.len);
              if (!setup.inOrder) release(p);
              else while (popped.length > 0 && popped[0].len !== undefined) release(popped[0]);
              if (o.hold) return;
              d.queue.flush();
              const any = filled.length > 0;
              used.push(...filled.splice(0));
              const interrupt = d.queue.shouldInterrupt();
              if (asleep && any) {
                assert(interrupt, "an interrupt was lost");
                asleep = false;
              }
            } else if (o.do === "collect") {
              const want = used.shift();
              assertEquals(d.collect(want?.made), want);
            } else if (o.do === "sleep" && used.length === 0) {
              d.arm(true);
              asleep = true;
            } else if (o.do === "disarm") {
              d.arm(false);
              asleep = false;
            } else if (o.do === "quiet") {
              d.queue.setNotification(false);
              listening = false;
            } else if (o.do === "listen") {
              d.queue.setNotification(true);
              listening = !d.queue.hasAvail();
            }
          };
          for (let round = 0; round < setup.rounds; round++) ops.forEach(step);
          while (waiting.length > 0) step({ do: "pop" });
          while (popped.some((p) => p.len === undefined)) step({ do: "push", which: 3, len: 1, hold: false });
          d.queue.flush();
          used.push(...filled.splice(0));
          while (used.length > 0) step({ do: "collect" });
          step({ do: "collect" });
          assertEquals([d.free.length, d.flying.size], [setup.size, 0]);
          assertEquals(d.queue.snapshot().indices.inuse, 0);
        },
      ),
      { numRuns: 400, seed: 7 },
    );
  });

  Deno.test(`${packed ? "packed" : "split"}: over the limits of 16 bits, size 5`, () => {
    const d = new Reference({ packed, size: 5, eventIdx: true });
    for (let i = 0; i < 70_000; i++) {
      const made = d.make(1, 1, false)!;
      const chain = d.queue.pop()!;
      if (chain.id !== made.id) assertEquals(chain.id, made.id);
      d.arm(true);
      d.queue.push(chain, i);
      assert(d.queue.shouldInterrupt());
      const got = d.collect(made);
      if (got?.len !== i) assertEquals(got?.len, i);
    }
  });
}
