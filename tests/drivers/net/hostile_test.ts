import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { DriverError, VirtioError } from "../../../drivers/mod.ts";
import { VirtioNetDriver } from "../../../drivers/net/virtio.ts";
import { findDevices, mapDevice } from "../../../drivers/virtio/transport/mmio.ts";
import { NetF } from "../../../spec/virtio/features.ts";
import { FakePlatform, testContext } from "../support/fake_platform.ts";
import { FakeVirtio } from "../support/fake_virtio.ts";
import { HostileRing, type SeenBuffer } from "../support/hostile.ts";
import { frame } from "./_cards.ts";

const VERSION_1 = 1n << 32n, PACKED = 1n << 34n;
const BASE = VERSION_1 | NetF.MAC | NetF.MRG_RXBUF;

function found(features: bigint, sizes = [16, 8], prepare: (v: FakeVirtio) => void = () => {}) {
  const platform = new FakePlatform();
  const virtio = new FakeVirtio(features, sizes);
  virtio.config.setUint16(8, 1, true);
  virtio.config.setUint16(10, 1500, true);
  prepare(virtio);
  platform.windows.push({ base: 0xfeb0_0000, length: 512, regs: virtio.mmio(1) });
  const ctx = testContext(platform);
  return {
    platform,
    virtio,
    ctx,
    init: () => VirtioNetDriver.initDev(mapDevice(findDevices(ctx)[0], ctx), ctx),
  };
}
function rig(packed: boolean, features = BASE) {
  const r = found(features | (packed ? PACKED : 0n));
  const driver = r.init();
  const { platform, virtio } = r;
  const rx = new HostileRing(platform, virtio.queues[0], packed);
  const tx = new HostileRing(platform, virtio.queues[1], packed);
  const interrupt = () => {
    virtio.isr = 1;
    r.ctx.installed[0].handler();
  };
  /** Writes a header and `bytes` into a buffer and says that it is used. */
  const fill = (
    buffer: SeenBuffer,
    bytes: Uint8Array,
    buffers = 1,
    more: Partial<Record<number, number>> = {},
  ) => {
    const header = new Uint8Array(12);
    header.set([buffers, buffers >> 8], 10);
    for (const [at, value] of Object.entries(more)) header[Number(at)] = value!;
    platform.bytes.set(header, buffer.addr);
    platform.bytes.set(bytes, buffer.addr + 12);
    rx.use(buffer.id, 12 + bytes.length);
  };
  // Used entries of the packed ring overwrite what was made available: it is read before.
  const waiting: SeenBuffer[] = [];
  const next = () => {
    if (waiting.length === 0) { for (let b = rx.next(); b !== undefined; b = rx.next()) waiting.push(b); }
    return waiting.shift()!;
  };
  return { ...r, driver, rx, tx, interrupt, fill, next };
}
function both(name: string, test: (packed: boolean) => void): void {
  for (const packed of [false, true]) {
    Deno.test(`${name} (${packed ? "packed" : "split"})`, () => test(packed));
  }
}
const errors = (r: { ctx: { lines: string[] } }) => r.ctx.lines.filter((l) => l.startsWith("error"));

both("a frame whose num_buffers cannot be costs a line in the log; the next one arrives", (packed) => {
  for (
    const [buffers, there, text] of [[0, 1, "in 0 buffers"], [17, 1, "in 17 buffers"], [
      3,
      2,
      "2 buffers of a frame that has 3",
    ]] as const
  ) {
    const r = rig(packed);
    r.fill(r.next(), frame(100), buffers);
    for (let i = 1; i < there; i++) r.rx.use(r.next().id, 50);
    assertEquals(r.driver.receive(), undefined);
    r.fill(r.next(), frame(60, 7));
    assertEquals(r.driver.receive()!.bytes, frame(60, 7));
    assert(errors(r).length === 1 && errors(r)[0].includes(text), errors(r).join());
    assertEquals(r.driver.dropped, 1);
  }
});

both("a frame in pieces is put together; one that is longer than any may be is dropped", (packed) => {
  const r = rig(packed);
  const [a, b, c] = [r.next(), r.next(), r.next()];
  r.fill(a, frame(40), 3);
  r.platform.bytes.set(frame(4096, 1), b.addr);
  r.rx.use(b.id, 4096);
  r.platform.bytes.set(frame(10, 2), c.addr);
  r.rx.use(c.id, 10);
  assertEquals([...r.driver.receive()!.bytes], [...frame(40), ...frame(4096, 1), ...frame(10, 2)]);
  r.fill(r.next(), new Uint8Array(4084), 16);
  for (let i = 1; i < 16; i++) r.rx.use(r.next().id, 4096);
  assertEquals(r.driver.receive()!.bytes.length, 16 * 4096 - 12);
  const big = found(BASE | (packed ? PACKED : 0n), [32, 8]);
  const driver = big.init();
  const ring = new HostileRing(big.platform, big.virtio.queues[0], packed);
  const first = ring.next()!;
  big.platform.bytes[first.addr + 10] = 17;
  ring.use(first.id, 4096);
  for (let i = 1; i < 17; i++) ring.use(ring.next()!.id, 4096);
  assertEquals([driver.receive(), driver.dropped], [undefined, 1]);
});

