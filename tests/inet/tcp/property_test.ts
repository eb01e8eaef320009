import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { TcpOptions } from "../../../inet/tcp/mod.ts";
import { once } from "../_support.ts";
import { type Faults, Link, Party, random } from "./_link.ts";

/** Virtual nanoseconds after which a conversation must be over: more than ten days, since a third of all may be lost. */
const LIMIT = 1e15;

interface Case {
  seed: number;
  faults: Faults;
  options: [TcpOptions, TcpOptions];
  mtu: number;
  sizes: [number, number];
  chunks: [number, number];
  noDelay: [boolean, boolean];
  /** The number that the first number of the one who opens is just before. */
  wrap: number | undefined;
}

const chance = (...values: number[]) => fc.constantFrom(...values);
const faults: fc.Arbitrary<Faults> = fc.record({
  loss: chance(0, 0.01, 0.05, 0.2, 0.35),
  duplicate: chance(0, 0.05, 0.3),
  reorder: chance(0, 0.1, 0.5),
  corrupt: chance(0, 0.02, 0.1),
  delay: chance(0, 1e3, 1e5, 1e6, 5e7, 3e8),
  late: chance(1e5, 1e7, 5e8),
  room: chance(Infinity, 1, 3, 10),
});
const options: fc.Arbitrary<TcpOptions> = fc.record({
  receiveBuffer: fc.oneof(fc.integer({ min: 1, max: 300_000 }), chance(1, 2, 536, 1460, 65535, 65536)),
  sendBuffer: fc.oneof(fc.integer({ min: 1, max: 300_000 }), chance(1, 2, 1460)),
  sack: fc.boolean(),
  windowScale: fc.boolean(),
  memory: chance(64 << 20, 8192, 0),
  userTimeout: fc.constant(LIMIT),
  connectTimeout: fc.constant(LIMIT),
});
const both = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<[T, T]> => fc.tuple(of, of);
const cases: fc.Arbitrary<Case> = fc.record({
  seed: fc.integer(),
  faults,
  options: both(options),
  mtu: chance(1500, 576, 9000, 68, 65535),
  sizes: both(fc.oneof(fc.nat(60_000), fc.nat(100))),
  chunks: both(chance(1, 10, 1000, 8192)),
  noDelay: both(fc.boolean()),
  wrap: fc.constantFrom(undefined, 0xffffff00, 0x7fffff00),
});

/** A link for the case, and its clock so turned that the opener's numbers pass a wrap soon, if that is asked for. */
function linkFor(c: Case): Link {
  const link = new Link(c.faults, random(c.seed), c.options);
  link.mtu = c.mtu;
  if (c.wrap === undefined) return link;
  let first: number | undefined;
  link.tap = (_from, segment) => first ??= new DataView(segment.buffer).getUint32(4);
  link.ends[0].connect({ address: 1, port: 0 }, { address: 2, port: 80 }, 0);
  link.ends[0].poll(0);
  const again = new Link(c.faults, random(c.seed), c.options);
  again.mtu = c.mtu;
  again.now = (c.wrap - first! >>> 0) * 4000;
  return again;
}

/** What bounds the steps of a conversation: tiny buffers make many segments of few bytes. */
function bytesFor({ sizes, options, mtu }: Case): [number, number] {
  const least = Math.min(...options.flatMap((o) => [o.receiveBuffer!, o.sendBuffer!]), mtu - 40);
  const most = least < 10 ? 40 : least < 200 ? 1000 : 60_000;
  return [sizes[0] % most, sizes[1] % most];
}

function converse(c: Case): void {
  const link = linkFor(c);
  const [there, back] = bytesFor(c);
  const { a, b } = link.open({}, LIMIT);
  a.setNoDelay(c.noDelay[0]);
  b.setNoDelay(c.noDelay[1]);
  const [one, two] = [new Party(a, there, 1, 2, c.chunks[0]), new Party(b, back, 2, 1, c.chunks[1])];
  let steps = 0;
  const seen: [string[], string[]] = [[], []];
  const over = link.run(() => {
    if (++steps > 500_000) throw new Error("it does not come to an end");
    one.step();
    two.step();
    for (const [i, { state }] of [a, b].entries()) if (seen[i].at(-1) !== state) seen[i].push(state);
    return a.state === "CLOSED" && b.state === "CLOSED";
  }, link.now + LIMIT);
  assert(over, `${a.state} and ${b.state} after ${steps} steps`);
  assertEquals([one.wrong, two.wrong], [-1, -1], "every byte is the one that was sent");
  assertEquals([two.received, one.received], [there, back], "and none is missing");
  // Only who waits for his last acknowledgment longer than the other in TIME-WAIT, since it gets lost, may be reset.
  for (const [i, { error }] of [a, b].entries()) {
    if (error === undefined) continue;
    const own = seen[i], other = seen[1 - i];
    assertEquals(error, "reset");
    assert(own.at(-2) === "LAST-ACK" || own.at(-2) === "CLOSING", own.join());
    assertEquals(other.slice(-2), ["TIME-WAIT", "CLOSED"]);
  }
  for (const end of link.ends) {
    assertEquals(end.memory, 0);
    assertEquals([...end.connections].length, 0);
  }
}

