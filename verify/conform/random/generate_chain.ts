import { ConsoleQueue } from "../../../spec/mod.ts";
import type { Driver, QueuePlan } from "./driver.ts";
import { netReceived, netSent } from "./generate_net.ts";
import { type Desc, Ram, type Step } from "./program.ts";

const NEXT = 1, WRITE = 2, INDIRECT = 4;
/** How often a chain has a mistake in it. */
const MISTAKE = 0.08;
/** How often a mistake is one that QEMU 7.2 is known to take otherwise. */
const RARE = 0.02;
/** The same, where QEMU 7.2 turns for ever: each of them costs seconds. */
const ENDLESS = 0.002;

/** QEMU's entropy device, where it finds something wrong only as it takes a chain from a packed ring. */
const turnsForEver = (d: Driver) => d.packed && d.target.device === "rng";

/** One or more chains on some queue, shown to the device and mostly kicked. */
export function chains(d: Driver): void {
  const queue = d.anyQueue();
  if (queue === undefined) return;
  const count = d.dice.weighted([[10, 1], [5, 2], [3, 3], [1, Math.min(queue.size, 8)]]);
  for (let i = 0; i < count; i++) oneChain(d, queue);
  publish(d, queue);
}

/** Shows the device what is on the ring. */
export function publish(d: Driver, queue: QueuePlan): void {
  const { dice } = d;
  const jump = !d.packed && dice.chance(0.02)
    ? dice.pick([1, -1, queue.size, queue.size + 1, 0x8000])
    : undefined;
  const kick = dice.chance(0.8);
  const step: Step = {
    op: "publish",
    q: queue.q,
    ...jump === undefined ? {} : { jump },
    // A step notifies the modern way, which on MMIO is the only one.
    ...kick && (d.mmio || !d.legacy) ? { kick } : {},
  };
  d.add(step);
  if (d.legacy && !d.mmio && kick) d.notify(queue.q);
  if (!kick && dice.chance(0.6)) d.notify(queue.q);
  if (!d.receives(queue.q) || d.target.device === "rng") queue.waiting = 0;
}

/** A chain that suits the queue, mostly. */
function oneChain(d: Driver, queue: QueuePlan): void {
  const { dice } = d;
  // What a short buffer for a control message is answered with, QEMU 7.2 gets wrong: those are rare.
  const control = d.target.device === "serial" && queue.q === ConsoleQueue.CTRL_RECEIVE;
  let list = d.target.device === "net"
    ? d.receives(queue.q) ? netReceived(d) : netSent(d, queue.size - queue.waiting)
    : control
    ? [buffer(d, 64, WRITE)]
    : d.receives(queue.q)
    ? received(d)
    : sent(d);
  // A ring that is full: mostly the driver waits.
  const room = queue.size - queue.waiting;
  const most = d.packed ? Math.max(1, room) : queue.size;
  const overrun = dice.chance(turnsForEver(d) ? ENDLESS : 0.1);
  if (list.length > most && !overrun) list = list.slice(0, most);
  if (room <= 0 && !overrun) return;
  const step: Extract<Step, { op: "chain" }> = { op: "chain", q: queue.q, d: list };
  if ((d.indirect || dice.chance(0.1)) && dice.chance(0.3)) indirect(d, step);
  queue.waiting += d.packed ? step.d.length : 1;
  if (d.packed && dice.chance(0.2)) step.id = dice.pick([0, 7, 0x1234, 0xffff]);
  if (dice.chance(MISTAKE)) mistake(d, queue, step);
  d.add(step);
}

function length(d: Driver): number {
  const { dice } = d;
  return dice.weighted<() => number>([
    [10, () => dice.int(1, 16)],
    [5, () => dice.int(1, 64)],
    [1, () => dice.pick([128, 256, 300])],
  ])();
}
const buffer = (d: Driver, n: number, f: number): Desc => ({ a: d.bufferAt(n), n, ...f === 0 ? {} : { f } });

/** Buffers the device writes, perhaps after some that it reads. */
function received(d: Driver): Desc[] {
  const { dice } = d;
  const list: Desc[] = [];
  if (dice.chance(0.08)) list.push(buffer(d, length(d), 0));
  for (let n = dice.weighted([[6, 1], [2, 2], [1, 3], [1, 5]]); n > 0; n--) {
    list.push(buffer(d, length(d), WRITE));
  }
  return list;
}
/** Buffers the device reads, perhaps before some that it writes. */
function sent(d: Driver): Desc[] {
  const { dice } = d;
  const list: Desc[] = [];
  for (let n = dice.weighted([[6, 1], [2, 2], [1, 3], [1, 5]]); n > 0; n--) {
    list.push(buffer(d, length(d), 0));
  }
  if (dice.chance(0.08)) list.push(buffer(d, length(d), WRITE));
  return list;
}

