import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { TcpConnection } from "../../../inet/tcp/mod.ts";
import { once } from "../_support.ts";
import { MS, PEER_ISS, Script, SECOND } from "./_script.ts";

const US = 0x0a000001, PEER = 0x0a000002;
const MEMORY = 1 << 20, CONNECTIONS = 50;

function machine(): { s: Script; open: TcpConnection } {
  const s = new Script({ memory: MEMORY, connections: CONNECTIONS });
  const { c, listener } = s.accept({}, { backlog: 8 });
  listener.onChange = () => {
    while (listener.accept() !== undefined);
  };
  s.tcp.connect({ address: US, port: 81 }, { address: PEER, port: 4000 }, s.now);
  s.tcp.poll(s.now);
  return { s, open: c };
}
function check(s: Script): void {
  const all = [...s.tcp.connections];
  assert(all.length <= CONNECTIONS);
  assert(s.tcp.memory <= MEMORY + 2 * 4096 * all.length, `${s.tcp.memory}`);
  s.sent.length = 0;
}
/** It comes to rest: no timer that fires for ever without time going on. */
function settle(s: Script): void {
  s.advance(1000 * SECOND);
  check(s);
}

once("fuzz: any bytes as a segment", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 30 }), (segments) => {
      const { s } = machine();
      for (const bytes of segments) {
        s.tcp.input(PEER, US, bytes, 0, bytes.length, s.now, true);
        // And addressed so that somebody must look at it.
        if (bytes.length >= 4) bytes.set([0x0f, 0xa0, 0, 80 + (bytes[0] & 1)]);
        s.tcp.input(PEER, US, bytes, 0, bytes.length, s.now, true);
        s.tcp.poll(s.now);
      }
      check(s);
      settle(s);
    }),
    { numRuns: 500 },
  );
});

const flags = fc.constantFrom("", "S", "A", "SA", "F", "FA", "R", "RA", "SF", "SR", "SFRA", "UA", "FR");
const near = fc.oneof(fc.integer({ min: -3000, max: 70_000 }), fc.integer(), fc.constant(0), fc.constant(1));
const segment = fc.record({
  flags,
  seq: near,
  ack: near,
  window: fc.oneof(fc.nat(65535), fc.constantFrom(0, 1, 65535)),
  data: fc.oneof(fc.constant(0), fc.nat(3000)),
  sack: fc.array(fc.tuple(near, near), { maxLength: 4 }),
  mss: fc.constantFrom(0, 0, 1, 536, 65535),
  sourcePort: fc.oneof(fc.constant(4000), fc.integer({ min: 4000, max: 4100 })),
  wait: fc.constantFrom(0, 0, MS, 300 * MS, 5 * SECOND, 200 * SECOND),
  act: fc.nat(9),
});

once("fuzz: any segments near the windows, while users write, read and close", () => {
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 60 }), (segments) => {
      const { s, open } = machine();
      const scratch = new Uint8Array(2000);
      for (const { flags, seq, ack, sack, wait, act, ...more } of segments) {
        s.peer(flags, {
          ...more,
          seq: PEER_ISS + 1 + seq >>> 0,
          ack: s.iss + 1 + ack >>> 0,
          sack: sack.flat().map((n) => s.iss + 1 + n >>> 0),
        });
        s.advance(wait);
        if (act === 0) open.write(scratch);
        else if (act === 1) open.read(scratch);
        else if (act === 2) open.shutdownWrite();
        else if (act === 3 && more.data > 2900) open.close();
        else if (act === 4 && more.data > 2990) open.abort();
        check(s);
      }
      settle(s);
    }),
    { numRuns: 600 },
  );
});

once("fuzz: a connection that was fuzzed and still stands still works", () => {
  let stood = 0;
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 20 }), (segments) => {
      const { s, open } = machine();
      // Nothing that is acceptable: numbers out of the window, or acknowledgments of what was never sent.
      for (const { flags, seq, ack, sack: _, wait: __, act: ___, ...more } of segments) {
        const far = 0x20000000 + (seq & 0x1fffffff);
        s.peer(flags, { ...more, sourcePort: 4000, seq: PEER_ISS + far, ack: s.iss + 1 + (ack & 0xffff) });
      }
      assertEquals([open.state, open.readable], ["ESTABLISHED", 0]);
      s.advance(2 * SECOND);
      s.sent.length = 0;
      s.peer("A", { seq: PEER_ISS + 1, ack: s.iss + 1, data: 100 });
      assertEquals(open.readable, 100);
      s.write(open, 10);
      s.expect("A", { seq: s.iss + 1 >>> 0, ack: PEER_ISS + 101, length: 10 });
      stood++;
    }),
    { numRuns: 200 },
  );
  assert(stood > 0);
});
