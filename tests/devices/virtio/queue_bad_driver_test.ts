/** What a driver can do wrong to a ring: the queue refuses it by name, and neither hangs nor reads outside. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DeviceQueueError } from "../../../devices/virtio/queue.ts";
import { DESC, type Desc, DRIVER, INDIRECT, NEXT, RawDriver, TABLES, WRITE } from "./_driver.ts";

/** Expects that `pop` refuses, with QEMU's words, and that the queue is dead but calm from then on. */
function refuses(d: RawDriver, qemu: string): void {
  const error = assertThrows(() => d.queue.pop(), DeviceQueueError) as DeviceQueueError;
  assertEquals(error.qemu, qemu);
  assert(
    error.message.startsWith("test queue 0: ") && error.message.includes("virtio 1.4, 2."),
    error.message,
  );
  assertEquals(d.queue.broken, error);
  assertEquals(d.queue.pop(), undefined);
  assertEquals(d.queue.snapshot().inFlight, []);
  assertEquals(d.used(), undefined);
}

const LOOP = "Looped descriptor";
const TABLE = "Invalid size for indirect buffer table";
const BOGUS = "virtio: bogus descriptor or out of resources";

for (const packed of [false, true]) {
  const ring = packed ? "packed" : "split";
  const fresh = (more = {}) => new RawDriver({ packed, size: 8, ...more });
  const bad = (name: string, qemu: string, list: (d: RawDriver) => Desc[]) =>
    Deno.test(`${ring}, bad driver: ${name}`, () => {
      const d = fresh();
      d.chain(list(d));
      refuses(d, qemu);
    });

  bad("readable after writable", "Incorrect order for descriptors", () => [{ flags: WRITE }, {}]);
  bad("length 0", "virtio: zero sized buffers are not allowed", () => [{ len: 0 }]);
  bad("length 0 within", "virtio: zero sized buffers are not allowed", () => [{}, { len: 0, flags: WRITE }]);
  bad("indirect table of length 0", TABLE, () => [{ addr: TABLES, len: 0, flags: INDIRECT }]);
  bad("indirect table of length 24", TABLE, () => [{ addr: TABLES, len: 24, flags: INDIRECT }]);
  // Read as zeros, as in QEMU: a buffer of length 0.
  bad(
    "indirect table outside",
    "virtio: zero sized buffers are not allowed",
    () => [{ addr: 2 ** 45, len: 16, flags: INDIRECT }],
  );
  bad("indirect table over the edge", "Cannot map indirect buffer", () => [
    { addr: 0x1ffff0, len: 32, flags: INDIRECT },
  ]);
  bad("more than 1024 buffers", "virtio: too many write descriptors in indirect table", (d) => [
    d.table(Array.from({ length: 1025 }, () => ({ len: 1 }))),
  ]);
  bad("more than a page outside", BOGUS, () => [{ addr: 2 ** 45, len: 4097 }]);
  bad("two buffers outside", BOGUS, () => [{ addr: 2 ** 45 }, { addr: 2 ** 46 }]);
  bad("an address that wraps", BOGUS, () => [{ addr: 0xffff_ffff, hi: 0xffff_ffff, len: 0xffff_ffff }]);

  Deno.test(`${ring}, bad driver: one buffer outside is used, reads zeros (QEMU's bounce buffer)`, () => {
    const d = fresh();
    for (let i = 0; i < 3; i++) {
      d.chain([{ addr: 2 ** 45, flags: WRITE }], 1);
      const chain = d.queue.pop()!;
      assertEquals(chain.writeFrom(new Uint8Array(64).fill(1)), 64);
      d.queue.push(chain, 64);
      assertEquals(d.used(), packed ? { id: 1, len: 64, flags: 0x8080 } : { id: 1, len: 64 });
    }
    d.chain([{ addr: 0xffff_f000, hi: 0xffff_ffff }], 1);
    assertEquals([...d.queue.pop()!.readAll()], Array(64).fill(0));
  });

  Deno.test(`${ring}, bad driver: a table within a table is a plain buffer, as in QEMU`, () => {
    const d = fresh();
    d.chain([d.table([{ len: 32, flags: INDIRECT, addr: TABLES }])]);
    assertEquals(d.queue.pop()!.readableLength, 32);
  });

  Deno.test(`${ring}, bad driver: a chain without end`, () => {
    const d = fresh();
    if (packed) {
      for (let i = 0; i < 8; i++) d.desc(DESC + i * 16, { flags: NEXT | 0x80 });
    } else {
      d.desc(DESC, { flags: NEXT, next: 1 });
      d.desc(DESC + 16, { flags: NEXT, next: 0 });
      d.publish(0);
    }
    assertThrows(() => d.queue.availBytes(1e9, 1e9), DeviceQueueError, LOOP);
    d.queue.broken = undefined;
    refuses(d, LOOP);
  });

  Deno.test(`${ring}, bad driver: chains are made available again while in flight`, () => {
    const d = fresh({ size: 2 });
    for (let i = 0; i < 2; i++) d.chain([{}], 0);
    d.queue.pop();
    d.queue.pop();
    d.chain([{}], 0);
    if (packed) d.put(DESC + 14, 0x8000);
    assertThrows(() => d.queue.pop(), DeviceQueueError, "Virtqueue size exceeded");
  });

  Deno.test(`${ring}, bad driver: random rings of random bytes`, () => {
    let seed = 0x1234_5678;
    const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 8;
    let refused = 0;
    for (let run = 0; run < 2000; run++) {
      const d = new RawDriver({
        packed,
        size: 1 + random() % 9,
        eventIdx: run % 2 === 0,
        inOrder: run % 3 === 0,
      });
      for (let i = 0; i < d.setup.size; i++) {
        d.desc(DESC + i * 16, {
          addr: random() % 4 === 0 ? DESC : random() * 4,
          len: (random() % 5) * 16,
          flags: (random() % 8) | (packed ? [0x80, 0x8000, 0][random() % 3] : 0),
          next: random() % 10,
        });
      }
      for (let i = 0; i < d.setup.size; i++) d.put(DRIVER + 4 + 2 * i, random() % 10);
      d.put(DRIVER + 2, packed ? random() % 3 : random() % 10);
      try {
        for (let i = 0; i < 40; i++) {
          d.queue.availBytes(random() % 100, random() % 100);
          const chain = d.queue.pop();
          if (chain === undefined) break;
          chain.writeFrom(chain.readAll());
          if (random() % 2 === 0) d.queue.push(chain, 1);
          d.queue.shouldInterrupt();
        }
      } catch (error) {
        if (!(error instanceof DeviceQueueError)) throw error;
        refused++;
      }
    }
    assert(refused > 200, `only ${refused} refused: the test has lost its point`);
  });
}

