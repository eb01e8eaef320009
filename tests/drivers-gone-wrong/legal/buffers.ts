import { NetF } from "../../../spec/virtio/features.ts";
import { after, before, forgotten } from "../mistake.ts";
import type { Legal } from "./legal.ts";

/** Buffers, and when they are used. */
export const BUFFERS: readonly Legal[] = [
  {
    id: "buffers-in-one-allocation",
    what: "buffers of several chains are pieces of one allocation",
    on: {},
    plant: ({ rng }) => {
      rng.requests = [[64], [64], [64]];
      rng.work = () => rng.askAll();
      let buffer: ReturnType<typeof rng.allocate> | undefined;
      let next = 0;
      rng.makePieces = ([length]) => {
        buffer ??= rng.allocate(1024, "entropy");
        return [{ buffer, offset: 256 * next++, length, writable: true }];
      };
      rng.freePieces = forgotten;
    },
  },
  {
    id: "buffers-in-static-memory",
    what: "buffers, and indirect tables, lie in memory that the driver's image has, not in allocations",
    on: { indirect: true },
    plant: ({ rng, ring }) => {
      // Below 1 MiB nothing is given out.
      let next = 0x8000;
      const image = (length: number) => {
        const phys = next;
        next += Math.ceil(length / 64) * 64;
        rng.ground.memory.fill(phys, length, 0);
        return Object.create(null, {
          ...{ offset: { value: phys }, phys: { value: phys }, length: { value: length } },
          free: { value: forgotten },
        });
      };
      rng.makePieces = (lengths) =>
        lengths.map((length) => ({ buffer: image(length), length, writable: true }));
      rng.freePieces = forgotten;
      ring((r) => {
        const { allocatePart } = r;
        r.allocatePart = (length, what) =>
          what === "table" ? image(length) : allocatePart.call(r, length, what);
      });
    },
  },
  {
    id: "buffer-used-again",
    what: "one buffer serves one request after the other",
    on: {},
    plant: ({ rng }) => {
      let buffer: ReturnType<typeof rng.allocate> | undefined;
      rng.makePieces = ([length]) => {
        buffer ??= rng.allocate(512, "entropy");
        return [{ buffer, length, writable: true }];
      };
      rng.freePieces = forgotten;
    },
  },
  {
    id: "output-sent-twice",
    what: "one buffer is sent two times at once",
    on: { devices: ["console"] },
    plant: ({ console }) => {
      console.send = (queue, bytes) => {
        const buffer = console.allocate(bytes.length, "output");
        console.ground.memory.writeBytes(buffer.offset, bytes);
        const piece = { buffer, length: bytes.length, writable: false };
        for (let i = 0; i < 2; i++) console.rings[queue].submit([piece]);
        for (let i = 0; i < 2; i++) console.nextUsed(console.rings[queue]);
        console.freeBuffer(buffer);
      };
    },
  },
  {
    id: "buffer-cleared-before-use",
    what: "buffers are cleared before the device gets them, and after it gave them back",
    on: {},
    plant: ({ rng }) => {
      const clear = (pieces: ReturnType<typeof rng.makePieces>) => {
        for (const { buffer, length } of pieces) rng.ground.memory.fill(buffer.offset, length, 0);
      };
      after(rng, "makePieces", clear);
      before(rng, "freePieces", (pieces) => clear([...pieces]));
    },
  },
  {
    id: "receive-buffers-in-two-pieces",
    what: "receive buffers are a piece for the header and one for the frame",
    on: { devices: ["net"] },
    plant: ({ net }) => {
      net.giveReceiveBuffer = (buffer) => {
        const length = net.receiveSize() - 12;
        net.rings[0].submit([
          { buffer, length: 12, writable: true },
          { buffer, offset: 12, length, writable: true },
        ]);
      };
    },
  },
  {
    id: "frame-in-one-piece",
    what: "header and frame are sent in one buffer",
    on: { devices: ["net"], wants: NetF.MRG_RXBUF },
    plant: ({ net }) =>
      net.makeFrame = (frame) => {
        const length = 12 + frame.length;
        const buffer = net.allocate(length, "frame");
        net.ground.memory.fill(buffer.offset, 12, 0);
        net.ground.memory.writeBytes(buffer.offset + 12, frame);
        return [{ buffer, length, writable: false }];
      },
  },
  {
    id: "idle-for-long",
    what: "the driver waits a long time between two requests",
    on: { devices: ["rng", "net", "console"] },
    plant: ({ student }) =>
      before(student, "work", () => {
        const { platform } = student.ground;
        for (let i = 0; i < 10; i++) void platform.idle(platform.now() + 1e9);
      }),
  },
];
