import { PciCommand } from "../../../../spec/pci.ts";
import { F } from "../../../../spec/virtio/features.ts";
import { EventSuppr, RingEventFlags } from "../../../../spec/virtio/packed.ts";
import { NO_VECTOR } from "../../../../spec/virtio/pci.ts";
import { AVAIL_F_NO_INTERRUPT, needEvent } from "../../../../spec/virtio/split.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { MachineModel } from "../../model/machine.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Place } from "../../report.ts";
import type { Rule } from "../../rule.ts";
import { Waiting } from "../liveness/waiting.ts";
import { isPciLine } from "./lines.ts";
import { PerQueue } from "./_state.ts";
import { commandOf, msixControl } from "../pci/_capabilities.ts";

/** Whether the driver asked for an interrupt for any of the last `unread` buffers that came back. */
function asked(machine: MachineModel, queue: QueueModel, unread: number): boolean {
  const ring = queue.ring!;
  if (ring.kind === "packed") {
    const flags = machine.u16(ring.addressOf("driverEvent") + EventSuppr.FLAGS) & 3;
    return flags !== RingEventFlags.DISABLE;
  }
  if (!queue.device.has(F.EVENT_IDX)) {
    return (machine.u16(ring.addressOf("availFlags")) & AVAIL_F_NO_INTERRUPT) === 0;
  }
  const { used } = ring.indices;
  return needEvent(machine.u16(ring.addressOf("usedEvent")), used, (used - unread) & 0xffff);
}

/** An asserted line of the device that nobody has opened; undefined if there is none. */
function closedLine(waiting: Waiting, device: DeviceModel): string | undefined {
  for (const [line, { device: own }] of waiting.lines) {
    // A line of PCI is nobody's own. One that was open once was masked by a kernel that could not quieten it.
    const other = device.transport !== "pci" || device.msixEnabled || !isPciLine(line);
    if (own !== undefined ? own !== device : other) continue;
    if (!waiting.apics.line(line)?.everOpen) {
      return `line ${line} is asserted, and nobody has opened it in the IOAPIC`;
    }
  }
  return undefined;
}

/** Why the interrupt of a queue cannot reach the CPU; undefined if nothing is seen. */
function closedPath(waiting: Waiting, queue: QueueModel): string | undefined {
  const { device } = queue;
  const config = waiting.machine.functions.get(device.place)?.config;
  if (config !== undefined && device.msixEnabled) {
    if (queue.vector === NO_VECTOR) return "MSI-X is on, and the queue has no vector";
    if (msixControl(config)?.masked) return "the MSI-X function mask is set";
    return waiting.tables.entry(device, queue.vector).masked
      ? `MSI-X entry ${queue.vector} is masked`
      : undefined;
  }
  if (config !== undefined && (commandOf(config) & PciCommand.INTX_DISABLE) !== 0) {
    return "MSI-X is off, and INTx is disabled in COMMAND";
  }
  return closedLine(waiting, device);
}

/** Used buffers of which nobody hears. */
export const INTERRUPT_PATH: Rule = {
  id: "interrupt-path-open",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 4.1.5.1.2, 4.2.3.4",
  title: "Who waits for a device's interrupt has opened its way: vector, masks, line",
  hint:
    "Follow the interrupt: is MSI-X or INTx on, has the queue a vector, is the entry or the IOAPIC's line unmasked?",
  watch(scene) {
    // What a driver reads is not in a recorded run.
    if (scene.machine.platform === "trace") return {};
    const waiting = new Waiting(scene);
    const places = new PerQueue(() => ({ place: [] as Place }));
    const look = (closed: (queue: QueueModel) => string | undefined) => {
      for (const device of scene.machine.devices) {
        if (!device.live || device.legacy) continue;
        for (const queue of device.queues.values()) {
          if (!queue.enabled || queue.ring === undefined) continue;
          const unread = waiting.taken.count(queue);
          if (unread <= 0 || !asked(scene.machine, queue, unread)) continue;
          const why = closed(queue);
          if (why === undefined) continue;
          scene.report({
            device,
            queue,
            found: `the CPU waits for an interrupt of queue ${queue.index} that cannot come: ${why}`,
            expected: "a way from the queue to the CPU",
            evidence: [{ what: "used buffers that the driver has not looked at", value: `${unread}` }],
            place: places.ofQueue(queue).place,
          });
        }
      }
    };
    return waiting.watcher({
      queueEnabled: (queue) => void (places.ofQueue(queue).place = scene.machine.place()),
      // A queue without a vector may be looked at by and by; a line that is asserted was meant for somebody.
      idle() {
        if (waiting.lines.size > 0) look((queue) => closedLine(waiting, queue.device));
      },
      end(how) {
        if (how === "stuck") look((queue) => closedPath(waiting, queue));
      },
    });
  },
};

/** Waits that a driver may take with interrupts asked for and none possible: it may be about to open their way. */
const WAITS = 3;

/** Who asks for interrupts wants to hear of them. */
export const INTERRUPT_ASKED: Rule = {
  id: "interrupt-asked-in-vain",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.7.7, 2.8.10, 4.1.5.1.2",
  title:
    "A driver that asks for interrupts of a queue has opened their way; one that polls says that it wants none",
  hint:
    "Clear INTX_DISABLE in COMMAND or give the queue a vector; or set NO_INTERRUPT (the driver's event flags) and poll.",
  watch(scene) {
    // What a driver reads is not in a recorded run.
    if (scene.machine.platform === "trace") return {};
    const waiting = new Waiting(scene);
    const waits = new PerQueue(() => ({ n: 0, place: [] as Place }));
    return waiting.watcher({
      queueEnabled: (queue) => void (waits.ofQueue(queue).place = scene.machine.place()),
      idle() {
        for (const device of scene.machine.devices) {
          if (!device.live || device.legacy || device.transport !== "pci") continue;
          for (const queue of device.queues.values()) {
            const unread = queue.enabled && queue.ring !== undefined ? waiting.taken.count(queue) : 0;
            const state = waits.ofQueue(queue);
            const why = unread > 0 && asked(scene.machine, queue, unread)
              ? closedPath(waiting, queue)
              : undefined;
            if (why === undefined) {
              state.n = 0;
              continue;
            }
            if (++state.n !== WAITS) continue;
            scene.report({
              device,
              queue,
              found:
                `the CPU has waited ${WAITS} times while queue ${queue.index} asks for an interrupt that cannot ` +
                `come: ${why}`,
              expected: "a way from the queue to the CPU, or no interrupt asked for",
              evidence: [{ what: "used buffers that the driver has not looked at", value: `${unread}` }],
              place: state.place,
            });
          }
        }
      },
    });
  },
};
