/** An entropy device that does whatever a device may do: in any order, in its own time, telling or not. */
import type { Machine } from "../../devices/machine/mod.ts";
import type { DeviceQueue } from "../../devices/virtio/queue.ts";
import type { Chain } from "../../devices/virtio/queue.ts";
import { type VirtioDevice, VirtioPci } from "../../devices/virtio/mod.ts";

/** Virtual nanoseconds between two turns, at most. */
const TURN = 30_000;

/** What is changed of a device: its class keeps these for itself. */
interface Inside {
  onNotify(index: number): void;
  onStatus(status: number): void;
  onQueueReset(index: number): void;
  pop(index: number): Chain | undefined;
  push(index: number, chain: Chain, written: number): void;
  ring(index: number): DeviceQueue | undefined;
  notifyDriver(index: number): void;
}

/** The first virtio device of a machine. */
export function firstDevice(machine: Machine): VirtioDevice {
  for (const { fn } of machine.pci?.functions ?? []) if (fn instanceof VirtioPci) return fn.device;
  const transport = machine.transports.find((t) => t.device !== undefined);
  if (transport === undefined) throw new Error("the machine has no virtio device");
  return transport.device!;
}

/** Changes the machine's only device. @param random a number in [0, n). */
export function makeRestless(machine: Machine, random: (n: number) => number): void {
  const device = firstDevice(machine) as unknown as Inside;
  const held: Chain[] = [];
  let due = false;
  const later = () => {
    if (due) return;
    due = true;
    machine.events.schedule(1 + random(TURN), () => {
      due = false;
      turn();
    });
  };
  const use = () => {
    const [chain] = held.splice(random(held.length), 1);
    const written = 1 + random(chain.writableLength);
    chain.writeFrom(new Uint8Array(written).map(() => random(256)), 0);
    device.push(0, chain, written);
  };
  const turn = () => {
    const ring = device.ring(0);
    if (ring === undefined) return;
    for (let chain = device.pop(0); chain !== undefined; chain = device.pop(0)) held.push(chain);
    let used = 0;
    for (let n = random(held.length + 1); n > 0; n--, used++) use();
    if (used > 0) device.notifyDriver(0);
    // Quiet only while it will look again by itself.
    const quiet = held.length > 0 && random(2) === 0;
    ring.setNotification(!quiet);
    if (held.length > 0 || ring.hasAvail()) later();
  };
  device.onNotify = later;
  device.onStatus = () => {};
  device.onQueueReset = () => void (held.length = 0);
}
