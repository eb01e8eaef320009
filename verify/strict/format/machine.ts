import { featureNames } from "../../../spec/virtio/features.ts";
import { statusNames } from "../../../spec/virtio/status.ts";
import type { Chain } from "../model/chain.ts";
import type { MachineModel } from "../model/machine.ts";
import type { QueueModel } from "../model/queue.ts";

/** Chains of a queue that are listed. */
const LISTED = 4;

/** How a machine stands, for whoever looks at it after it was stopped: devices, queues, and who owns which buffers. */
export function machineText(machine: MachineModel): string {
  const lines = [`the machine at ${machine.time} ns:`];
  for (const device of machine.devices) {
    if (device.virtioId === 0) continue;
    lines.push(`  ${device.name}: status ${statusNames(device.status)}`);
    if (device.negotiated !== 0n) {
      lines.push(`    features ${featureNames(device.negotiated, device.virtioId).join(" ")}`);
    }
    for (const queue of device.queues.values()) if (queue.enabled) lines.push(...queueLines(queue));
  }
  return lines.join("\n") + "\n";
}

function queueLines(queue: QueueModel): string[] {
  const { ring } = queue;
  if (ring === undefined) return [];
  const indices = Object.entries(ring.indices).map(([name, value]) => `${name} ${value}`).join(", ");
  const hex = (n: number) => `0x${n.toString(16)}`;
  const chains = [...ring.inFlight.values()];
  return [
    `    queue ${queue.index}: ${ring.kind}, size ${ring.size}, ${indices}; ${queue.notifications} notifications`,
    `      desc at ${hex(queue.desc)}, driver at ${hex(queue.driver)}, device at ${hex(queue.deviceArea)}`,
    ...chains.slice(0, LISTED).map((chain) => `      the device has ${describe(chain)}`),
    ...chains.length > LISTED ? [`      and ${chains.length - LISTED} more`] : [],
  ];
}

function describe({ id, segments }: Chain): string {
  const parts = segments.map(({ address, length, writable }) =>
    `${length} bytes at 0x${address.toString(16)} to ${writable ? "write" : "read"}`
  );
  return `${id}: ${parts.join(", ")}`;
}
