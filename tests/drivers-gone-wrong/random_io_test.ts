/** Consoles and network cards in any legal order of sending, receiving and looking: no rule is broken. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ConsoleQueue as Q } from "../../spec/virtio/console.ts";
import { ConsoleF, NetF } from "../../spec/virtio/features.ts";
import { terminalReport } from "../../verify/strict/format/mod.ts";
import { RULES } from "../../verify/strict/mod.ts";
import { onceTest } from "../support/once.ts";
import type { Setting } from "./setting.ts";
import type { ConsoleStudent, NetStudent, Student } from "./student/mod.ts";
import { simulatedWorld, type World } from "./world.ts";

const RX = 0, TX = 1;
const RUNS = { numRuns: 100 };

const common = {
  machine: fc.constantFrom("q35", "pc", "microvm"),
  ring: fc.constantFrom("split", "packed"),
  eventIdx: fc.boolean(),
  indirect: fc.boolean(),
  messages: fc.boolean(),
};
type Common = { machine: string; ring: string; eventIdx: boolean; indirect: boolean; messages: boolean };

function worldOf(s: Common, more: Partial<Setting>): World {
  const { machine, ring, eventIdx, indirect } = s as unknown as Setting;
  const interrupts = s.messages && machine !== "microvm" ? "msix" : "line";
  return simulatedWorld({ device: "rng", machine, ring, eventIdx, indirect, interrupts, ...more }, RULES);
}
function end({ strict, student }: World): void {
  student.shutDown();
  strict.end("ended");
  assertEquals(strict.reports.map((r) => terminalReport(r)), []);
  assertEquals(student.ground.alloc.live(), []);
}
function spin(student: Student, n: number): void {
  for (let i = 0; i < n; i++) student.ground.platform.relax();
  student.ground.interrupts.poll();
}
/** Takes back what was sent. */
function reap(student: Student, queue: number): void {
  const ring = student.rings[queue];
  while (ring.hasUsed()) student.freePieces(ring.take().pieces);
}

const consoleOp = fc.oneof(
  fc.record({
    do: fc.constant("write" as const),
    text: fc.string({ minLength: 1, maxLength: 40, unit: "binary-ascii" }),
  }),
  fc.record({
    do: fc.constant("type" as const),
    text: fc.string({ minLength: 1, maxLength: 300, unit: "binary-ascii" }),
  }),
  fc.record({ do: fc.constant("read" as const) }),
  fc.record({ do: fc.constant("reap" as const) }),
  fc.record({ do: fc.constant("spin" as const), n: fc.integer({ min: 1, max: 400 }) }),
);

onceTest("a console that writes and reads in any order breaks no rule", () => {
  fc.assert(
    fc.property(
      fc.record(common),
      fc.boolean(),
      fc.array(consoleOp, { maxLength: 40 }),
      (s, multiport, ops) => {
        const world = worldOf(s, {
          device: "console",
          props: "max_ports=2",
          wants: multiport ? ConsoleF.MULTIPORT : 0n,
        });
        const student = world.student as ConsoleStudent;
        student.bringUp();
        if (multiport) student.openPort();
        let written = "", typed = "";
        for (const o of ops) {
          if (o.do === "write") {
            if (student.rings[TX].free === 0) continue;
            const bytes = new TextEncoder().encode(o.text);
            const buffer = student.allocate(bytes.length, "output");
            student.ground.memory.writeBytes(buffer.offset, bytes);
            student.rings[TX].submit([{ buffer, length: bytes.length, writable: false }]);
            written += o.text;
          } else if (o.do === "type") {
            world.type(o.text);
            typed += o.text;
          } else if (o.do === "read") { while (student.rings[Q.RECEIVE].hasUsed()) student.receive(); }
          else if (o.do === "reap") reap(student, TX);
          else spin(student, o.n);
        }
        while (student.rings[TX].flights.size > 0) {
          student.freePieces(student.nextUsed(student.rings[TX]).pieces);
        }
        while (student.input.length < typed.length) student.receive();
        end(world);
        assertEquals([world.output(), student.input], [written, typed]);
      },
    ),
    RUNS,
  );
});

const netOp = fc.oneof(
  fc.record({ do: fc.constant("ask" as const), n: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant("receive" as const) }),
  fc.record({ do: fc.constant("reap" as const) }),
  fc.record({ do: fc.constant("promiscuous" as const), on: fc.boolean() }),
  fc.record({ do: fc.constant("spin" as const), n: fc.integer({ min: 1, max: 400 }) }),
);

onceTest("a network card that sends, receives and is told things in any order breaks no rule", () => {
  fc.assert(
    fc.property(fc.record(common), fc.boolean(), fc.array(netOp, { maxLength: 40 }), (s, mergeable, ops) => {
      const world = worldOf(s, { device: "net", wants: mergeable ? NetF.MRG_RXBUF : 0n });
      const student = world.student as NetStudent;
      student.bringUp();
      let asked = 0;
      for (const o of ops) {
        if (o.do === "ask") {
          for (let i = 0; i < o.n && student.rings[TX].free >= 2; i++, asked++) {
            student.rings[TX].submit(student.makeFrame(student.question()));
          }
        } else if (o.do === "receive") {
          while (student.rings[RX].hasUsed()) student.received.push(student.receive());
        } else if (o.do === "reap") reap(student, TX);
        else if (o.do === "promiscuous") student.setPromiscuous(o.on);
        else spin(student, o.n);
      }
      while (student.received.length < asked) student.received.push(student.receive());
      while (student.rings[TX].flights.size > 0) {
        student.freePieces(student.nextUsed(student.rings[TX]).pieces);
      }
      end(world);
      assertEquals(student.received.map((f) => f.subarray(28, 32).toHex()), Array(asked).fill("0a000202"));
    }),
    RUNS,
  );
});
