import { Avail } from "../../../spec/virtio/split.ts";
import { EventSuppr, RingEventFlags } from "../../../spec/virtio/packed.ts";
import { F } from "../../../spec/virtio/features.ts";
import { PCI } from "../mistake.ts";
import type { PackedRing, Ring, RngStudent, SplitRing, Used } from "../student/mod.ts";
import type { Legal } from "./legal.ts";

const EACH = ["rng", "console", "net"] as const;
const SMALL = Array.from({ length: 7 }, () => [16]);

/** Takes all that came back. */
function takeAll(rng: RngStudent, ring: Ring): Used[] {
  const taken: Used[] = [];
  while (ring.hasUsed()) taken.push(ring.take());
  for (const used of taken) rng.accept(used);
  return taken;
}
/** Asks for an interrupt when three quarters of what is in flight came back. */
function delayed(ring: Ring): void {
  const bufs = Math.floor(ring.flights.size * 3 / 4);
  if (ring.kind === "split") {
    const split = ring as SplitRing;
    split.writeUsedEvent((split.usedIdx + bufs) & 0xffff);
  } else {
    const { memory, driverEvent, usedNext, usedWrap, size } = ring as PackedRing;
    const at = (usedNext + bufs) % size, wrap = usedNext + bufs >= size ? usedWrap ^ 1 : usedWrap;
    memory.writeU16(driverEvent.offset + EventSuppr.DESC, at | wrap << 15);
    ring.barrierBeforePublish();
    (ring as PackedRing).writeEventFlags(RingEventFlags.DESC);
  }
  ring.barrierBeforeKick();
}

