/** Drivers that make any legal choice break no rule. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Machine } from "../../devices/machine/mod.ts";
import { Random } from "../../devices/events.ts";
import { F } from "../../spec/virtio/features.ts";
import { terminalReport } from "../../verify/strict/format/mod.ts";
import { RULES } from "../../verify/strict/mod.ts";
import { onceTest } from "../support/once.ts";
import { makeRestless } from "./restless_device.ts";
import type { Setting } from "./setting.ts";
import type { Piece, Ring, RngStudent } from "./student/mod.ts";
import { simulatedWorld } from "./world.ts";

const setting = fc.record({
  machine: fc.constantFrom("q35", "pc", "microvm"),
  ring: fc.constantFrom("split", "packed"),
  eventIdx: fc.boolean(),
  indirect: fc.boolean(),
  interrupts: fc.constantFrom("msix", "line", "none"),
  wants: fc.constantFrom(0n, F.ORDER_PLATFORM, F.NOTIFICATION_DATA, F.ORDER_PLATFORM | F.NOTIFICATION_DATA),
});
const op = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("submit" as const),
      chains: fc.array(fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 4 }), {
        minLength: 1,
        maxLength: 5,
      }),
      /** All buffers of a chain in one allocation. */
      together: fc.boolean(),
      /** One index, or one flag, for all chains. */
      batch: fc.boolean(),
      /** Tells the device without asking whether it wants to know. */
      always: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("take" as const), n: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("quiet" as const), on: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("spin" as const), n: fc.integer({ min: 1, max: 200 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reset" as const) }) },
);
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

/** Does what it is told, as far as there is room. */
class AnyDriver {
  /** Interrupts are not wanted: the driver looks by itself. */
  private quiet = false;

  constructor(readonly student: RngStudent) {
    student.pause = () => {
      if (student.interruptsWanted && !this.quiet) student.ground.halt();
      else for (let i = 0; i < 50; i++) student.ground.platform.relax();
      student.ground.interrupts.poll();
    };
  }
  get ring(): Ring {
    return this.student.rings[0];
  }
  run(o: Op): void {
    switch (o.do) {
      case "submit":
        return this.submit(o);
      case "take":
        for (let n = o.n; n > 0 && this.ring.hasUsed(); n--) this.take();
        return;
      case "wait":
        return this.ring.flights.size > 0 ? this.take() : undefined;
      case "quiet":
        if (!this.student.interruptsWanted) return;
        this.quiet = o.on;
        this.ring.setInterrupts(!o.on);
        // Whoever waits next looks first, behind the wish.
        return this.ring.barrierBeforeKick();
      case "spin":
        for (let i = 0; i < o.n; i++) this.student.ground.platform.relax();
        return void this.student.ground.interrupts.poll();
      case "restart":
        this.student.restartQueue(0);
        return void (this.quiet = false);
      case "reset":
        this.student.shutDown();
        this.student.bringUp();
        this.quiet = false;
    }
  }
  finish(): void {
    while (this.ring.flights.size > 0) this.take();
    this.student.shutDown();
  }
  private take(): void {
    this.student.accept(this.student.nextUsed(this.ring));
    // A driver that is quiet takes its wish back with what it takes, where there are event indices.
    if (this.quiet) this.ring.setInterrupts(false);
  }
  private submit(o: Op & { do: "submit" }): void {
    const { ring } = this;
    for (const lengths of o.chains) {
      // A chain has no more descriptors than the queue, in a table or not (virtio 1.4, 2.7.5.3.1).
      if (lengths.length > ring.size || (ring.indirect ? 1 : lengths.length) > ring.free) break;
      ring.add(this.makePieces(lengths, o.together));
      if (!o.batch) this.publish(o.always);
    }
    if (ring.pending > 0) this.publish(o.always);
  }
  private makePieces(lengths: readonly number[], together: boolean): Piece[] {
    if (!together) return this.student.makePieces(lengths);
    const buffer = this.student.allocate(lengths.reduce((a, b) => a + b), "entropy");
    let at = 0;
    return lengths.map((length) => {
      const offset = at;
      at += length;
      return { buffer, offset, length, writable: true };
    });
  }
  private publish(always: boolean): void {
    this.ring.publish();
    if (!always) return this.ring.kick();
    this.ring.barrierBeforeKick();
    this.ring.wantsKick();
    this.ring.notify();
  }
}

onceTest("a driver that makes any legal choice, with a device that does too, breaks no rule", () => {
  fc.assert(
    fc.property(
      setting,
      fc.integer({ min: 0, max: 4 }),
      fc.nat(),
      fc.array(op, { maxLength: 40 }),
      (s, exponent, seed, ops) => {
        const microvm = s.machine === "microvm";
        const world = simulatedWorld({
          ...s as Setting,
          device: "rng",
          interrupts: microvm && s.interrupts === "msix" ? "line" : s.interrupts as Setting["interrupts"],
          props: "x-order-platform=on,notification_data=on",
        }, RULES);
        const random = new Random(seed);
        makeRestless(world.platform as Machine, (n) => random.u32() % n);
        const student = world.student as RngStudent;
        // A packed ring may have any size.
        student.sizeOf = (max) => Math.min(max, s.ring === "packed" ? 5 + exponent : 2 ** exponent);
        const driver = new AnyDriver(student);
        student.bringUp();
        for (const o of ops) driver.run(o);
        driver.finish();
        world.strict.end("ended");
        // A needless notification is legal; a driver that asks first sends none.
        const rude = ops.some((o) => o.do === "submit" && o.always);
        const reports = world.strict.reports.filter((r) => !(rude && r.rule === "needless-notification"));
        assertEquals(reports.map((r) => terminalReport(r)), []);
        assertEquals(student.ground.alloc.live(), []);
      },
    ),
    { numRuns: 300 },
  );
});
