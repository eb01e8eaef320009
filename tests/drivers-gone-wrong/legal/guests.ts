import { writeBarrier } from "../../../arch/barrier.ts";
import { F, NetF } from "../../../spec/virtio/features.ts";
import { NetConfig } from "../../../spec/virtio/net.ts";
import { PackedDesc } from "../../../spec/virtio/packed.ts";
import { Avail, DESC_SIZE, Used as UsedRing } from "../../../spec/virtio/split.ts";
import { after, before, forgotten } from "../mistake.ts";
import type { Ring, Used } from "../student/mod.ts";
import type { Legal } from "./legal.ts";

const EACH = ["rng", "console", "net"] as const;
const SPLIT = ["split"] as const, PACKED = ["packed"] as const;
const MANY = Array.from({ length: 40 }, () => [16]);

/** As DPDK, the BSDs, rcore-os/virtio-drivers and other guests. */
export const GUESTS: readonly Legal[] = [
  {
    id: "dpdk-transmit-reclaimed-by-threshold",
    what: "sent frames are taken back when few descriptors are left",
    on: { devices: ["net"], interrupts: ["none"], eventIdx: true },
    plant: ({ net }) => {
      net.questions = 20;
      net.transmit = (frame) => {
        const [, ring] = net.rings;
        if (ring.free < 6) {
          while (ring.hasUsed()) net.freePieces(ring.take().pieces);
          net.waitFor(() => ring.free >= 6 || ring.hasUsed(), "nothing is sent");
        }
        ring.submit(net.makeFrame(frame));
      };
    },
  },
  {
    id: "dpdk-refill-in-bulk",
    what: "receive buffers are given in bulk, with one publication",
    on: { devices: ["net"], interrupts: ["none", "line"], eventIdx: true },
    plant: ({ net }) =>
      net.startQueues = () => {
        for (let i = 0; i < 12; i++) {
          const buffer = net.allocate(net.receiveSize(), "frame");
          net.rings[0].add([{ buffer, length: net.receiveSize(), writable: true }]);
        }
        net.rings[0].publish();
        net.rings[0].kick();
      },
  },
  {
    id: "dpdk-available-ring-filled-once",
    what: "the available ring is filled once, each entry with its own number; later only the index moves",
    on: { rings: SPLIT },
    plant: ({ rng, split }) => {
      rng.requests = MANY;
      split((r) => {
        let next = 0;
        r.allocDescriptor = () => next++ % r.size;
        after(r, "clear", () => {
          for (let i = 0; i < r.size; i++) r.memory.writeU16(r.entryAt(i), i);
        });
        r.putEntry = () => void (r.availIdx = (r.availIdx + 1) & 0xffff);
      });
    },
  },
  {
    id: "dpdk-used-ring-in-bulk",
    what: "one look at the used index, one load for all entries",
    on: { rings: SPLIT },
    plant: ({ rng }) => {
      rng.requests = MANY.slice(0, 7);
      rng.work = () => {
        const ring = rng.rings[0];
        for (const lengths of rng.requests) ring.submit(rng.makePieces(lengths));
        rng.waitFor(() => ring.hasUsed(), "nothing comes back");
        while (ring.flights.size > 0) {
          rng.waitFor(() => ring.hasUsed(), "nothing comes back");
          ring.barrierAfterUsed();
          const { usedRing } = ring as Ring & { usedRing: { offset: number } };
          ring.memory.readBytes(
            usedRing.offset + UsedRing.RING,
            new Uint8Array(UsedRing.ELEM_SIZE * ring.size),
          );
          rng.accept(ring.take());
        }
      };
    },
  },
  {
    id: "packed-used-descriptor-whole",
    what: "flags are read, then the whole used descriptor with one load",
    on: { rings: PACKED },
    plant: ({ packed }) =>
      packed((r) =>
        before(r, "take", () => {
          r.barrierAfterUsed();
          r.memory.readBytes(r.descriptorAt(r.usedNext), new Uint8Array(DESC_SIZE));
        })
      ),
  },
  {
    id: "packed-descriptors-cleared",
    what: "a descriptor that came back is cleared",
    on: { rings: PACKED, devices: EACH, eventIdx: true },
    plant: ({ rng, packed }) => {
      if (rng.requests !== undefined) rng.requests = MANY;
      packed((r) => {
        const { skip } = r;
        r.skip = (count) => {
          for (let i = 0; i < count; i++) {
            r.memory.fill(r.descriptorAt((r.usedNext + i) % r.size), DESC_SIZE, 0);
          }
          skip.call(r, count);
        };
      });
    },
  },
  {
    id: "packed-flags-cleared",
    what: "the flags of a descriptor that came back are cleared, also where the ring was full",
    on: { rings: PACKED },
    plant: ({ rng, student, packed }) => {
      student.queueSize = 5;
      rng.requests = MANY;
      rng.work = () => {
        for (let i = 0; i < 40; i += 5) {
          for (let n = 0; n < 5; n++) rng.rings[0].submit(rng.makePieces([16]));
          for (let n = 0; n < 5; n++) {
            rng.accept(rng.nextUsed(rng.rings[0]));
            const { platform } = rng.ground;
            void platform.idle(platform.now() + 100);
          }
        }
      };
      packed((r) => {
        const { skip } = r;
        r.skip = (count) => {
          const at = r.descriptorAt(r.usedNext) + PackedDesc.FLAGS;
          r.memory.writeU16(at, 0);
          skip.call(r, count);
        };
        // Flags that were cleared look used in every other lap.
        r.hasUsed = () => {
          if (r.flights.size === 0) return false;
          return r.isUsed(r.memory.readU16(r.descriptorAt(r.usedNext) + PackedDesc.FLAGS));
        };
      });
    },
  },
  {
    id: "packed-ids-count-up",
    what: "buffer ids are any 16 bits: a counter, from high numbers on",
    on: { rings: PACKED, devices: EACH },
    plant: ({ packed }) => {
      let next = 0xfff0;
      packed((r) => {
        r.allocId = () => next = (next + 1) & 0xffff;
        r.freeId = forgotten;
      });
    },
  },
  {
    id: "split-two-entries-at-a-time",
    what: "entries of the available ring are written two at a time",
    on: { rings: SPLIT },
    plant: ({ rng, split }) => {
      rng.requests = MANY;
      split((r) => {
        r.putEntry = (head) => {
          const at = r.entryAt(r.availIdx) & ~3, both = r.memory.readU32(at);
          const high = (r.availIdx & 1) !== 0;
          r.memory.writeU32(at, (high ? both & 0xffff | head << 16 : both & 0xffff_0000 | head) >>> 0);
          r.availIdx = (r.availIdx + 1) & 0xffff;
        };
      });
      rng.work = () => {
        for (let i = 0; i < 40; i += 8) {
          for (let n = 0; n < 8; n++) rng.rings[0].submit(rng.makePieces([16]));
          for (let n = 0; n < 8; n++) rng.accept(rng.nextUsed(rng.rings[0]));
        }
      };
    },
  },
  {
    id: "split-used-flags-with-index",
    what: "flags and index of the used ring are read with one load of 32 bits",
    on: { rings: SPLIT, restless: true },
    plant: ({ rng, split }) => {
      rng.requests = MANY;
      split((r) => {
        r.usedFlags = () => r.memory.readU32(r.usedRing.offset + UsedRing.FLAGS) & 0xffff;
        r.readUsedIndex = () => r.memory.readU32(r.usedRing.offset + UsedRing.FLAGS) >>> 16;
      });
      rng.work = () => {
        for (let i = 0; i < 40; i += 8) {
          for (let n = 0; n < 8; n++) rng.rings[0].submit(rng.makePieces([16]));
          for (let n = 0; n < 8; n++) rng.accept(rng.nextUsed(rng.rings[0]));
        }
      };
    },
  },
  {
    id: "used-length-of-16-bits",
    what: "of a used length the lower 16 bits are read: buffers are shorter",
    on: { devices: ["rng"] },
    plant: ({ ring }) =>
      ring((r) => {
        const { readU32 } = r.memory;
        before(r, "take", () =>
          Object.defineProperty(r, "memory", {
            configurable: true,
            value: Object.create(r.memory, {
              readU32: {
                value: (at: number) =>
                  at % 8 === 0 && r.kind === "packed" || at % 8 === 4
                    ? r.memory.readU16(at)
                    : readU32.call(r.memory, at),
              },
            }),
          }));
      }),
  },
  {
    id: "notified-twice",
    what: "the device is notified a second time though nothing is new",
    on: { devices: EACH },
    plant: ({ ring }) =>
      ring((r) => {
        const { notify } = r;
        r.notify = () => {
          notify.call(r);
          notify.call(r);
        };
      }),
  },
  {
    id: "stronger-barriers-for-devices",
    what: "barriers are those for devices though ORDER_PLATFORM was not negotiated",
    on: { devices: EACH },
    plant: ({ ring }) =>
      ring((r) => {
        for (const name of ["barrierBeforePublish", "barrierBeforeKick", "barrierAfterUsed"] as const) {
          r[name] = () => r.memory.barrier(5);
        }
      }),
  },
  {
    id: "features-narrowed",
    what:
      "the driver writes its features, and writes them again with one less, in a word that is selected still",
    on: { eventIdx: true },
    plant: ({ student }) => {
      const { transport } = student;
      student.writeAccepted = (features) => {
        transport.accept(1, Number(features >> 32n));
        const low = Number(features & 0xffff_ffffn);
        transport.accept(0, low);
        student.accepted = features & ~F.EVENT_IDX;
        const less = Number(student.accepted & 0xffff_ffffn);
        if (transport.kind === "pci") (transport as typeof transport & { write: Write }).write(0x0c, 4, less);
        else (transport as typeof transport & { write: Write }).write(0x20, less);
      };
    },
  },
  {
    id: "configuration-in-one-bracket",
    what: "the whole configuration is read between two looks at the generation",
    on: {
      devices: ["net"],
      props: "speed=1000,duplex=full",
      wants: NetF.SPEED_DUPLEX,
    },
    plant: ({ net }) =>
      before(net, "readConfig", () =>
        net.consistent(() => {
          const { transport } = net;
          for (let i = 0; i < 6; i++) transport.readConfig(NetConfig.MAC + i, 1);
          transport.readConfig(NetConfig.STATUS, 2);
          transport.readConfig(NetConfig.SPEED, 4);
          return transport.readConfig(NetConfig.DUPLEX, 1);
        })),
  },
  {
    id: "one-header-for-many-frames",
    what: "all frames share one header of zeros",
    on: { devices: ["net"], eventIdx: true, indirect: true },
    plant: ({ net }) => {
      let header: ReturnType<typeof net.allocate> | undefined;
      net.makeFrame = (frame) => {
        if (header === undefined) {
          header = net.allocate(12, "header");
          net.ground.memory.fill(header.offset, 12, 0);
        }
        const buffer = net.allocate(frame.length, "frame");
        net.ground.memory.writeBytes(buffer.offset, frame);
        return [
          { buffer: header, length: 12, writable: false },
          { buffer, length: frame.length, writable: false },
        ];
      };
      net.transmit = (frame) => {
        const [, ring] = net.rings;
        for (let i = 0; i < 3; i++) ring.submit(net.makeFrame(frame));
        for (let i = 0; i < 3; i++) {
          const { pieces } = net.nextUsed(ring);
          net.freeBuffer(pieces[1].buffer);
        }
        // Three questions, three answers.
        for (let i = 0; i < 2; i++) net.receive();
      };
    },
  },
  {
    id: "short-frames-padded",
    what: "a frame is padded to 60 bytes with what the allocator cleared",
    on: { devices: ["net"] },
    plant: ({ net }) => {
      net.makeFrame = (frame) => {
        const length = 12 + Math.max(60, frame.length);
        const buffer = net.allocate(length, "frame");
        net.ground.memory.writeBytes(buffer.offset + 12, frame);
        return [{ buffer, length, writable: false }];
      };
    },
  },
  {
    id: "input-thrown-away",
    what: "what arrives is thrown away unread, and its buffers go back",
    on: { devices: ["net"] },
    notes: ["received-thrown-away"],
    plant: ({ net }) => {
      net.questions = 8;
      net.readFrame = () => new Uint8Array(0);
    },
  },
  {
    id: "readable-asked-often",
    what: "whether something can be read is asked again and again, while its reader is busy",
    on: { devices: ["net"], interrupts: ["none"] },
    plant: ({ net }) => {
      const { receive } = net;
      net.receive = () => {
        net.waitFor(() => net.rings[0].hasUsed(), "nothing comes");
        for (let i = 0; i < 3000; i++) {
          net.rings[0].hasUsed();
          if (i % 10 === 0) net.ground.platform.relax();
        }
        return receive.call(net);
      };
    },
  },
  {
    id: "answer-polled",
    what: "the answer of a command is waited for in its byte, then its chain is taken",
    on: { devices: ["net"], interrupts: ["none"] },
    plant: ({ net }) => {
      net.checkAck = forgotten;
      before(net, "freePieces", (pieces) => {
        if (pieces.at(-1)?.length === 1) net.ground.memory.readU8(pieces.at(-1)!.buffer.offset);
      });
    },
  },
  {
    id: "frame-copied-by-words",
    what: "a frame is copied four bytes at a time, the last word goes beyond it",
    on: { devices: ["net"] },
    plant: ({ net }) =>
      net.readFrame = (buffer, written) => {
        const frame = new Uint8Array(written - 12);
        for (let at = 0; at < frame.length; at += 4) {
          const word = net.ground.memory.readU32(buffer.offset + 12 + at);
          for (let i = 0; i < 4 && at + i < frame.length; i++) frame[at + i] = word >>> 8 * i;
        }
        return frame;
      },
  },
  {
    id: "queue-areas-like-legacy",
    what: "table and available ring, then padding to a page and the used ring, in one allocation",
    on: { rings: SPLIT, devices: EACH },
    plant: ({ split }) =>
      split((r) => {
        const allocate = r.allocatePart.bind(r);
        let whole: ReturnType<typeof allocate> | undefined;
        const part = (at: number, length: number) =>
          Object.create(whole!, {
            offset: { value: whole!.offset + at },
            phys: { value: whole!.phys + at },
            virt: { value: whole!.virt + at },
            length: { value: length },
            free: { value: at === 0 ? whole!.free.bind(whole) : forgotten },
          });
        r.allocatePart = (length, what) => {
          if (what === "table") return allocate(length, what);
          whole ??= allocate(8192, "areas");
          return part(what === "desc" ? 0 : what === "avail" ? DESC_SIZE * r.size : 4096, length);
        };
      }),
  },
  {
    id: "event-before-look",
    what: "the wish for interrupts is written before each look, behind a write barrier too",
    on: { eventIdx: true, devices: EACH },
    plant: ({ ring }) =>
      ring((r) =>
        before(r, "hasUsed", () => {
          if (!r.driver.interruptsWanted) return;
          r.setInterrupts(true);
          writeBarrier(r.memory, false);
          r.barrierBeforeKick();
        })
      ),
  },
  {
    id: "index-written-twice",
    what: "the available index is stored a second time",
    on: { rings: SPLIT, devices: EACH },
    plant: ({ split }) =>
      split((r) => after(r, "showIndex", () => r.memory.writeU16(r.avail.offset + Avail.IDX, r.availIdx))),
  },
  {
    id: "batch-taken-then-interrupts",
    what: "used chains are collected first, and handled when the ring is empty",
    on: { eventIdx: true, devices: ["rng"], restless: true },
    plant: ({ rng }) => {
      rng.requests = MANY.slice(0, 7);
      rng.work = () => {
        const [ring] = rng.rings;
        for (const lengths of rng.requests) ring.add(rng.makePieces(lengths));
        ring.publish();
        ring.kick();
        while (ring.flights.size > 0) {
          const taken: Used[] = [rng.nextUsed(ring)];
          while (ring.hasUsed()) taken.push(ring.take());
          for (const used of taken.reverse()) rng.accept(used);
        }
      };
    },
  },
];

type Write = (...args: number[]) => void;
