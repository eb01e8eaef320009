import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { type AvailBufferToken, BufferType } from "../../../../drivers/virtio/virtqueue/mod.ts";
import { F } from "../../../../spec/virtio/features.ts";
import { errorKind, KINDS, type Popped, rig, tinyDevice, token } from "./support.ts";

/** One step: what is done, and a number that decides the details. */
const steps = fc.array(
  fc.tuple(fc.constantFrom("dispatch", "batch", "pop", "push", "recv", "notifs"), fc.nat(999)),
  { minLength: 20, maxLength: 120 },
);
const SHAPES: [number[], number[]][] = [[[4], []], [[], [8]], [[4], [8]], [[1, 2], [3]], [[1, 2], [3, 4, 5]]];

for (const kind of KINDS) {
  const sizes = kind === "split" ? [1, 2, 4, 8] : [1, 2, 3, 5, 8];
  for (const features of [0n, F.EVENT_IDX, F.IN_ORDER]) {
    Deno.test(`${kind}, features ${features}: any interleaving equals a list`, () => {
      fc.assert(
        fc.property(fc.constantFrom(...sizes), steps, (size, ops) => {
          const r = rig(kind, { size, features: features | F.INDIRECT_DESC });
          const device = tinyDevice(kind, r);
          const available: AvailBufferToken[] = [];
          const popped: { chain: Popped; token: AvailBufferToken }[] = [];
          const used: { token: AvailBufferToken; length: number }[] = [];
          let taken = 0;
          for (const [op, n] of ops) {
            if (op === "dispatch" || op === "batch") {
              const count = op === "batch" ? 1 + n % 3 : 1;
              const batch = Array.from({ length: count }, (_, i) => {
                const type = (n + i) % 4 === 0 ? BufferType.Indirect : BufferType.Direct;
                return [token(r, ...SHAPES[(n + i) % SHAPES.length]), type] as const;
              });
              const need = batch.reduce(
                (sum, [t, type]) => sum + (type === BufferType.Direct ? t.descriptors : 1),
                0,
              );
              const notif = n % 7 === 0;
              const kindOf = errorKind(() =>
                op === "batch"
                  ? r.vq.dispatchBatch(batch, notif)
                  : r.vq.dispatch(batch[0][0], notif, batch[0][1])
              );
              assertEquals(kindOf, taken + need <= size ? "none" : "NoDescrAvail");
              if (kindOf !== "none") continue;
              taken += need;
              available.push(...batch.map(([t]) => t));
            } else if (op === "pop") {
              const chain = device.pop();
              const expected = available.shift();
              assertEquals(chain === undefined, expected === undefined);
              if (chain === undefined || expected === undefined) continue;
              const elems = [...expected.sendBuff, ...expected.recvBuff];
              assertEquals(chain.segments.map((s) => s.addr), elems.map((e) => e.phys as number));
              popped.push({ chain, token: expected });
            } else if (op === "push" && popped.length > 0) {
              const at = features === F.IN_ORDER ? 0 : n % popped.length;
              const [{ chain, token }] = popped.splice(at, 1);
              const length = n % (token.writable + 1);
              device.push(chain.id, length, chain.n);
              used.push({ token, length });
            } else if (op === "recv") {
              const got = r.vq.tryRecv();
              const expected = used.shift();
              assertStrictEquals(got?.token, expected?.token);
              assertEquals(got?.writtenLen, expected?.length);
              if (got === undefined) continue;
              taken = size - r.vq.snapshot().free;
              got.token.free();
            } else if (op === "notifs") {
              if (n % 2) r.vq.disableNotifs();
              else assertEquals(r.vq.enableNotifs(), used.length > 0);
            }
            const outstanding = available.length + popped.length + used.length;
            assertEquals(r.vq.snapshot().inFlight.length, outstanding);
            const descriptors = r.vq.snapshot().inFlight.reduce((sum, b) => sum + b.descriptors, 0);
            assertEquals(r.vq.snapshot().free, size - descriptors);
          }
        }),
        { numRuns: 60 },
      );
    });
  }

  Deno.test(`${kind}: 70000 cycles cross the 16-bit limit`, () => {
    for (const size of kind === "split" ? [4] : [3, 4]) {
      const r = rig(kind, { size });
      const device = tinyDevice(kind, r);
      const tokens = [token(r, [1], []), token(r, [], [2]), token(r, [1], [2])];
      for (let i = 0; i < 70_000; i++) {
        const t = tokens[i % 3];
        r.vq.dispatch(t, false, BufferType.Direct);
        const chain = device.pop()!;
        device.push(chain.id, t.writable, chain.n);
        if (r.vq.tryRecv()?.token !== t) throw new Error(`cycle ${i}`);
        if (i % 1000 === 0) r.memory.barriers.length = r.notified.length = 0;
      }
      assertEquals(r.vq.snapshot().free, size);
    }
  });

  Deno.test(`${kind}: a device that writes anything where it may: only typed errors, no descriptor lost`, () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(40), fc.nat(6)), { maxLength: 60 }), (ops) => {
        const r = rig(kind, { features: F.INDIRECT_DESC });
        const device = tinyDevice(kind, r);
        for (const [id, length, n] of ops) {
          const type = n % 2 ? BufferType.Direct : BufferType.Indirect;
          errorKind(() => r.vq.dispatch(token(r, [1], [4]), n % 3 === 0, type));
          device.push(id, length, 1 + n % 2, n === 6 ? 100 : 1);
          errorKind(() => r.vq.tryRecv());
          const snapshot = r.vq.snapshot();
          const descriptors = snapshot.inFlight.reduce((sum, b) => sum + b.descriptors, 0);
          assertEquals(snapshot.free, 4 - descriptors);
        }
      }),
      { numRuns: 100 },
    );
  });
}
