import { Avail } from "../../../spec/virtio/split.ts";
import { DeviceStatus } from "../../../spec/virtio/status.ts";
import { after, before, forgotten, type Mistake } from "../mistake.ts";
import type { Ring } from "../student/mod.ts";

/** Who owns which memory when, on either ring. */
export const MEMORY: readonly Mistake[] = [
  {
    id: "memory-buffer-freed-in-flight",
    what: "the buffer is freed as soon as it was given to the device",
    on: {},
    plant: ({ rng, ring }) => {
      ring((r) => after(r, "submit", () => freeLast(r)));
      rng.freePieces = forgotten;
      rng.releaseMemory = forgotten;
    },
    expect: { rule: "buffer-freed-in-flight" },
    also: ["use-after-free"],
  },
  {
    id: "memory-rings-freed-before-reset",
    what: "the rings are freed, then the device is reset",
    on: {},
    plant: ({ student }) =>
      student.shutDown = () => {
        student.releaseMemory();
        student.reset();
        student.transport.close();
      },
    expect: { rule: "ring-freed" },
  },
  {
    id: "memory-no-reset-at-end",
    what: "the driver frees its memory and leaves the device as it is",
    on: {},
    plant: ({ student }) => student.shutDown = () => student.releaseMemory(),
    expect: { rule: "ring-freed" },
  },
  {
    id: "memory-buffers-freed-with-device-live",
    what: "receive buffers that the device still has are freed at the end, before the reset",
    on: { devices: ["console", "net"] },
    plant: ({ student }) =>
      before(student, "shutDown", () => {
        for (const { pieces } of student.rings[0].flights.values()) student.freePieces(pieces);
      }),
    expect: { rule: "buffer-freed-in-flight" },
  },
  {
    id: "memory-table-freed-in-flight",
    what: "the indirect table is freed when the chain was published",
    on: { indirect: true },
    plant: ({ ring }) =>
      ring((r) =>
        after(r, "submit", (id) => {
          const { table } = r.flights.get(id)!;
          if (table === undefined) return;
          table.free();
          table.free = forgotten;
        })
      ),
    expect: { rule: "buffer-freed-in-flight" },
  },
  {
    id: "memory-table-reused-in-flight",
    what: "all chains share one indirect table",
    on: { indirect: true },
    plant: ({ rng, ring }) => {
      rng.requests = [[16, 16], [16, 16], [16, 16]];
      rng.work = () => rng.askAll();
      ring((r) => {
        const allocate = r.allocatePart.bind(r);
        let table: ReturnType<typeof allocate> | undefined;
        r.allocatePart = (length, what) => {
          if (what !== "table") return allocate(length, what);
          if (table === undefined) {
            table = allocate(length, what);
            table.free = forgotten;
          }
          return table;
        };
      });
      const { releaseMemory } = rng;
      rng.releaseMemory = () => {
        releaseMemory.call(rng);
        for (const left of rng.ground.alloc.live()) rng.ground.alloc.free(left);
      };
    },
    expect: { rule: "table-in-flight" },
  },
  {
    id: "memory-buffer-given-twice",
    what: "one buffer is given to the device for two requests at once",
    on: {},
    plant: ({ rng }) => {
      rng.requests = [[64], [64]];
      rng.atOnce = true;
      const make = rng.makePieces.bind(rng);
      let first: ReturnType<typeof make> | undefined;
      rng.makePieces = (lengths) => first ??= make(lengths);
      rng.freePieces = forgotten;
    },
    expect: { rule: "buffer-shared" },
  },
  {
    id: "memory-output-changed-in-flight",
    what: "the output buffer is filled with the next text while the device sends it",
    on: { devices: ["console"] },
    plant: ({ console, ring }) =>
      ring((r) => {
        if (r.queue !== 1) return;
        after(r, "submit", (_, [piece]) => console.ground.memory.fill(piece.buffer.offset, 5, 0x2e));
      }),
    expect: { rule: "readable-buffer-in-flight" },
  },
  {
    id: "memory-input-cleared-in-flight",
    what: "a receive buffer is cleared after it was given to the device",
    on: { devices: ["console", "net"] },
    plant: ({ student, ring }) =>
      ring((r) => {
        if (r.queue !== 0) return;
        after(r, "submit", (_, [piece]) => student.ground.memory.fill(piece.buffer.offset, piece.length, 0));
      }),
    expect: { rule: "writable-buffer-in-flight" },
  },
  {
    id: "memory-read-before-used",
    what: "the buffer is read before the device has given it back",
    on: {},
    plant: ({ rng, ring }) =>
      ring((r) =>
        after(
          r,
          "submit",
          (_, [piece]) => rng.ground.memory.readBytes(piece.buffer.offset, new Uint8Array(8)),
        )
      ),
    expect: { rule: "writable-buffer-read-early" },
  },
  {
    id: "memory-uninitialised-sent",
    what: "the length of what is sent is that of the buffer, of which only the start was filled",
    on: { devices: ["console"] },
    plant: ({ ring }) =>
      ring((r) => {
        if (r.queue !== 1) return;
        const { submit } = r;
        r.submit = ([piece]) => submit.call(r, [{ ...piece, length: piece.length + 20 }]);
        const { driver } = r;
        const { allocate } = driver;
        driver.allocate = (length, what) =>
          allocate.call(driver, what === "output" ? length + 20 : length, what);
      }),
    expect: { rule: "unwritten-bytes-sent" },
  },
  {
    id: "memory-used-length-ignored",
    what: "the whole buffer is read, though the device wrote less",
    on: { props: "max-bytes=10,period=1000" },
    plant: ({ rng }) => {
      rng.requests = [[64]];
      rng.usable = () => 64;
    },
    expect: { rule: "rng-used-length", found: /54 bytes were read behind the 10/ },
  },
  {
    id: "memory-leak",
    what: "buffers are never freed",
    on: {},
    plant: ({ student }) => student.freeBuffer = forgotten,
    expect: { rule: "device-memory-leak" },
  },
  {
    id: "memory-freed-twice",
    what: "a buffer is freed twice",
    on: {},
    plant: ({ rng }) => after(rng, "freePieces", (_, [piece]) => piece.buffer.free()),
    expect: { rule: "freed-twice" },
  },
  {
    id: "memory-read-after-free",
    what: "entropy is read from the buffer after that was freed",
    on: {},
    plant: ({ rng }) =>
      rng.accept = (used) => {
        rng.freePieces(used.pieces);
        rng.bytes.push(rng.read(used));
      },
    expect: { rule: "use-after-free" },
  },
  {
    id: "memory-written-after-free",
    what: "the buffer is cleared after it was freed",
    on: {},
    plant: ({ rng }) =>
      after(rng, "freePieces", (_, [piece]) => rng.ground.memory.fill(piece.buffer.offset, 8, 0)),
    expect: { rule: "use-after-free" },
  },
  {
    id: "memory-buffer-virtual-address",
    what: "descriptors hold virtual addresses",
    on: {},
    plant: ({ ring }) => ring((r) => r.pieceAddress = (piece) => piece.buffer.virt + (piece.offset ?? 0)),
    expect: { rule: "buffer-not-in-ram", found: /0x4010/ },
  },
  {
    id: "memory-table-virtual-address",
    what: "the address of an indirect table is a virtual one",
    on: { indirect: true },
    plant: ({ ring }) =>
      ring((r) => {
        const address = r.pieceAddress.bind(r);
        r.pieceAddress = (piece) => piece.buffer.owner.endsWith("table") ? piece.buffer.virt : address(piece);
      }),
    expect: { rule: "buffer-not-in-ram", found: /0x4010/ },
  },
  {
    id: "memory-buffer-offset-for-address",
    what: "descriptors hold the offset of the buffer in its page: addresses near 0",
    on: {},
    plant: ({ ring }) => ring((r) => r.pieceAddress = (piece) => (piece.buffer.phys & 0xfff) + 0x1000),
    expect: { rule: "buffer-too-long" },
  },
  {
    id: "memory-buffer-longer-than-allocated",
    what: "the device may write more than was allocated",
    on: {},
    plant: ({ rng }) => {
      const make = rng.makePieces.bind(rng);
      rng.makePieces = (lengths) => make(lengths).map((piece) => ({ ...piece, length: 8192 }));
    },
    expect: { rule: "buffer-too-long", found: /8192/ },
  },
  {
    id: "memory-descriptor-of-freed-buffer",
    what: "a request is made with a buffer that was freed",
    on: {},
    plant: ({ rng }) => {
      const make = rng.makePieces.bind(rng);
      rng.requests = [[64], [64]];
      rng.makePieces = (lengths) => {
        const pieces = make(lengths);
        rng.freeBuffer(pieces[0].buffer);
        return pieces;
      };
      rng.freePieces = forgotten;
    },
    expect: { rule: "buffer-freed" },
    also: ["use-after-free"],
  },
  {
    id: "memory-ring-address-freed",
    what: "the memory of the rings is freed between set-up and DRIVER_OK",
    on: {},
    plant: ({ student }) => {
      before(student, "driverOk", () => student.rings[0].release());
      student.releaseMemory = forgotten;
    },
    expect: { rule: "use-after-free" },
    also: ["buffer-in-ring", "ring-freed", "split-available-index"],
  },
  {
    id: "memory-reset-while-waiting",
    what: "after a reset the driver goes on with the rings as they were",
    on: {},
    plant: ({ rng }) => {
      rng.requests = [[16], [16]];
      after(rng, "ask", () => {
        rng.reset();
        for (const bit of [DeviceStatus.ACKNOWLEDGE, DeviceStatus.DRIVER]) rng.addStatus(bit);
        rng.negotiate();
        rng.confirmFeatures();
        rng.driverOk();
      });
    },
    expect: { rule: "notify-enabled-queue" },
  },
  {
    id: "memory-freed-before-reset-done",
    what: "0 is written to the status, and memory is freed before that reads back as 0",
    on: {},
    plant: ({ student }) =>
      student.shutDown = () => {
        student.transport.setStatus(0);
        student.releaseMemory();
        student.waitForReset();
        student.transport.close();
      },
    expect: { rule: "freed-before-reset-done", found: /was freed after 0 was written to the status/ },
  },
  {
    id: "memory-buffer-is-used-ring",
    what: "the address of the used ring, or of the device's event structure, is taken for that of the buffer",
    on: {},
    plant: ({ ring }) => ring((r) => r.pieceAddress = () => r.areas().device),
    expect: { rule: "buffer-in-ring", found: /over the (used ring|device event area)/ },
    also: ["buffer-too-long", "lost-notification", "split-descriptor-in-flight", "split-descriptor-shared"],
  },
  {
    id: "memory-buffer-in-descriptors",
    what: "the buffer lies behind the first descriptors, in their table",
    on: { rings: ["split"] },
    plant: ({ rng, ring }) => {
      rng.requests = [[16], [16]];
      ring((r) => r.pieceAddress = () => r.areas().desc + 64);
    },
    expect: { rule: "buffer-in-ring", found: /over the descriptor table/ },
  },
  {
    id: "memory-used-event-beyond",
    what: "used_event is looked for one place too far, behind the available ring",
    on: { rings: ["split"], eventIdx: true },
    plant: ({ split }) =>
      split((r) =>
        r.writeUsedEvent = (index) => r.memory.writeU16(r.avail.offset + Avail.RING + 2 * (r.size + 1), index)
      ),
    expect: { rule: "memory-beyond-allocation", found: /wrote 2 bytes .* has (?:22|38) bytes and ends at/ },
    also: ["stuck-machine"],
  },
  {
    id: "memory-read-beyond",
    what: "more is read of a buffer than was allocated",
    on: {},
    plant: ({ rng }) =>
      before(rng, "accept", ({ pieces: [{ buffer }] }) => {
        rng.ground.memory.readBytes(buffer.offset + 32, new Uint8Array(64));
      }),
    expect: { rule: "memory-beyond-allocation", found: /read 64 bytes/ },
  },
  {
    id: "memory-given-twice",
    what: "the allocator gives out what it has given out already",
    on: {},
    plant: ({ student }) => {
      const { alloc } = student.ground;
      student.startQueues = () => {
        const { frames } = alloc as unknown as { frames: { allocate(length: number): number } };
        const first = alloc.live()[0].phys;
        frames.allocate = () => first;
      };
      // Whose is what, nobody knows any more.
      student.work = () => void alloc.allocate(64, "student entropy");
      student.releaseMemory = forgotten;
    },
    expect: {
      rule: "memory-given-twice",
      found: /64 bytes .* were given to "student entropy", and "student queue 0/,
    },
    also: ["device-memory-leak", "device-area-written", "split-descriptor-in-flight"],
  },
];

function freeLast(ring: Ring): void {
  const [flight] = [...ring.flights.values()].slice(-1);
  for (const { buffer } of flight.pieces) buffer.free();
}
