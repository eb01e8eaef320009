import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Chardev, ChardevFrontend } from "../../../devices/chardev.ts";
import { DeadlockError } from "../../../arch/platform.ts";
import { LAPIC, machineOf, read32, recorder, write32 } from "./support.ts";

const COM1 = { serial: ["c0"], chardevs: [{ backend: "ringbuf" as const, id: "c0", props: {} }] };

/** A back end that has its pieces at once (`ready`), or when the test gives them. */
class Script implements Chardev {
  readonly id = "c0";
  readonly written: number[] = [];
  private frontend: ChardevFrontend | undefined;
  private wake: () => void = () => {};
  constructor(readonly pieces: string[], public inputOpen = true) {}
  write(bytes: Uint8Array): void {
    this.written.push(...bytes);
  }
  attach(frontend: ChardevFrontend): void {
    this.frontend = frontend;
  }
  acceptInput(): void {}
  deliver(): boolean {
    const piece = this.pieces.shift();
    if (piece === undefined) return false;
    this.frontend!.receive(new TextEncoder().encode(piece));
    return true;
  }
  inputReady(): Promise<void> {
    return this.pieces.length > 0 ? Promise.resolve() : new Promise((wake) => this.wake = wake);
  }
  give(piece: string): void {
    this.pieces.push(piece);
    this.wake();
  }
  close(): void {
    this.inputOpen = false;
    this.wake();
  }
}

Deno.test("an access costs 500 ns, a pause 100 ns, and due events run before an access, in their order", () => {
  const m = machineOf();
  const order: string[] = [];
  m.events.schedule(0, () => order.push("a"));
  m.events.schedule(600, () => order.push("late"));
  m.events.schedule(0, () => order.push("b"));
  read32(m, 0xfec0_0000);
  assertEquals([order.join(), m.now()], ["a,b", 500]);
  m.relax();
  assertEquals([order.join(), m.now()], ["a,b,late", 600]);
});

Deno.test("idle goes to the next event and returns when it raised an interrupt", () => {
  const m = machineOf();
  write32(m, LAPIC + 0xf0, 0x1ff);
  assertEquals(m.now(), 500);
  let ran = 0;
  m.events.schedule(1000, () => ran++);
  m.events.schedule(4500, () => m.context.sendMsi(LAPIC, 0x41, "test"));
  m.events.schedule(9000, () => ran++);
  assertEquals(m.idle(), undefined);
  assertEquals([m.now(), ran, m.takeInterrupt()], [5000, 1, 0x41]);
});

Deno.test("idle returns at its time, not before and not after", () => {
  const m = machineOf();
  let ran = 0;
  m.events.schedule(7000, () => ran++);
  assertEquals(m.idle(6999), undefined);
  assertEquals([m.now(), ran], [6999, 0]);
  m.idle(7000);
  assertEquals([m.now(), ran], [7000, 1]);
  m.idle(10);
  assertEquals(m.now(), 7000, "time does not run backwards");
});

Deno.test("a guest that nothing can wake is told so", async () => {
  assertThrows(() => machineOf().idle(), DeadlockError, "no host input can arrive");
  const m = machineOf(COM1, { chardevs: new Map([["c0", new Script([], false)]]) });
  assertThrows(() => m.idle(), DeadlockError);
  const closing = new Script([]);
  const waiting = machineOf(COM1, { chardevs: new Map([["c0", closing]]) });
  const idle = waiting.idle();
  closing.close();
  await assertRejects(async () => await idle, DeadlockError);
});

Deno.test("idle waits for host input, which is recorded, and returns after it", async () => {
  const trace = recorder();
  const script = new Script([]);
  const m = machineOf(COM1, { trace, chardevs: new Map([["c0", script]]) });
  const idle = m.idle();
  assert(idle instanceof Promise);
  script.give("hi");
  await idle;
  assertEquals(trace.events.filter((e) => e.ev === "input"), [{ ev: "input", chardev: "c0", hex: "6869" }]);
  assertEquals(
    [m.portRead(0x3f8, 1), m.portRead(0x3f8, 1)],
    [0x68, 0x69],
    "the rest waited until the first was read",
  );
  script.pieces.push("x");
  assertEquals(m.idle(), undefined, "input that is there needs no waiting");
  assertEquals(m.portRead(0x3f8, 1), 0x78);
});

Deno.test("input that the host pushes wakes the guest, and so does the power button", async () => {
  const m = machineOf(COM1);
  const close = m.openInput();
  const idle = m.idle();
  m.input("c0", Uint8Array.of(0x41));
  await idle;
  assertEquals(m.portRead(0x3f8, 1), 0x41);
  const asleep = m.idle();
  m.powerOff(7);
  await asleep;
  assertEquals(m.exitCode, 7);
  close();
  assertThrows(() => m.input("nope", Uint8Array.of(1)), Error, "'nope': no device has it (possible: c0)");
});

Deno.test("two machines in one process share nothing: two seeds, two streams; one seed, one stream", () => {
  const bytes = (seed: number) => {
    const m = machineOf({}, { seed });
    return Array.from({ length: 8 }, () => m.random.u32());
  };
  const a = machineOf({}, { seed: 1 });
  const b = machineOf({}, { seed: 2 });
  const mixed = [a, b, a, b].map((m) => m.random.u32());
  assertEquals([mixed[0], mixed[2]], bytes(1).slice(0, 2));
  assertEquals([mixed[1], mixed[3]], bytes(2).slice(0, 2));
  write32(a, 0x1000, 0x1234);
  assertEquals(read32(b, 0x1000), 0);
  a.relax();
  a.powerOff(1);
  assertEquals([b.exitCode, b.now()], [undefined, 500]);
});