both(
  "lengths that cannot be: shorter than the header, longer than the buffer, within a frame too",
  (packed) => {
    const r = rig(packed);
    r.rx.use(r.next().id, 11);
    r.rx.use(r.next().id, 0);
    r.rx.use(r.next().id, 5000);
    r.fill(r.next(), frame(60));
    assertEquals(r.driver.receive()!.bytes, frame(60));
    assertEquals(errors(r).length, 3);
    r.fill(r.next(), frame(50), 2);
    r.rx.use(r.next().id, 4097);
    r.fill(r.next(), frame(61));
    assertEquals(r.driver.receive()!.bytes, frame(61));
    assertEquals(r.driver.dropped, 4);
  },
);

both("ids that no buffer has, and the same buffer twice", (packed) => {
  const r = rig(packed);
  const a = r.next();
  r.rx.use(999, 60);
  r.fill(a, frame(60));
  r.rx.use(a.id, 60);
  r.fill(r.next(), frame(61));
  assertEquals(r.driver.receive()!.bytes, frame(60));
  // The buffer of the first frame is with the device again: what it says of it now may even be true.
  let got = r.driver.receive();
  for (let i = 0; i < 3 && got?.bytes.length !== 61; i++) got = r.driver.receive();
  assertEquals(got!.bytes, frame(61));
  assert(errors(r).length >= 1);
});

both("flags: only with GUEST_CSUM, and a checksum's place must lie in the frame", (packed) => {
  const plain = rig(packed);
  plain.fill(plain.next(), frame(60), 1, { 0: 3, 6: 255, 7: 255 });
  assertEquals(plain.driver.receive()!.checksumValid, false);
  const r = rig(packed, BASE | NetF.GUEST_CSUM);
  const cases: [Partial<Record<number, number>>, boolean | undefined][] = [
    [{ 0: 0 }, false],
    [{ 0: 2 }, true],
    [{ 0: 1, 6: 34, 8: 16 }, true],
    [{ 0: 1, 6: 42, 8: 16 }, true],
    [{ 0: 1, 6: 43, 8: 16 }, undefined],
    [{ 0: 1, 7: 255, 9: 255 }, undefined],
    [{ 0: 0x84 }, false],
  ];
  for (const [header, valid] of cases) {
    r.fill(r.next(), frame(60), 1, header);
    assertEquals([header, r.driver.receive()?.checksumValid], [header, valid]);
  }
});

both(
  "a device that breaks rules without end: the card is given up, with a reason, and whoever waits hears",
  (packed) => {
    const r = rig(packed);
    let heard = 0;
    r.driver.onReceive = () => heard++;
    for (let i = 0; i < 100 && r.driver.broken === undefined; i++) {
      r.rx.use(0xfff, 0);
      r.driver.receive();
    }
    assert(r.driver.broken!.message.includes("broke the rules 65 times"), String(r.driver.broken));
    assertEquals(heard, 1);
    assertThrows(() => r.driver.transmit(frame(60)), DriverError);
    r.driver.shutdown();
    assertEquals(r.ctx.alloc.live(), []);
  },
);

both("transmit buffers that come back wrongly do not end sending; a full ring refuses", (packed) => {
  const r = rig(packed);
  for (let i = 0; i < 8; i++) assert(r.driver.transmit(frame(60, i)));
  assertEquals(r.driver.transmit(frame(60)), false);
  let writable = 0;
  r.driver.onWritable = () => writable++;
  r.interrupt();
  assertEquals(writable, 0, "nothing was used");
  const seen = r.tx.next()!;
  r.tx.next();
  r.tx.use(77, 0);
  assertEquals([...r.platform.bytes.subarray(seen.addr, seen.addr + seen.len)], [
    ...new Uint8Array(12),
    ...frame(60),
  ]);
  r.tx.use(seen.id, 5);
  r.interrupt();
  assertEquals(writable, 1, "a length that cannot be: the buffer is there again all the same");
  assert(r.driver.transmit(frame(60)));
  assertEquals(r.driver.transmit(frame(60)), false);
});

both(
  "CSUM: the header says where the checksum goes, and says nothing in the next frame of the same buffer",
  (packed) => {
    const r = rig(packed, BASE | NetF.CSUM);
    assert(r.driver.fillsChecksums);
    r.driver.transmit(frame(60), { start: 34, offset: 16 });
    const seen = r.tx.next()!;
    const header = () => [...r.platform.bytes.subarray(seen.addr, seen.addr + 12)];
    assertEquals(header(), [1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0]);
    r.tx.use(seen.id, 0);
    r.driver.transmit(frame(60));
    assertEquals([r.tx.next()!.addr, header()], [seen.addr, new Array(12).fill(0)]);
  },
);

const CONTROL = BASE | NetF.CTRL_VQ | NetF.CTRL_RX | NetF.CTRL_MAC_ADDR | NetF.MQ;

