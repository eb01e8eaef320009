import { F } from "../../../../spec/virtio/features.ts";
import { EventSuppr } from "../../../../spec/virtio/packed.ts";
import { Avail, Used } from "../../../../spec/virtio/split.ts";
import { packedCases, splitCases } from "../memory/cases.ts";

splitCases([
  {
    rule: "lost-notification",
    what: "published, and the CPU halts",
    found:
      /1 chain of .* queue 0 was published, the device wants a notification, and the CPU went idle without one/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.writable()]));
      q.bench.barrier("write");
      q.index();
      if (!wrong) q.kick();
      q.bench.idle();
    },
  },
  {
    rule: "lost-notification",
    what: "the notification comes before the index",
    found: /and the CPU went idle without one/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.writable()]));
      if (wrong) q.bench.notify();
      q.bench.barrier("write");
      q.index();
      if (!wrong) q.kick();
      q.bench.idle();
    },
  },
  {
    rule: "lost-notification",
    what: "NO_NOTIFY taken the other way round",
    found: /without one/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.writable()]));
      q.bench.barrier("write");
      q.index();
      q.bench.barrier("general");
      if (q.wanted() !== wrong) q.bench.notify();
      q.bench.idle();
    },
  },
  {
    rule: "lost-notification",
    what: "a driver that polls for ever",
    found: /the driver has looked 1000 times for what came back without one/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.writable()]));
      q.bench.barrier("write");
      q.index();
      if (!wrong) q.kick();
      for (let i = 0; i < 2000; i++) q.take();
    },
  },
  {
    rule: "lost-notification",
    what: "the event index must be the last one of a batch",
    features: F.EVENT_IDX,
    found: /3 chains of .* were published/,
    run(q, wrong) {
      // Passed by a batch of three, and equal to none but the second.
      q.setAvailEvent(1);
      for (let i = 0; i < 3; i++) q.entry(q.chain([q.bench.writable()]));
      q.bench.barrier("write");
      q.index();
      q.bench.barrier("general");
      const wanted = q.wanted();
      if (wrong ? q.memory.readU16(q.availEventAt) === q.availIdx - 1 : wanted) q.bench.notify();
      q.bench.idle();
    },
  },
  {
    rule: "lost-notification",
    what: "to the wrong queue",
    found: /without one/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.writable()]));
      q.bench.barrier("write");
      q.index();
      q.bench.barrier("general");
      if (q.wanted()) q.bench.notify(wrong ? 1 : 0);
      q.bench.idle();
    },
  },
  {
    rule: "needless-notification",
    what: "NO_NOTIFY is not looked at",
    found: /was notified although the device had said that it wants no notification/,
    run(q, wrong) {
      q.setUsedFlags(1);
      q.entry(q.chain([q.bench.writable()]));
      q.bench.barrier("write");
      q.index();
      if (wrong) q.bench.notify();
      else q.kick();
    },
  },
  {
    rule: "needless-notification",
    what: "avail_event lies ahead",
    features: F.EVENT_IDX,
    found: /was notified although/,
    run(q, wrong) {
      q.setAvailEvent(5);
      q.entry(q.chain([q.bench.writable()]));
      q.bench.barrier("write");
      q.index();
      q.bench.barrier("general");
      if (q.wanted() || wrong) q.bench.notify();
    },
  },
  {
    rule: "avail-event-without-feature",
    what: "avail_event decides though EVENT_IDX was not negotiated",
    found: /read avail_event, and not flags of the used ring/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.writable()]));
      q.bench.barrier("write");
      q.index();
      q.bench.barrier("general");
      q.memory.readU16(wrong ? q.availEventAt : q.used + Used.FLAGS);
      q.bench.notify();
    },
  },
  {
    rule: "used-flags-with-event-idx",
    what: "flags decide though EVENT_IDX was negotiated",
    features: F.EVENT_IDX,
    found: /read flags of the used ring, and not avail_event/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.writable()]));
      q.bench.barrier("write");
      q.index();
      q.bench.barrier("general");
      q.memory.readU16(wrong ? q.used + Used.FLAGS : q.availEventAt);
      q.bench.notify();
    },
  },
  {
    rule: "notification-data",
    what: "always 0",
    features: F.NOTIFICATION_DATA,
    found: /a notification of .* queue 0 says 0/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.writable()]));
      q.bench.barrier("write");
      q.index();
      q.bench.notify(wrong ? 0 : 1 << 16);
    },
  },
  {
    rule: "interrupts-without-look",
    what: "interrupts are asked for, and the CPU halts",
    found: /has not looked since it asked for them: 1 buffer had come back before/,
    run(q, wrong) {
      q.memory.writeU16(q.avail + Avail.FLAGS, 1);
      const heads = [q.submit(q.bench.readable()), q.submit(q.bench.readable())];
      q.use(heads[0]);
      while (q.take() !== undefined);
      q.use(heads[1]);
      q.memory.writeU16(q.avail + Avail.FLAGS, 0);
      q.bench.barrier("general");
      if (!wrong) { while (q.take() !== undefined); }
      q.bench.idle();
    },
  },
  {
    rule: "interrupts-enabled-barrier",
    what: "flags are cleared, and the used index is read at once",
    found: /interrupts of .* queue 0 were asked for, the driver looked for used buffers and found none/,
    run(q, wrong) {
      q.memory.writeU16(q.avail + Avail.FLAGS, 1);
      q.submit(q.bench.writable());
      q.memory.writeU16(q.avail + Avail.FLAGS, 0);
      q.bench.barrier(wrong ? "write" : "general");
      q.take();
      q.bench.idle();
    },
  },
  {
    rule: "interrupts-enabled-barrier",
    what: "used_event is moved, and the used index is read at once",
    features: F.EVENT_IDX,
    found: /with no general barrier between, and the CPU went idle/,
    run(q, wrong) {
      const heads = [
        q.submit(q.bench.writable()),
        q.submit(q.bench.writable()),
        q.submit(q.bench.writable()),
      ];
      q.use(heads[0]);
      q.use(heads[1]);
      // Between two that are there already, no barrier is needed.
      for (let i = 1; i <= 2; i++) {
        q.take();
        q.memory.writeU16(q.usedEventAt, i);
      }
      if (!wrong) q.bench.barrier("general");
      q.take();
      q.bench.idle();
    },
  },
  {
    rule: "suppression-read-early",
    what: "flags are read, then the index is written",
    found: /what .* queue 0 wants was read before the chain was published, not after/,
    run(q, wrong) {
      q.setUsedFlags(1);
      q.entry(q.chain([q.bench.writable()]));
      const early = wrong && q.wanted();
      q.bench.barrier("write");
      q.index();
      if (!wrong) q.kick();
      else if (early) q.bench.notify();
      q.bench.idle();
    },
  },
  {
    rule: "used-buffers-ignored",
    what: "the driver's own count stays within the queue size",
    size: 4,
    found: /has looked \d+ times for what came back in .* queue 0, and does not take the 1 buffer there/,
    run(q, wrong) {
      for (let i = 0; i < 5; i++) {
        q.use(q.submit(q.bench.readable()));
        for (let n = 0; n < 1200; n++) {
          const used = q.memory.readU16(q.used + Used.IDX);
          // Its count never gets to 5.
          if (used === (wrong ? q.usedIdx % 5 : q.usedIdx) || wrong && used > 4) continue;
          q.bench.barrier("read");
          q.takeEntry();
        }
      }
      q.bench.strict.end("ended");
    },
  },
  {
    rule: "interrupts-without-look",
    what: "as it happens, nothing came back in between",
    found: /has not looked since it asked for them: what had come back in between would raise none/,
    run(q, wrong) {
      q.memory.writeU16(q.avail + Avail.FLAGS, 1);
      q.submit(q.bench.readable());
      while (q.take() !== undefined);
      q.memory.writeU16(q.avail + Avail.FLAGS, 0);
      q.bench.barrier("general");
      if (!wrong) q.take();
      q.bench.idle();
    },
  },
  {
    rule: "interrupts-without-look",
    what: "used_event is moved, and the CPU halts",
    features: F.EVENT_IDX,
    found: /1 buffer had come back before/,
    run(q, wrong) {
      q.memory.writeU16(q.usedEventAt, 0xffff);
      q.use(q.submit(q.bench.readable()));
      while (q.take() !== undefined);
      q.use(q.submit(q.bench.readable()));
      q.memory.writeU16(q.usedEventAt, 2);
      q.bench.barrier("general");
      if (!wrong) { while (q.take() !== undefined); }
      q.bench.idle();
    },
  },
]);