/** As virtio_ring and its drivers in Linux. */
export const LINUX: readonly Legal[] = [
  {
    id: "linux-kick-deferred",
    what: "chains are published one by one, the ring is looked at in between, and the device is told once",
    on: { restless: true },
    plant: ({ rng }) => {
      rng.requests = SMALL;
      rng.work = () => {
        const [ring] = rng.rings;
        for (const lengths of rng.requests) {
          ring.add(rng.makePieces(lengths));
          ring.publish();
          // Whoever reclaims before sending looks here.
          takeAll(rng, ring);
        }
        ring.kick();
        while (ring.flights.size > 0) rng.accept(rng.nextUsed(ring));
      };
    },
  },
  {
    id: "linux-kick-without-news",
    what: "the device's wish is looked at again though nothing is new; later chains are told of later",
    on: { restless: true, eventIdx: true },
    plant: ({ rng }) => {
      rng.requests = SMALL;
      rng.work = () => {
        const [ring] = rng.rings;
        for (const lengths of rng.requests) {
          ring.kick();
          ring.add(rng.makePieces(lengths));
          ring.publish();
          takeAll(rng, ring);
          ring.kick();
          takeAll(rng, ring);
        }
        while (ring.flights.size > 0) rng.accept(rng.nextUsed(ring));
      };
    },
  },
  {
    id: "linux-flags-kick-without-news",
    what: "the same with the flags of the used ring",
    on: { restless: true },
    plant: ({ rng }) => {
      rng.requests = SMALL;
      rng.work = () => {
        const [ring] = rng.rings;
        for (const lengths of rng.requests) {
          ring.kick();
          ring.add(rng.makePieces(lengths));
          ring.publish();
          takeAll(rng, ring);
          ring.kick();
          takeAll(rng, ring);
        }
        while (ring.flights.size > 0) rng.accept(rng.nextUsed(ring));
      };
    },
  },
  {
    id: "linux-callbacks-delayed",
    what: "the next interrupt is wanted when most of what is in flight came back",
    on: { eventIdx: true },
    plant: ({ rng }) => {
      rng.requests = SMALL;
      rng.work = () => {
        const [ring] = rng.rings;
        for (const lengths of rng.requests) ring.submit(rng.makePieces(lengths));
        while (ring.flights.size > 0) {
          ring.setInterrupts(false);
          takeAll(rng, ring);
          if (ring.flights.size === 0) break;
          delayed(ring);
          if (!ring.hasUsed()) rng.pause();
        }
      };
    },
  },
  {
    id: "linux-used-event-zero",
    what: "interrupts are switched off by used_event = 0 while the ring is polled",
    on: { rings: ["split"], eventIdx: true },
    plant: ({ rng, split }) => {
      rng.requests = SMALL;
      split((r) => {
        const { setInterrupts } = r;
        r.setInterrupts = (wanted) => wanted ? setInterrupts.call(r, true) : r.writeUsedEvent(0);
        r.moveEvent = () => {};
      });
      rng.work = () => {
        const [ring] = rng.rings;
        for (const lengths of rng.requests) {
          ring.submit(rng.makePieces(lengths));
          for (;;) {
            ring.setInterrupts(false);
            if (takeAll(rng, ring).length > 0) break;
            ring.setInterrupts(true);
            ring.barrierBeforeKick();
            if (!ring.hasUsed()) rng.pause();
          }
        }
      };
    },
  },
  {
    id: "linux-used-event-zero-for-long",
    what: "the same, beyond half of the counter's range",
    on: { rings: ["split"], machines: PCI, eventIdx: true },
    plant: ({ rng, split }) => {
      split((r) => {
        const { setInterrupts } = r;
        r.setInterrupts = (wanted) => wanted ? setInterrupts.call(r, true) : r.writeUsedEvent(0);
        r.moveEvent = () => {};
      });
      // Rounds of seven: more than 32768 in all; interrupts are waited for in the last.
      const ROUNDS = 4720;
      rng.work = () => {
        const [ring] = rng.rings;
        const pieces = SMALL.map(([length]) => rng.makePieces([length]));
        for (let round = 0; round < ROUNDS; round++) {
          for (const piece of pieces) ring.add(piece);
          ring.publish();
          ring.kick();
          for (let left = pieces.length; left > 0;) {
            if (round > ROUNDS - 30) ring.setInterrupts(false);
            for (; left > 0 && ring.hasUsed(); left--) rng.read(ring.take());
            if (left === 0 || round <= ROUNDS - 30) {
              rng.ground.platform.relax();
              continue;
            }
            ring.setInterrupts(true);
            ring.barrierBeforeKick();
            if (!ring.hasUsed()) rng.pause();
          }
        }
      };
    },
  },
  {
    id: "linux-tables-always",
    what: "also one buffer alone goes through a table",
    on: { indirect: true, devices: EACH },
    plant: ({ ring }) => ring((r) => r.usesTable = () => true),
  },
  {
    id: "linux-queues-tried-twice",
    what:
      "queues are described, given up for want of vectors, and described again elsewhere, before any is enabled",
    on: { devices: EACH },
    plant: ({ student }) => {
      const { transport } = student;
      const enable = transport.enableQueue.bind(transport);
      const setUp = student.setUpQueues.bind(student);
      student.setUpQueues = () => {
        transport.enableQueue = () => {};
        setUp();
        for (const ring of student.rings) ring?.release();
        // What the allocator gives next is elsewhere.
        const kept = student.allocate(4096, "kept");
        setUp();
        for (const queue of student.queues()) {
          transport.select(queue);
          enable();
        }
        transport.enableQueue = enable;
        student.freeBuffer(kept);
      };
    },
  },
  {
    id: "linux-acknowledged-at-the-end",
    what: "when the driver is gone the bus says ACKNOWLEDGE again",
    on: { devices: EACH },
    plant: ({ student }) => {
      const end = student.shutDown.bind(student);
      student.shutDown = () => {
        end();
        student.acknowledge = () => student.addStatus(1);
        student.acknowledge();
      };
    },
  },
  {
    id: "linux-buffers-before-driver-ok",
    what: "buffers are published before DRIVER_OK, and the device is told afterwards",
    on: { devices: ["net", "console"], eventIdx: true },
    plant: ({ student }) => {
      const start = student.startQueues.bind(student), ok = student.driverOk.bind(student);
      student.startQueues = () => {};
      student.driverOk = () => {
        const rings = student.rings.filter((r) => r !== undefined);
        const kicks = rings.map((r) => r.kick);
        for (const r of rings) r.kick = () => {};
        start();
        rings.forEach((r, i) => r.kick = kicks[i]);
        ok();
        for (const r of rings) r.kick();
      };
    },
  },
  {
    id: "linux-index-and-flags-cached",
    what: "what the driver wrote itself is never read back, and flags are written only when they change",
    on: { rings: ["split"] },
    plant: ({ split }) =>
      split((r) => {
        let flags = -1;
        r.setInterrupts = (wanted) => {
          const now = wanted ? 0 : 1;
          if (now !== flags) r.memory.writeU16(r.avail.offset + Avail.FLAGS, flags = now);
        };
      }),
  },
  {
    id: "linux-in-order",
    what: "with IN_ORDER descriptors are taken in the ring's order",
    on: { eventIdx: true, props: "in_order=on", wants: F.IN_ORDER, restless: true },
    plant: ({ rng, ring }) => {
      rng.requests = Array.from({ length: 40 }, (_, i) => i % 3 === 0 ? [16, 16] : [16]);
      ring((r) => {
        if (r.kind !== "split") return;
        let next = 0;
        (r as SplitRing).allocDescriptor = () => next++ % r.size;
        (r as SplitRing).freeDescriptor = () => {};
      });
      rng.work = () => {
        const [ring] = rng.rings;
        for (let i = 0; i < rng.requests.length; i += 5) {
          for (const lengths of rng.requests.slice(i, i + 5)) ring.add(rng.makePieces(lengths));
          ring.publish();
          ring.kick();
          while (ring.flights.size > 0) rng.accept(rng.nextUsed(ring));
        }
      };
    },
  },
];