/** Moves the buffers into a table, all of them, or all but the first (split only). */
function indirect(d: Driver, step: Extract<Step, { op: "chain" }>): void {
  const { dice } = d;
  // A table behind a buffer: QEMU 7.2 does not know that one, so it is rare.
  const keep = !d.packed && step.d.length > 1 && dice.chance(RARE) ? 1 : 0;
  const t = step.d.slice(keep);
  // Within a table of the packed ring WRITE is all that counts.
  const at = d.tableAt(t.length);
  step.d = [...step.d.slice(0, keep), { a: at, n: 16 * t.length, f: INDIRECT, t }];
}

/** One thing wrong with a chain. */
function mistake(d: Driver, queue: QueuePlan, step: Extract<Step, { op: "chain" }>): void {
  const { dice } = d;
  const whole = step.d;
  const last = whole[whole.length - 1];
  const list = last.t !== undefined && dice.chance(0.7) ? last.t : whole;
  const one = list[dice.int(0, list.length - 1)];
  const outside = () =>
    dice.pick([Ram.size, Ram.size - 2, Ram.size - 8, 2 ** 32, 2 ** 40 + 4096, Ram.size + 65536]);
  if (turnsForEver(d) && !dice.chance(ENDLESS)) return packedRngMistake(d, step, one);
  const choices: [number, () => void][] = [
    [3, () => one.n = 0],
    [3, () => one.a = outside()],
    [2, () => list[list.length - 1].f = (list[list.length - 1].f ?? 0) ^ NEXT],
    [1, () => one.f = (one.f ?? 0) ^ dice.pick([8, 0x100, 0x4000])],
  ];
  // How much a console's buffers take is an int in QEMU.
  if (d.target.device === "serial" && d.receives(queue.q)) {
    choices.push([2, () => one.n = dice.pick([0x7fff_ffff, 0x8000_0000, 0xffff_ffff])]);
    choices.push([1, () => {
      list.unshift(buffer(d, 1, WRITE), { ...buffer(d, 1, WRITE), n: 0xffff_ffff });
    }]);
  }
  // Not the other way round: what stands in a buffer is no table, and lengths of gigabytes take their time.
  if (last.t !== undefined) choices.push([2, () => last.f = (last.f ?? 0) ^ INDIRECT]);
  if (!d.packed || dice.chance(RARE)) {
    choices.push([2, () => one.x = dice.pick([0, queue.size, queue.size - 1, 0xffff])]);
  }
  if (!d.packed) {
    choices.push([2, () => step.head = dice.pick([queue.size, queue.size + 1, 0xffff, 0])]);
    choices.push([3, () => list.push(buffer(d, length(d), 0))]);
    choices.push([1, () => list.push(buffer(d, length(d), WRITE))]);
  } else {
    choices.push([2, () => step.stale = true]);
    choices.push([1, () => list.push(buffer(d, length(d), WRITE))]);
    choices.push([2, () => one.f = (one.f ?? 0) ^ dice.pick([0x80, 0x8000, 0x8080])]);
  }
  if (last.t !== undefined) {
    choices.push([3, () => last.n = dice.pick([0, 1, 8, last.n - 1, last.n + 8, 16, last.n + 16])]);
    choices.push([2, () => {
      const inner = dice.pick(last.t!);
      inner.f = (inner.f ?? 0) ^ INDIRECT;
    }]);
    choices.push([1, () => {
      last.a = outside();
      delete last.t;
    }]);
    choices.push([2, () => last.f = (last.f ?? 0) ^ dice.pick([WRITE, NEXT])]);
  }
  dice.weighted(choices)();
}

/** One thing wrong that a device sees when it counts what waits. */
function packedRngMistake(d: Driver, step: Extract<Step, { op: "chain" }>, one: Desc): void {
  const { dice } = d;
  const last = step.d[step.d.length - 1];
  const choices: [number, () => void][] = [
    [2, () => step.stale = true],
    [2, () => one.f = (one.f ?? 0) ^ dice.pick([8, 0x100, 0x4000])],
  ];
  if (last.t !== undefined) {
    choices.push([3, () => last.n = dice.pick([1, 8, last.n - 1, last.n + 8])]);
    choices.push([2, () => {
      const inner = dice.pick(last.t!);
      inner.f = (inner.f ?? 0) ^ INDIRECT;
    }]);
    choices.push([2, () => last.f = (last.f ?? 0) ^ WRITE]);
  }
  dice.weighted(choices)();
}
