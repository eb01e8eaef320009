import { F } from "../../../../spec/virtio/features.ts";
import { EventSuppr, PackedDesc, RingEventFlags } from "../../../../spec/virtio/packed.ts";
import { AVAIL_F_NO_INTERRUPT, needEvent } from "../../../../spec/virtio/split.ts";
import type { DriverRead } from "../../events.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Place } from "../../report.ts";
import type { Rule, Scene } from "../../rule.ts";
import { bytesAt, PerQueue, plural, read16, together } from "../memory/support.ts";
import { Taken } from "./taken.ts";

/** What of a queue came back without an interrupt, and what the driver knows of it. Counts as {@link RingModel.used}. */
interface Silent {
  /** Used buffers that the driver has seen. */
  seen: number;
  /** Used buffers up to here came while no interrupt was wanted. */
  silent: number;
  /** The driver wants no interrupts. */
  off: boolean;
  /** It asked for them again, and has not looked since; and where. */
  asked: boolean;
  place: Place;
}

/** Whether the driver asks for an interrupt for the buffer that comes back next. */
export function interruptsWanted(scene: Scene, queue: QueueModel): boolean {
  const ring = queue.ring!;
  const { machine } = scene;
  const eventIdx = queue.device.has(F.EVENT_IDX);
  if (ring.kind === "packed") {
    const flags = machine.u16(ring.addressOf("driverEvent") + EventSuppr.FLAGS) & 3;
    if (flags !== RingEventFlags.DESC || !eventIdx) return flags !== RingEventFlags.DISABLE;
    const event = machine.u16(ring.addressOf("driverEvent") + EventSuppr.DESC);
    const ahead = (event & 0x7fff) - ring.indices.used +
      (event >>> 15 === ring.indices.usedWrap ? 0 : ring.size);
    return ahead >= 0;
  }
  if (!eventIdx) return (machine.u16(ring.addressOf("availFlags")) & AVAIL_F_NO_INTERRUPT) === 0;
  // An index that was passed, or is further ahead than there are buffers, asks for nothing: so interrupts are kept off.
  return ((machine.u16(ring.addressOf("usedEvent")) - ring.indices.used) & 0xffff) < ring.size;
}

/**
 * Whether the driver has said that it wants no interrupts. With EVENT_IDX that is an index far from what it has taken: one
 * that the device has passed meanwhile is not meant so.
 */
function switchedOff(scene: Scene, queue: QueueModel, taken: Taken): boolean {
  const ring = queue.ring!;
  if (ring.kind === "packed") {
    const flags = scene.machine.u16(ring.addressOf("driverEvent") + EventSuppr.FLAGS) & 3;
    return flags === RingEventFlags.DISABLE;
  }
  if (!queue.device.has(F.EVENT_IDX)) return !interruptsWanted(scene, queue);
  const position = ring.indices.used - taken.count(queue);
  return ((scene.machine.u16(ring.addressOf("usedEvent")) - position) & 0xffff) >= ring.size;
}

/** Whether a place of the driver area says when interrupts are wanted; the rest of a split one publishes chains. */
export function isWish(queue: QueueModel, offset: number): boolean {
  const ring = queue.ring!;
  if (ring.kind === "packed") return true;
  const address = queue.driver + offset;
  return address === ring.addressOf("availFlags") || address === ring.addressOf("usedEvent");
}

/** Used buffers that the driver has seen after a read, or undefined if it is about something else. */
function seenBy(scene: Scene, queue: QueueModel, read: DriverRead): number | undefined {
  const ring = queue.ring!;
  if (ring.kind === "split") {
    const idx = read.part!.area === "device" ? read16(scene, read, ring.addressOf("usedIndex")) : undefined;
    return idx === undefined ? undefined : ring.used - ((ring.indices.used - idx) & 0xffff);
  }
  if (read.part!.area !== "desc") return undefined;
  const slot = read.part!.offset >> 4;
  const flags = read16(scene, read, ring.addressOf("descriptor", slot) + PackedDesc.FLAGS);
  return flags === undefined ? undefined : ring.used;
}

