import { F } from "../../../../spec/virtio/features.ts";
import { CapCfgType } from "../../../../spec/virtio/pci.ts";
import type { Access } from "../../events.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { FunctionModel } from "../../model/machine.ts";
import type { Rule, Scene } from "../../rule.ts";
import { overPci, PCI_NOTIFY } from "../basic/_clauses.ts";
import { hex } from "../basic/_registers.ts";
import { virtioCapabilities, type VirtioCapability } from "./_capabilities.ts";

/** A 16-bit number of a queue, or 32 bits with the position. */
export const PCI_NOTIFY_WIDTH: Rule = {
  id: "pci-notify-width",
  clauses: overPci(PCI_NOTIFY, 1, 2),
  level: "violation",
  section: "virtio 1.4, 4.1.5.2.1",
  title: "A notification is a write of 16 bits, with NOTIFICATION_DATA one of 32",
  hint: "The width follows from the negotiated features, not from the machine.",
  watch: (scene) => ({
    access(a) {
      if (!a.write || a.space !== "notify") return;
      const withData = a.device.has(F.NOTIFICATION_DATA);
      const width = withData ? 4 : 2;
      if (a.width === width) return;
      scene.report({
        device: a.device,
        found: `a notification of ${8 * a.width} bits (${hex(a.value)})`,
        expected: `${8 * width} bits (${withData ? "with" : "without"} NOTIFICATION_DATA)`,
        evidence: [{ what: "notification", address: a.address, value: hex(a.value) }],
      });
    },
  }),
};

/** The queues that are notified at an offset, as far as queue_notify_off was read. */
export const queuesAt = (device: DeviceModel, offset: number, multiplier: number): number[] =>
  [...device.queues.values()].filter((q) => q.notifyOff !== undefined && q.notifyOff * multiplier === offset)
    .map((q) => q.index);

/** Address and value name the same queue. */
export const PCI_NOTIFY_QUEUE: Rule = {
  id: "pci-notify-queue",
  clauses: overPci(PCI_NOTIFY, 3, 4),
  level: "violation",
  section: "virtio 1.4, 4.1.4.4, 4.1.5.2.1",
  title: "A queue is notified at queue_notify_off times notify_off_multiplier, with its own number",
  hint:
    "The address is offset of the capability + queue_notify_off * multiplier; read queue_notify_off of each queue.",
  watch: (scene) => ({
    access(a) {
      if (!a.write || a.space !== "notify" || a.device.has(F.NOTIF_CONFIG_DATA)) return;
      const fn = scene.machine.functions.get(a.device.place);
      if (fn === undefined) return;
      // Of several structures any may be used.
      const places = virtioCapabilities(fn.config)
        .filter((cap) => cap.type === CapCfgType.Notify && cap.bar < 6 && holds(fn, cap, a.address))
        .map((cap) => ({ offset: a.address - start(fn, cap), multiplier: cap.extra }));
      const index = a.value & 0xffff;
      if (places.some((p) => queuesAt(a.device, p.offset, p.multiplier).includes(index))) return;
      if (places.length > 0) report(scene, a, places[0].offset, places[0].multiplier);
    },
  }),
};

const start = (fn: FunctionModel, cap: VirtioCapability): number => fn.barAddress(cap.bar) + cap.offset;
const holds = (fn: FunctionModel, cap: VirtioCapability, address: number): boolean =>
  address >= start(fn, cap) && address < start(fn, cap) + cap.length;

function report(scene: Scene, a: Access, offset: number, multiplier: number): void {
  const { device } = a;
  const index = a.value & 0xffff;
  const here = queuesAt(device, offset, multiplier);
  const off = device.queues.get(index)?.notifyOff;
  const whose = here.length === 0 ? "which is no queue's" : `which is that of queue ${here.join(", ")}`;
  scene.report({
    device,
    queue: device.queues.get(index),
    found:
      `${hex(a.value)} (queue ${index}) was written at offset ${
        hex(offset)
      } of the notification structure, ` +
      whose,
    expected: off === undefined
      ? `queue_notify_off of queue ${index} read, and times ${multiplier}`
      : `offset ${hex(off * multiplier)} (queue_notify_off ${off} times ${multiplier}) for queue ${index}`,
    evidence: [
      { what: "notification", address: a.address, value: hex(a.value) },
      { what: "notify_off_multiplier", value: `${multiplier}` },
    ],
  });
}
