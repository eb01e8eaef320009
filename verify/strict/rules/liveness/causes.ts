import { PciCfg, PciCommand } from "../../../../spec/pci.ts";
import { F } from "../../../../spec/virtio/features.ts";
import { EventSuppr, RingEventFlags } from "../../../../spec/virtio/packed.ts";
import { NO_VECTOR } from "../../../../spec/virtio/pci.ts";
import { DeviceStatus } from "../../../../spec/virtio/status.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { QueueModel } from "../../model/queue.ts";
import { plural } from "../memory/support.ts";
import { interruptsWanted } from "./interrupt_race.ts";
import type { Waiting } from "./waiting.ts";

/** What may be the matter; the heavier, the likelier. */
export interface Cause {
  readonly weight: number;
  readonly text: string;
}

/** What is so on healthy machines, too: worth a word only where nothing else is known. */
export const LIGHT = 1;

/** Chains that the device was not told of, and would like to be. */
function untold(waiting: Waiting, queue: QueueModel): number {
  const ring = queue.ring!;
  const { told } = waiting.progress(queue);
  if (!ring.wantsNotification(told)) return 0;
  return [...ring.inFlight.values()].filter((c) => c.number >= told).length;
}

/** What is odd about a queue of a device, from the device's side and from the driver's. */
export function causesOf(waiting: Waiting, queue: QueueModel): Cause[] {
  return [...towardsDevice(waiting, queue), ...towardsDriver(waiting, queue)];
}

function towardsDevice(waiting: Waiting, queue: QueueModel): Cause[] {
  const held = queue.ring!.inFlight.size;
  const causes: Cause[] = [];
  if (waiting.progress(queue).filled) {
    causes.push({
      weight: 6,
      text: `${queue.name}: descriptors or entries were written, and not published`,
    });
  }
  if (!queue.device.live) return causes;
  if (held === 0) return [...causes, ...withoutBuffers(waiting, queue)];
  const n = untold(waiting, queue);
  if (n === 0) {
    causes.push({
      weight: LIGHT,
      text: `${queue.name} holds ${plural(held, "chain")}: it is the device's turn`,
    });
  } else if (queue.notifications === 0) {
    causes.push({ weight: 9, text: `${queue.name} holds ${plural(n, "chain")}, and was never notified` });
  } else {
    const text = `${queue.name} holds ${
      plural(n, "chain")
    } of which the device was not notified, though it wants to be`;
    causes.push({ weight: 8, text });
  }
  return causes;
}

/** A queue that had standing buffers for the device to fill, and has none. Who asks for one at a time has none in between. */
function withoutBuffers(waiting: Waiting, queue: QueueModel): Cause[] {
  const { receives, most } = waiting.progress(queue);
  if (!receives || waiting.taken.count(queue) > 0) return [];
  return [{
    weight: most > 1 ? 3 : LIGHT,
    text: `${queue.name}: the device has no buffer to write into; none was given back to it`,
  }];
}

/** Where the driver asked for its interrupt, if it did so by an event; an empty text otherwise. */
function eventOf(machine: MachineModel, queue: QueueModel): string {
  const ring = queue.ring!;
  if (!queue.device.has(F.EVENT_IDX)) return "";
  if (ring.kind === "split") {
    const event = machine.u16(ring.addressOf("usedEvent"));
    return `: it asks for an interrupt when the used index goes beyond ${event} (used_event), which is ${ring.indices.used}`;
  }
  const at = ring.addressOf("driverEvent");
  if ((machine.u16(at + EventSuppr.FLAGS) & 3) !== RingEventFlags.DESC) return "";
  const event = machine.u16(at + EventSuppr.DESC);
  const { used, usedWrap } = ring.indices;
  return `: it asks for an interrupt at descriptor ${event & 0x7fff} with wrap counter ${
    event >>> 15
  }, the device ` +
    `has come to descriptor ${used} with wrap counter ${usedWrap}`;
}

function towardsDriver(waiting: Waiting, queue: QueueModel): Cause[] {
  const ring = queue.ring!;
  const left = waiting.taken.count(queue);
  if (left === 0) return [];
  const elsewhere = waiting.taken.elsewhere(queue);
  const full = waiting.taken.sent(queue) + ring.descriptorsInFlight >= ring.size;
  // Who polls takes what came back when he likes. A ring without room, though, keeps a sender waiting.
  const [weight, more] = elsewhere !== undefined
    ? [7, `: it looks at descriptor ${elsewhere.looksAt}, the device has used descriptor ${elsewhere.used}`]
    : full
    ? [7, ": no descriptor is free before it does"]
    : !interruptsWanted(waiting.scene, queue)
    ? [LIGHT, ": it asks for no interrupt"]
    : queue.device.msixEnabled && queue.vector === NO_VECTOR
    ? [7, ": the queue has no interrupt vector"]
    : [5, eventOf(waiting.machine, queue)];
  const text = `${queue.name} has ${plural(left, "used buffer")} that the driver has not looked at${more}`;
  return [{ weight, text }];
}

/** A device that holds chains and cannot do anything with them. */
export function deviceCauses(
  machine: MachineModel,
  device: DeviceModel,
  queues: readonly QueueModel[],
): Cause[] {
  const chains = queues.reduce((n, q) => n + q.ring!.inFlight.size, 0);
  const causes: Cause[] = [];
  const config = machine.functions.get(device.place)?.config;
  if (
    device.transport === "pci" && config !== undefined &&
    (config[PciCfg.COMMAND] & PciCommand.BUS_MASTER) === 0
  ) {
    causes.push({
      weight: 10,
      text: `${device.name} is no bus master: it reaches neither memory nor the CPU`,
    });
  }
  const why = notLive(device);
  if (why !== undefined && chains > 0) {
    causes.push({ weight: 10, text: `${device.name} holds ${plural(chains, "chain")}, and ${why}` });
  }
  return causes;
}

/** Why a device does nothing; undefined: it is live. */
function notLive({ live, status }: DeviceModel): string | undefined {
  if (live) return undefined;
  if ((status & DeviceStatus.DEVICE_NEEDS_RESET) !== 0) return "needs a reset";
  if ((status & DeviceStatus.FAILED) !== 0) return "was given up by its driver (FAILED)";
  const missing = (["FEATURES_OK", "DRIVER_OK"] as const).filter((bit) => (status & DeviceStatus[bit]) === 0);
  return `is not live: ${missing.join(" and ")} ${missing.length > 1 ? "were" : "was"} not written`;
}

/** A line that is asserted. */
export const lineCause = (line: number, masked: boolean): Cause =>
  masked
    ? { weight: 4, text: `interrupt line ${line} is asserted, and masked in the IOAPIC` }
    : { weight: 3, text: `interrupt line ${line} is asserted: nobody has acknowledged it at the device` };

/** Queues with chains in them that were taken from a device, which lives again without them. */
export function resetCauses(waiting: Waiting): Cause[] {
  return [...waiting.dropped].filter(([queue]) => queue.device.live).map(([queue, held]) => ({
    weight: 6,
    text: `${queue.name} was reset while the device held ${plural(held, "chain")}, and not set up again`,
  }));
}