/** Interrupts are asked for, and the driver goes to sleep without a last look. */
export const INTERRUPT_RACE: Rule = {
  id: "interrupts-without-look",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.7.14",
  title:
    "After a driver has asked for interrupts it looks once more: for what came back before, no interrupt will come",
  hint:
    "Ask for interrupts, a full barrier, look for used buffers again; if there are some, take them instead of waiting.",
  watch(scene) {
    const taken = new Taken();
    const states = new PerQueue<Silent>((queue) => ({
      seen: 0,
      silent: 0,
      off: queue.ring !== undefined && switchedOff(scene, queue, taken),
      asked: false,
      place: [],
    }));
    // A recorded run does not show looks.
    if (scene.machine.platform === "trace") return {};
    return together(taken.watcher, {
      queueEnabled(queue) {
        states.forget(queue);
        states.of(queue);
      },
      queueStopped: (queue) => states.forget(queue),
      used(queue) {
        if (queue.ring !== undefined && !interruptsBefore(scene, queue)) {
          states.of(queue).silent = queue.ring.used;
        }
      },
      write(write) {
        const { part } = write;
        if (part?.area !== "driver" || part.queue.ring === undefined) return;
        if (!isWish(part.queue, part.offset)) return;
        const state = states.of(part.queue);
        const off = switchedOff(scene, part.queue, taken);
        if (interruptsWanted(scene, part.queue) && (state.off || state.silent > state.seen)) {
          state.asked = true;
          state.place = scene.machine.place();
        } else if (off) state.asked = false;
        state.off = off;
      },
      read(read) {
        const queue = read.part?.queue;
        const seen = queue?.ring === undefined ? undefined : seenBy(scene, queue, read);
        if (seen === undefined) return;
        const state = states.of(queue!);
        state.seen = seen;
        state.asked = false;
      },
      idle() {
        for (const [queue, state] of states.entries()) {
          if (state.asked) report(scene, queue, state);
          state.asked = false;
        }
      },
    });
  },
};

function report(scene: Scene, queue: QueueModel, state: Silent): void {
  const ring = queue.ring;
  if (ring === undefined || !queue.enabled || !queue.device.live) return;
  const missed = state.silent - state.seen;
  if (missed <= 0 && ring.inFlight.size === 0) return;
  scene.report({
    device: queue.device,
    queue,
    found:
      `the CPU went idle, waiting for interrupts of ${queue.name}, and the driver has not looked since it asked for ` +
      `them: ${
        missed > 0
          ? `${plural(missed, "buffer")} had come back before`
          : "what had come back in between would raise none"
      }`,
    expected: "a look at what the device has used between asking for interrupts and waiting",
    evidence: [
      ring.kind === "split"
        ? bytesAt(scene, "used ring: flags, idx", ring.addressOf("usedFlags"), 4)
        : bytesAt(scene, "driver event: desc, flags", ring.addressOf("driverEvent"), 4),
    ],
    place: state.place,
  });
}

/** Whether an interrupt was wanted for the buffer that has just come back. */
function interruptsBefore(scene: Scene, queue: QueueModel): boolean {
  const ring = queue.ring!;
  if (!queue.device.has(F.EVENT_IDX)) return interruptsWanted(scene, queue);
  // By event: at, or before, this one. A device that gives back several at once looks at all of them.
  if (ring.kind === "split") {
    const { used } = ring.indices;
    return needEvent(scene.machine.u16(ring.addressOf("usedEvent")), used, (used - 1) & 0xffff);
  }
  const flags = scene.machine.u16(ring.addressOf("driverEvent") + EventSuppr.FLAGS) & 3;
  return flags !== RingEventFlags.DISABLE;
}