packedCases([
  {
    rule: "lost-notification",
    what: "published, and the CPU halts",
    found: /the CPU went idle without one/,
    run(q, wrong) {
      const { slot, flags } = q.chain([q.bench.writable()]);
      q.bench.barrier("write");
      q.flags(slot, flags);
      if (!wrong) q.kick();
      q.bench.idle();
    },
  },
  {
    rule: "lost-notification",
    what: "the event must be the last descriptor, though a list passes it",
    features: F.EVENT_IDX,
    found: /1 chain of .* was published/,
    run(q, wrong) {
      q.setDeviceEvent(2, 1 << 15 | 1);
      const buffers = [q.bench.writable(), q.bench.writable(), q.bench.writable()];
      const { slot, flags } = q.chain(buffers);
      q.bench.barrier("write");
      q.flags(slot, flags);
      q.bench.barrier("general");
      const wanted = q.wanted();
      if (wrong ? q.memory.readU16(q.deviceEvent) === (1 << 15 | 2) : wanted) q.bench.notify();
      q.bench.idle();
    },
  },
  {
    rule: "lost-notification",
    what: "behind the end of the ring the wrap counter of the event is not looked at",
    features: F.EVENT_IDX,
    size: 4,
    found: /without one/,
    run(q, wrong) {
      for (let i = 0; i < 3; i++) {
        q.use(q.submit(q.bench.readable()));
        q.take();
      }
      // In the next lap.
      q.setDeviceEvent(2, 0);
      const { slot, flags } = q.chain([q.bench.readable(), q.bench.readable()]);
      q.bench.barrier("write");
      q.flags(slot, flags);
      q.bench.barrier("general");
      const wanted = q.wanted();
      if (wrong ? q.memory.readU16(q.deviceEvent + EventSuppr.FLAGS) === 0 : wanted) q.bench.notify();
      q.bench.idle();
    },
  },
  {
    rule: "interrupts-enabled-barrier",
    what: "the event structure is written, and the flags of the next descriptor are read at once",
    found: /with no general barrier between, and the CPU went idle/,
    run(q, wrong) {
      q.memory.writeU16(q.driverEvent + EventSuppr.FLAGS, 1);
      q.submit(q.bench.writable());
      q.memory.writeU16(q.driverEvent + EventSuppr.FLAGS, 0);
      if (!wrong) q.bench.barrier("general");
      q.take();
      q.bench.idle();
    },
  },
  {
    rule: "suppression-read-early",
    what: "the event structure is read, then the flags are written",
    found: /was read before the chain was published, not after/,
    run(q, wrong) {
      q.setDeviceEvent(1);
      const { slot, flags } = q.chain([q.bench.writable()]);
      const early = wrong && q.wanted();
      q.bench.barrier("write");
      q.flags(slot, flags);
      if (!wrong) q.kick();
      else if (early) q.bench.notify();
      q.bench.idle();
    },
  },
  {
    rule: "used-buffers-ignored",
    what: "the used wrap counter is never changed",
    size: 4,
    found: /has looked \d+ times .* and does not take the \d buffers? there/,
    // What was used in the last lap looks used then, and is taken again.
    also: ["packed-used-early"],
    run(q, wrong) {
      for (let i = 0; i < 6; i++) {
        q.use(q.submit(q.bench.readable()));
        for (let n = 0; n < 1200; n++) {
          if (wrong) q.usedWrap = 1;
          q.take();
        }
      }
      q.bench.strict.end("ended");
    },
  },
  {
    rule: "used-buffers-ignored",
    what: "one descriptor is skipped for a chain of two",
    found: /it looks at descriptor 1, the device has used descriptor 2/,
    run(q, wrong) {
      q.use(q.submit(q.bench.readable(), q.bench.readable()));
      q.take();
      if (wrong) q.usedNext--;
      q.use(q.submit(q.bench.readable()));
      for (let n = 0; n < 1200; n++) q.take();
      q.bench.strict.end("ended");
    },
  },
  {
    rule: "notification-data",
    what: "without the wrap counter",
    features: F.NOTIFICATION_DATA,
    found: /says 1 with wrap counter 0/,
    run(q, wrong) {
      const { slot, flags } = q.chain([q.bench.writable()]);
      q.bench.barrier("write");
      q.flags(slot, flags);
      q.bench.notify(((wrong ? 1 : 0x8001) << 16) >>> 0);
    },
  },
  {
    rule: "interrupts-without-look",
    what: "interrupts are asked for, and the CPU halts",
    found: /1 buffer had come back before/,
    run(q, wrong) {
      q.memory.writeU16(q.driverEvent + EventSuppr.FLAGS, 1);
      const ids = [q.submit(q.bench.readable()), q.submit(q.bench.readable())];
      q.use(ids[0]);
      while (q.take() !== undefined);
      q.use(ids[1]);
      q.memory.writeU16(q.driverEvent + EventSuppr.FLAGS, 0);
      q.bench.barrier("general");
      if (!wrong) { while (q.take() !== undefined); }
      q.bench.idle();
    },
  },
]);
