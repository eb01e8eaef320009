import { testUnless } from "../support/once.ts";
import { assert, assertEquals } from "@std/assert";
import { packedRing, type Ring, splitRing } from "../../dashboard/lib/views/mod.ts";
import { BUILT } from "./recorded_run.ts";

const ignore = Deno.env.get("CAREFUL") === "1" || BUILT === "mmio";
const test = testUnless(ignore);
const DESC = 0x1000, DRIVER = 0x2000, DEVICE = 0x3000, TABLE = 0x4000, SIZE = 4;

/** Memory of a ring of four, written by hand. */
class Memory {
  readonly view = new DataView(new ArrayBuffer(0x5000));
  readonly read = (address: number, length: number) =>
    new Uint8Array(this.view.buffer.slice(address, address + length));

  split(at: number, addr: number, len: number, flags: number, next = 0): void {
    this.view.setUint32(at, addr, true);
    this.view.setUint32(at + 8, len, true);
    this.view.setUint16(at + 12, flags, true);
    this.view.setUint16(at + 14, next, true);
  }
  packed(slot: number, addr: number, len: number, id: number, flags: number): void {
    this.split(DESC + 16 * slot, addr, len, id, flags);
  }
  avail(...heads: number[]): void {
    this.view.setUint16(DRIVER + 2, heads.length, true);
    heads.forEach((head, i) => this.view.setUint16(DRIVER + 4 + 2 * (i % SIZE), head, true));
  }
  used(...heads: number[]): void {
    this.view.setUint16(DEVICE + 2, heads.length, true);
    heads.forEach((head, i) => {
      this.view.setUint32(DEVICE + 4 + 8 * (i % SIZE), head, true);
      this.view.setUint32(DEVICE + 8 + 8 * (i % SIZE), 7, true);
    });
  }
}
function ring(kind: "split" | "packed", more: Partial<Ring> = {}): Ring {
  const queue = {
    index: 0,
    max: SIZE,
    size: SIZE,
    enabled: true,
    desc: DESC,
    driver: DRIVER,
    device: DEVICE,
    vector: -1,
    notifications: 0,
  };
  return {
    key: "d/0",
    label: "d",
    kind,
    device: {} as Ring["device"],
    queue,
    eventIdx: false,
    inOrder: false,
    ...more,
  };
}

test("indirect tables are read as each ring has them", () => {
  const m = new Memory();
  m.split(DESC + 16, TABLE, 48, 4);
  m.split(TABLE, 0x100, 10, 1, 2);
  m.split(TABLE + 16, 0x999, 999, 0);
  m.split(TABLE + 32, 0x200, 20, 2);
  m.avail(1);
  const [chain] = splitRing(ring("split"), m.read)!.chains;
  assertEquals([chain.readable, chain.writable, chain.slots], [10, 20, [1]]);
  assertEquals(chain.table.map((t) => t.index), [0, 2]);

  const p = new Memory();
  p.packed(0, TABLE, 32, 3, 0x84);
  p.split(TABLE, 0x100, 10, 0, 0);
  p.split(TABLE + 16, 0x200, 20, 0, 2);
  const seen = packedRing(ring("packed"), p.read)!;
  assertEquals(seen.descriptors[0].table.map((t) => [t.addr, t.len, t.write]), [[0x100, 10, false], [
    0x200,
    20,
    true,
  ]]);
});

test(
  "chains used out of order: what the ring does not hold any more is said to be missing",
  () => {
    const m = new Memory();
    for (let i = 0; i < SIZE; i++) m.split(DESC + 16 * i, 0x100 * (i + 1), 8, 2);
    m.avail(0, 1, 2, 3, 1);
    m.used(1, 3);
    const seen = splitRing(ring("split"), m.read)!;
    assertEquals([seen.outstanding, seen.chains.map((c) => c.head)], [3, [2, 1]]);
    assert(seen.wrong.startsWith("of 3 chains with the device 2 are found"), seen.wrong);
  },
);

