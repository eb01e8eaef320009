import { buffer, W } from "../driver/mod.ts";
import type { Value } from "../check.ts";
import { EVENT_IDX, type RingQuestion, RngProbe } from "./session.ts";

const INTERRUPTS = "virtio 1.4, 2.7.7", PACKED_EVENTS = "virtio 1.4, 2.8.10";

/** n chains, each with its own notification; what came of each. */
function rounds(p: RngProbe, count: number, before?: (i: number) => void): Value {
  return Array.from({ length: count }, (_, i) => {
    before?.(i);
    p.ring.chain([{ addr: buffer(i % 8), len: 3, flags: W }], i % p.ring.size);
    const { lines, isr, wishes } = p.go();
    return { lines, isr, wishes };
  });
}

/** n chains behind one notification. */
function batch(p: RngProbe, count: number): Value {
  for (let i = 0; i < count; i++) p.ring.chain([{ addr: buffer(i % 8), len: 3, flags: W }], i % p.ring.size);
  const { used, lines, isr, wishes } = p.go();
  return { used, lines, isr, wishes };
}

/** Suppression of interrupts and notifications. */
export const eventQuestions: readonly RingQuestion[] = [
  {
    name: "no-interrupt-flag",
    title: "interrupts off and on by flag",
    spec: INTERRUPTS,
    run(front, kind) {
      const p = new RngProbe(front, kind);
      return rounds(p, 6, (i) => p.ring.setInterrupts(i % 2));
    },
  },
  {
    name: "flag-with-event-idx",
    title: "the flag of the split ring means nothing with EVENT_IDX",
    spec: INTERRUPTS,
    run(front, kind) {
      const p = new RngProbe(front, kind, { features: EVENT_IDX });
      p.ring.setInterrupts(1);
      return rounds(p, 5);
    },
  },
  ...[2, 3, 4, 0xfffd, 0xffff].map((flags): RingQuestion => ({
    name: `interrupt-flags-${flags}`,
    title: `${flags} where the driver says which interrupts it wants`,
    spec: INTERRUPTS,
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.setInterrupts(flags);
      return rounds(p, 3);
    },
  })),
  {
    name: "used-event-0",
    title: "EVENT_IDX with used_event left at 0",
    spec: INTERRUPTS,
    run(front, kind) {
      const p = new RngProbe(front, kind, { features: EVENT_IDX });
      if (kind === "packed") p.ring.setInterrupts(2);
      return rounds(p, 10);
    },
  },
  {
    name: "used-event-follows",
    title: "used_event one entry ahead each time",
    spec: INTERRUPTS,
    ring: "split",
    run(front, kind) {
      const p = new RngProbe(front, kind, { features: EVENT_IDX });
      return rounds(p, 10, (i) => p.ring.setEvent(i));
    },
  },
  {
    name: "used-event-ahead",
    title: "used_event three entries ahead, then behind",
    spec: INTERRUPTS,
    ring: "split",
    run(front, kind) {
      const p = new RngProbe(front, kind, { features: EVENT_IDX });
      p.ring.setEvent(3);
      const ahead = rounds(p, 6);
      p.ring.setEvent(1);
      return { ahead, behind: rounds(p, 3) };
    },
  },
  {
    name: "used-event-in-batch",
    title: "used_event inside, before and after what one notification uses",
    spec: INTERRUPTS,
    ring: "split",
    run(front, kind) {
      const p = new RngProbe(front, kind, { features: EVENT_IDX });
      const first = batch(p, 4);
      p.ring.setEvent(5);
      const inside = batch(p, 4);
      p.ring.setEvent(12);
      const after = batch(p, 4);
      return { first, inside, after, next: batch(p, 4) };
    },
  },
  {
    name: "event-every-place",
    title: "each place of the driver's event, both wrap bits, in a ring of 4 that uses one entry",
    spec: PACKED_EVENTS,
    ring: "packed",
    run(front, kind) {
      const results: Record<string, Value> = {};
      for (const wrap of [0, 0x8000]) {
        for (let event = 0; event < 6; event++) {
          front.rewind();
          const p = new RngProbe(front, kind, { features: EVENT_IDX, size: 4 });
          p.ring.setInterrupts(2);
          p.ring.setEvent(event | wrap);
          results[event | wrap] = rounds(p, 9);
        }
      }
      return results;
    },
  },
  {
    name: "event-in-batch",
    title: "the driver's event inside a batch, before it and behind it",
    spec: PACKED_EVENTS,
    ring: "packed",
    run(front, kind) {
      const p = new RngProbe(front, kind, { features: EVENT_IDX });
      p.ring.setInterrupts(2);
      p.ring.setEvent(0x8000 | 3);
      const first = batch(p, 3);
      const second = batch(p, 3);
      p.ring.setEvent(0x8000 | 7);
      const third = batch(p, 2);
      p.ring.setEvent(2);
      return { first, second, third, wrapped: batch(p, 4) };
    },
  },
  {
    name: "event-flag-without-feature",
    title: "the event flag without EVENT_IDX",
    spec: PACKED_EVENTS,
    ring: "packed",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.setInterrupts(2);
      p.ring.setEvent(0x8000 | 5);
      return rounds(p, 8);
    },
  },
  {
    name: "switch-while-running",
    title: "off, on, and at an event, changed while the queue runs",
    spec: PACKED_EVENTS,
    run(front, kind) {
      const p = new RngProbe(front, kind, { features: EVENT_IDX });
      return rounds(p, 12, (i) => {
        p.ring.setInterrupts([0, 1, 2][i % 3]);
        p.ring.setEvent(kind === "split" ? i : 0x8000 | i % 8);
      });
    },
  },
  {
    name: "avail-event",
    title: "where the device wants to be notified, over several rounds",
    spec: "virtio 1.4, 2.7.10",
    run(front, kind) {
      const p = new RngProbe(front, kind, { features: EVENT_IDX, size: 4 });
      const start = [...p.ring.suppression];
      return { start, rounds: [1, 2, 4, 3, 1, 4].map((n) => batch(p, n)) };
    },
  },
  {
    name: "no-notification",
    title: "chains made available without a notification stay there",
    spec: "virtio 1.4, 2.7.10",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      p.ring.chain([{ flags: W }], 1);
      const quiet = p.go(false);
      return { quiet, notified: p.go() };
    },
  },
  {
    name: "empty-notification",
    title: "notifications for nothing",
    spec: "virtio 1.4, 2.7.13",
    run(front, kind) {
      const p = new RngProbe(front, kind);
      return [p.go(), p.go()];
    },
  },
  {
    name: "signalled-used-after-laps",
    title: "EVENT_IDX: a whole round between two interrupts",
    spec: INTERRUPTS,
    ring: "split",
    run(front, kind) {
      const p = new RngProbe(front, kind, { features: EVENT_IDX, size: 4 });
      p.ring.setEvent(2);
      const first = batch(p, 4);
      const second = batch(p, 4);
      p.ring.setEvent(9);
      return { first, second, third: batch(p, 4), fourth: batch(p, 1) };
    },
  },
];