Deno.test("a control queue that answers errors, nonsense or nothing: a warning, and the card goes on", () => {
  for (const answer of [0, 1, 77, undefined]) {
    const r = found(CONTROL, [16, 8, 16, 8, 8], (v) => v.config.setUint16(8, 2, true));
    let ring: HostileRing | undefined;
    const commands: number[][] = [];
    const view = new DataView(r.platform.bytes.buffer);
    r.platform.onRelax = () => {
      const queue = r.virtio.queues[4];
      ring ??= new HostileRing(r.platform, queue, false);
      const command = ring.next();
      if (command === undefined) return;
      commands.push([...r.platform.bytes.subarray(command.addr, command.addr + command.len)]);
      if (answer === undefined) return;
      const next = view.getUint16(queue.areas[0] + 16 * command.id + 14, true);
      r.platform.bytes[view.getUint32(queue.areas[0] + 16 * next, true)] = answer;
      ring.use(command.id, 1);
    };
    const driver = r.init();
    assertEquals([driver.broken, driver.setMac(new Uint8Array(6))], [undefined, answer === 0]);
    if (answer === 0) assertEquals(commands, [[0, 0, 0], [4, 0, 2, 0], [1, 1, 0, 0, 0, 0, 0, 0]]);
    else assert(r.ctx.lines.some((l) => l.startsWith("warn") && l.includes("failed")));
    assertEquals(commands.length, answer === undefined ? 1 : 3, "one that is never answered is the last");
    assert(driver.transmit(frame(60)));
    driver.shutdown();
    assertEquals(r.ctx.alloc.live(), []);
  }
});

Deno.test("configurations that cannot be: typed errors, FAILED, no memory left behind", () => {
  const cases: [string, bigint, number[], (v: FakeVirtio) => void][] = [
    ["an MTU of 10", BASE | NetF.MTU, [16, 8], (v) => v.config.setUint16(10, 10, true)],
    ["0 pairs", CONTROL, [16, 8, 8], (v) => v.config.setUint16(8, 0, true)],
    ["40000 pairs", CONTROL, [16, 8, 8], (v) => v.config.setUint16(8, 40000, true)],
    ["MQ needs CTRL_VQ", BASE | NetF.MQ, [16, 8], () => {}],
    ["GUEST_TSO4 needs GUEST_CSUM", BASE | NetF.GUEST_TSO4, [16, 8], () => {}],
    ["no such queue", BASE | NetF.CTRL_VQ, [16, 8], () => {}],
    ["no such queue", BASE, [16], () => {}],
  ];
  for (const [text, features, sizes, prepare] of cases) {
    const r = found(features, sizes, prepare);
    const error = assertThrows(() => r.init(), VirtioError) as Error;
    assert(error.message.includes(text), `${text}: ${error.message}`);
    assertEquals([text, r.virtio.status & 0x80, r.ctx.alloc.live().length], [text, 0x80, 0]);
  }
});

Deno.test("without MAC the card has an address of its own making, the same each time, and tells the device", () => {
  const driver = () => found(VERSION_1).init();
  const { mac } = driver();
  assertEquals([mac[0] & 3, mac.length, [...driver().mac]], [2, 6, [...mac]]);
});

both(
  "whatever the device says: no exception but the card's own, and no byte outside what is allocated",
  (packed) => {
    const step = fc.oneof(
      fc.record({
        op: fc.constantFrom("use", "use tx"),
        id: fc.integer({ min: 0, max: 17 }),
        len: fc.integer({ min: 0, max: 4097 }),
      }),
      fc.record({ op: fc.constantFrom("use", "use tx"), id: fc.nat(0xffff), len: fc.nat(0xffff_ffff) }),
      fc.record({ op: fc.constant("fill"), id: fc.nat(20), len: fc.nat(0xff) }),
      fc.record({
        op: fc.constantFrom("jump", "receive", "transmit", "interrupt"),
        id: fc.constant(0),
        len: fc.nat(0xffff),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const r = rig(packed, BASE | NetF.GUEST_CSUM);
        for (const { op, id, len } of steps) {
          if (op === "use") r.rx.use(id, len);
          else if (op === "use tx") r.tx.use(id, len);
          else if (op === "jump") packed || r.rx.jump(len);
          else if (op === "fill") {
            const buffer = r.rx.next();
            if (buffer !== undefined) r.fill(buffer, frame(60), id, { 0: len });
          } else if (op === "interrupt") r.interrupt();
          else {
            try {
              if (op === "transmit") r.driver.transmit(frame(60));
              else assert((r.driver.receive()?.bytes.length ?? 0) < 65558);
            } catch (error) {
              assert(error instanceof DriverError, String(error));
            }
          }
        }
        const live = r.ctx.alloc.live();
        const { bytes } = r.platform;
        for (let page = 0; page < bytes.length; page += 4096) {
          if (live.some((b) => b.phys <= page && page < b.phys + b.length)) continue;
          for (let i = page; i < page + 4096; i++) {
            if (bytes[i] !== 0 && bytes[i] !== 0xa5) throw new Error(`a stray byte at ${i.toString(16)}`);
          }
        }
      }),
      { numRuns: 60 },
    );
  },
);