test("IN_ORDER: one used entry stands for a batch", () => {
  const m = new Memory();
  for (let i = 0; i < SIZE; i++) m.split(DESC + 16 * i, 0x100 * (i + 1), 8, 2);
  m.avail(0, 1, 2, 3);
  m.view.setUint16(DEVICE + 2, 3, true);
  m.view.setUint32(DEVICE + 4 + 16, 2, true);
  const seen = splitRing(ring("split", { inOrder: true }), m.read)!;
  assertEquals(seen.chains.map((c) => c.head), [3]);
  assertEquals(seen.wrong, "");
});

test("a chain that leads in a circle or out of the table is said to be wrong", () => {
  const m = new Memory();
  m.split(DESC, 0x100, 8, 1, 1);
  m.split(DESC + 16, 0x200, 8, 1, 0);
  m.split(DESC + 32, 0x300, 8, 1, 9);
  m.avail(0, 2);
  const { chains } = splitRing(ring("split"), m.read)!;
  assertEquals(chains.map((c) => c.wrong), [
    "the chain comes back to descriptor 0",
    "descriptor 9 is outside the table",
  ]);
  m.view.setUint16(DRIVER + 2, 100, true);
  assert(splitRing(ring("split"), m.read)!.wrong.includes("more than the 4 entries"));
});

test("event suppression in words", () => {
  const m = new Memory();
  m.view.setUint16(DRIVER, 1, true);
  m.view.setUint16(DEVICE, 1, true);
  const flags = splitRing(ring("split"), m.read)!;
  assert(flags.interrupts.includes("no interrupts") && flags.notifications.includes("no notifications"));
  m.avail(0, 1);
  m.used(0);
  m.view.setUint16(DRIVER + 4 + 2 * SIZE, 1, true);
  m.view.setUint16(DEVICE + 4 + 8 * SIZE, 0, true);
  const event = splitRing(ring("split", { eventIdx: true }), m.read)!;
  assert(event.interrupts.includes("becomes 2 (used_event 1): the next one makes it"), event.interrupts);
  assert(
    event.notifications.includes("becomes 1 (avail_event 0): that has been passed"),
    event.notifications,
  );
  const p = new Memory();
  p.view.setUint16(DRIVER + 2, 2, true);
  p.view.setUint16(DRIVER, 0x8003, true);
  p.view.setUint16(DEVICE + 2, 1, true);
  const packed = packedRing(ring("packed"), p.read)!;
  assert(
    packed.interrupts.includes("descriptor 3 with wrap counter 1") &&
      packed.notifications.includes("no notifications"),
  );
});

test("a packed ring in its second lap, and while a chain is being written", () => {
  const m = new Memory();
  // First lap all used (AVAIL and USED 1); then slot 0 available with wrap counter 0: AVAIL 0, USED 1.
  for (let i = 0; i < SIZE; i++) m.packed(i, 0x100 * (i + 1), 8, i, 0x8080);
  assertEquals(packedRing(ring("packed"), m.read)!.driver, { slot: 0, wrap: 0 });
  m.packed(0, 0x100, 8, 0, 0x8002);
  const seen = packedRing(ring("packed"), m.read)!;
  assertEquals([seen.driver, seen.device, seen.outstanding], [{ slot: 1, wrap: 0 }, { slot: 0, wrap: 0 }, 1]);
  assertEquals(seen.descriptors.map((d) => d.owner), ["device", "driver", "driver", "driver"]);
  // The second descriptor of a chain is written before the first.
  m.packed(0, 0x100, 8, 0, 0x8080);
  m.packed(1, 0x100, 8, 0, 0x8002);
  assertEquals(packedRing(ring("packed"), m.read)!.driver, { slot: 0, wrap: 0 });
});

test("the rest of a used chain is the driver's, if it was a chain", () => {
  const m = new Memory();
  m.packed(0, 0x100, 8, 5, 0x8080);
  m.packed(1, 0x200, 8, 5, 0x0082);
  const one = packedRing(ring("packed"), m.read, () => 1)!,
    two = packedRing(ring("packed"), m.read, () => 2)!;
  assertEquals([one.question, one.outstanding, one.device.slot], [0, 1, 1]);
  assertEquals([two.outstanding, two.device.slot, two.descriptors[1].holds], [0, 2, "rest"]);
});