Deno.test("split, bad driver: head out of range", () => {
  const d = new RawDriver({ packed: false, size: 8 });
  d.publish(8);
  refuses(d, "Guest says index 8 is available");
});

Deno.test("split, bad driver: next out of range, in the ring and in a table", () => {
  const d = new RawDriver({ packed: false, size: 8 });
  d.chain([{ next: 8 }, {}]);
  refuses(d, "Desc next is 8");
  const e = new RawDriver({ packed: false, size: 8 });
  e.chain([e.table([{ next: 2 }, {}])]);
  refuses(e, "Desc next is 2");
});

Deno.test("split, bad driver: avail.idx jumps by more than the size: found when bytes are counted, as in QEMU", () => {
  const d = new RawDriver({ packed: false, size: 8 });
  d.chain([{}], 0);
  d.put(DRIVER + 2, 9);
  assertEquals(d.queue.pop()?.id, 0);
  const e = new RawDriver({ packed: false, size: 8 });
  e.put(DRIVER + 2, 0xffff);
  assertThrows(() => e.queue.availBytes(1, 1), DeviceQueueError, "from 0 to 65535");
});

Deno.test("split, bad driver: a loop in an indirect table", () => {
  const d = new RawDriver({ packed: false, size: 8 });
  d.chain([d.table([{}, { flags: NEXT, next: 0 }])]);
  refuses(d, LOOP);
});