once(
  "TCP against itself: over any link, with any buffers, both streams arrive whole and both ends CLOSED",
  () => {
    fc.assert(fc.property(cases, converse), { numRuns: 400 });
  },
);

once("TCP against itself: the same seed gives the same segments at the same times", () => {
  fc.assert(
    fc.property(cases, (c) => {
      const run = () => {
        const seen: string[] = [];
        const link = new Link(c.faults, random(c.seed), c.options);
        link.tap = (from, segment, now) => seen.push(`${now} ${from} ${segment}`);
        const { a, b } = link.open();
        const parties = [new Party(a, 500, 1, 2), new Party(b, 500, 2, 1)];
        link.run(() => {
          for (const party of parties) party.step();
          return seen.length > 100;
        }, link.now + 1e11);
        return seen;
      };
      assertEquals(run(), run());
    }),
    { numRuns: 20 },
  );
});

once("TCP against itself: many connections at once over a bad link", () => {
  const link = new Link(
    { loss: 0.05, duplicate: 0.05, reorder: 0.1, corrupt: 0.01, delay: 1e6, late: 5e6, room: 50 },
    random(11),
  );
  const COUNT = 100, BYTES = 10_000;
  const listener = link.ends[1].listen({ address: 0, port: 80 }, { backlog: COUNT })!;
  const parties = Array.from({ length: COUNT }, (_, i) => {
    const c = link.ends[0].connect({ address: 0x0a000001, port: 0 }, { address: 0x0a000002, port: 80 }, 0)!;
    return new Party(c, BYTES + i, i, 7);
  });
  const servers: Party[] = [];
  const over = link.run(() => {
    for (let c = listener.accept(); c !== undefined; c = listener.accept()) {
      // What the client sends follows from its port: the first connection has the first.
      const i = parties.findIndex(({ connection }) => connection.local.port === c!.remote.port);
      servers.push(new Party(c, BYTES, 7, i));
    }
    for (const party of parties) party.step();
    for (const party of servers) party.step();
    return servers.length === COUNT && parties.every(({ connection }) => connection.state === "CLOSED") &&
      servers.every(({ connection }) => connection.state === "CLOSED");
  }, 3600e9);
  assert(over);
  assert(parties.every(({ received, wrong }) => received === BYTES && wrong < 0));
  assertEquals(
    servers.reduce((sum, { received }) => sum + received, 0),
    COUNT * BYTES + COUNT * (COUNT - 1) / 2,
  );
  assert(servers.every(({ wrong }) => wrong < 0));
});

once("TCP against itself: a user who keeps up gets more than 64 KiB a round trip", () => {
  const link = new Link({
    loss: 0,
    duplicate: 0,
    reorder: 0,
    corrupt: 0,
    delay: 5e6,
    late: 1,
    room: Infinity,
  }, random(1));
  const { a, b } = link.open();
  const chunk = new Uint8Array(65536).fill(1), target = new Uint8Array(65536);
  const TOTAL = 16 << 20;
  let sent = 0, received = 0;
  link.run(() => {
    while (sent < TOTAL) {
      const n = a.write(chunk.subarray(0, Math.min(chunk.length, TOTAL - sent)));
      if (n === 0) break;
      sent += n;
    }
    for (let n = b.read(target); n > 0; n = b.read(target)) received += n;
    return received === TOTAL;
  }, 60e9);
  assertEquals(received, TOTAL);
  // Half a megabyte in each 10 ms would be 50 MB/s; a window of 64 KiB would give 6.5.
  const rate = TOTAL / (link.now / 1e9);
  assert(rate > 20e6, `${rate}`);
});
