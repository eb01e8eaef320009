import { assert, assertEquals } from "@std/assert";
import { DeadlockError } from "../../../arch/platform.ts";
import type { WallClock } from "../../../devices/machine/pace.ts";
import type { NetBackend, NetFrontend } from "../../../devices/net/backend.ts";
import { LAPIC, machineOf, write32 } from "./support.ts";

/** A wall clock that goes on only when the test says so. */
class FakeClock implements WallClock {
  time = 5_000_000_000;
  turns = 0;
  private timers: { at: number; wake: () => void }[] = [];
  now(): number {
    return this.time;
  }
  after(ns: number, wake: () => void): () => void {
    const timer = { at: this.time + ns, wake };
    this.timers.push(timer);
    return () => this.timers = this.timers.filter((t) => t !== timer);
  }
  turn(): Promise<void> {
    this.turns++;
    return Promise.resolve();
  }
  get waiting(): number[] {
    return this.timers.map((t) => t.at - this.time);
  }
  async pass(ns: number): Promise<void> {
    this.time += ns;
    const due = this.timers.filter((t) => t.at <= this.time);
    this.timers = this.timers.filter((t) => t.at > this.time);
    for (const t of due) t.wake();
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }
}

/** A back end with a peer outside, which sends when the test says so. */
class Peer implements NetBackend {
  readonly id = "n0";
  realTime = true;
  inputOpen = true;
  delivered: number[] = [];
  private waiting = 0;
  private wake: () => void = () => {};
  private ready: Promise<void> | undefined;
  constructor(private readonly machine: () => { now(): number }) {}
  send(): void {}
  attach(_: NetFrontend): void {}
  acceptInput(): void {}
  deliver(): boolean {
    if (this.waiting === 0) return false;
    this.waiting--;
    this.delivered.push(this.machine().now());
    return true;
  }
  inputReady(): Promise<void> {
    return this.ready ??= new Promise((wake) => this.wake = wake);
  }
  async give(pieces = 1): Promise<void> {
    this.waiting += pieces;
    this.ready = undefined;
    this.wake();
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }
}

function paced() {
  const clock = new FakeClock();
  const peer: Peer = new Peer(() => m);
  const m = machineOf({}, { clock, netdevs: new Map([["n0", peer]]) });
  return { clock, peer, m };
}

/** Whether the promise has been fulfilled by now. */
function watch(idle: void | Promise<void>): { done: boolean } {
  assert(idle instanceof Promise, "the machine did not wait");
  const state = { done: false };
  idle.then(() => state.done = true);
  return state;
}

Deno.test("with a peer that lives by the wall clock, idling takes the time that it takes", async () => {
  const { clock, m } = paced();
  const idle = watch(m.idle(10_000_000));
  assertEquals([m.now(), clock.waiting], [0, [10_000_000]]);
  await clock.pass(9_000_000);
  assertEquals([idle.done, m.now()], [false, 0]);
  await clock.pass(1_000_000);
  assertEquals([idle.done, m.now()], [true, 10_000_000]);
});

Deno.test("without such a peer time jumps, though there is a clock; one that comes and goes changes that", async () => {
  const { clock, peer, m } = paced();
  peer.realTime = false;
  assertEquals([m.idle(7_000_000_000), m.now()], [undefined, 7_000_000_000]);
  peer.realTime = true;
  const idle = watch(m.idle(7_000_500_000));
  await clock.pass(500_000);
  assertEquals([idle.done, m.now()], [true, 7_000_500_000], "from where the machine is, not from its start");
});

Deno.test("input wakes the machine at once, at the time that corresponds, and no timer is left over", async () => {
  const { clock, peer, m } = paced();
  const idle = watch(m.idle(50_000_000));
  await clock.pass(12_000_000);
  await peer.give();
  assertEquals([idle.done, peer.delivered], [true, [12_000_000]]);
  const again = watch(m.idle(50_000_000));
  assertEquals(clock.waiting, [38_000_000], "one timer serves all waits");
  m.powerOff(0);
  await Promise.resolve();
  assertEquals(clock.waiting, []);
  await clock.pass(0);
  assert(again.done);
});

Deno.test("an earlier wait replaces a later timer; events of devices are waited for as well", async () => {
  const { clock, peer, m } = paced();
  write32(m, LAPIC + 0xf0, 0x1ff);
  const start = m.now();
  watch(m.idle(start + 50_000_000));
  await peer.give();
  m.events.schedule(3_000_000, () => m.context.sendMsi(LAPIC, 0x41, "test"));
  const idle = watch(m.idle(start + 50_000_000));
  assertEquals(clock.waiting, [3_000_000]);
  await clock.pass(2_999_999);
  assertEquals(idle.done, false);
  await clock.pass(1);
  assertEquals([idle.done, m.now(), m.takeInterrupt()], [true, start + 3_000_000, 0x41]);
});

Deno.test("a machine that fell behind catches up while it idles; one that was busy goes on from where it is", async () => {
  const { clock, m } = paced();
  watch(m.idle(1_000));
  await clock.pass(1_000);
  await clock.pass(5_000_000);
  const late = watch(m.idle(2_000_000));
  await clock.pass(0);
  assertEquals([late.done, m.now(), clock.turns], [true, 2_000_000, 1], "the timer is late: host first");
  const on = watch(m.idle(5_002_000));
  assertEquals(m.now(), 5_001_000);
  await clock.pass(1_000);
  assert(on.done);
  m.events.advance(400_000_000); // busy
  const busy = watch(m.idle(m.now() + 1_000_000));
  assertEquals(clock.waiting, [1_000_000], "no debt of 400 ms");
  await clock.pass(1_000_000);
  assert(busy.done);
});

Deno.test("a flood of input does not stop late timers, nor late timers input", async () => {
  const { clock, peer, m } = paced();
  watch(m.idle(1_000));
  await clock.pass(1_000);
  await peer.give(3);
  peer.delivered = [];
  await clock.pass(900_000);
  const order: string[] = [];
  m.events.schedule(100_000, () => order.push("event 1"));
  m.events.schedule(200_000, () => order.push("event 2"));
  for (let i = 0; i < 2; i++) {
    assertEquals(m.idle(10_000_000), undefined);
    order.push(`input ${peer.delivered.length}`);
  }
  assertEquals(order, ["input 1", "event 1", "input 2"]);
});

Deno.test("the host gets a turn now and then from a guest whose timers never end", async () => {
  const { clock, peer, m } = paced();
  peer.realTime = false;
  let jumps = 0;
  for (; jumps < 1000; jumps++) {
    const idle = m.idle(m.now() + 1000);
    if (idle === undefined) continue;
    await idle;
    break;
  }
  assertEquals([jumps, clock.turns], [255, 1]);
  peer.inputOpen = false;
  for (let i = 0; i < 1000; i++) assertEquals(m.idle(m.now() + 1000), undefined, "nobody to give a turn to");
});

Deno.test("a guest that nothing can wake is told so, with a clock as without", () => {
  const { peer, m } = paced();
  peer.inputOpen = false;
  let error: unknown;
  try {
    m.idle();
  } catch (e) {
    error = e;
  }
  assert(error instanceof DeadlockError);
});
