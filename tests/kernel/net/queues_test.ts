import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { DatagramQueue } from "../../../kernel/net/datagram_queue.ts";
import { LoopbackDevice } from "../../../kernel/net/loopback.ts";
import { onceTest } from "../../support/once.ts";
import { pattern } from "./_world.ts";

/** Sizes of what is put in; negative: so many are taken out. */
const operations = (largest: number) =>
  fc.array(fc.oneof({ weight: 3, arbitrary: fc.nat(largest) }, fc.integer({ min: -4, max: -1 })), {
    minLength: 50,
    maxLength: 150,
  });

onceTest("a queue of datagrams gives back what was put in, in order, within its limit", () => {
  fc.assert(
    fc.property(operations(3000), fc.integer({ min: 100, max: 20_000 }), (steps, limit) => {
      const queue = new DatagramQueue(limit);
      const model: { bytes: Uint8Array; address: number; port: number }[] = [];
      for (const [i, step] of steps.entries()) {
        if (step >= 0) {
          const bytes = pattern(step + 2, i),
            entry = { bytes: bytes.subarray(1, step + 1), address: i * 7, port: i };
          const taken = queue.push(entry.address, entry.port, bytes, 1, step + 1);
          if (taken) model.push(entry);
          else assert(model.length > 0, "an empty queue takes any datagram");
        }
        for (let n = step; n < 0; n++) {
          const first = queue.peek(), expected = model.shift();
          assertEquals(first === undefined, expected === undefined);
          if (first === undefined || expected === undefined) break;
          assertEquals([first.address, first.port, first.length], [
            expected.address,
            expected.port,
            expected.bytes.length,
          ]);
          assertEquals(queue.bytes.slice(first.at, first.at + first.length), expected.bytes.slice());
          queue.drop();
        }
        assertEquals([queue.length, queue.size], [
          model.length,
          model.reduce((n, m) => n + m.bytes.length, 0),
        ]);
        assert(model.length <= 1 || queue.size <= limit);
        assert(queue.bytes.length <= 4 * Math.max(limit, 4096) + 8192, "the ring does not grow without end");
      }
    }),
    { numRuns: 60 },
  );
});

onceTest(
  "the loopback device gives back all frames that it took, whole and in order, and says when there is room",
  () => {
    fc.assert(
      fc.property(operations(65_000), (steps) => {
        const device = new LoopbackDevice();
        const model: Uint8Array[] = [];
        let writable = 0, refused = false;
        device.onWritable = () => writable++;
        for (const [i, step] of steps.entries()) {
          if (step >= 0) {
            const frame = pattern(step + 14, i);
            if (device.transmit(frame)) model.push(frame);
            else refused = true;
          }
          for (let n = step; n < 0; n++) {
            const got = device.receive(), expected = model.shift();
            assertEquals(got?.bytes.slice(), expected);
          }
        }
        while (model.length > 0) assertEquals(device.receive()!.bytes.slice(), model.shift());
        assertEquals(device.receive(), undefined);
        assertEquals(writable > 0, refused);
      }),
      {
        numRuns: 40,
        endOnFailure: true,
        // The ring becomes empty in its middle, is filled to its end, and then something small comes.
        examples: [[[
          1,
          0,
          -3,
          ...new Array<number>(8).fill(60_000),
          44_000,
          ...new Array<number>(14).fill(0),
          -4,
        ]]],
      },
    );
  },
);
