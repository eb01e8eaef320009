import type { QueueModel } from "../../model/queue.ts";
import type { Rule, Scene } from "../../rule.ts";
import { memoryOf, type Stretch } from "../basic/_memory.ts";
import { MMIO_LAYOUT, overMmio } from "../basic/_clauses.ts";
import { bytes, hex, purposeOf } from "../basic/_registers.ts";
import { PerQueue, selectedQueue } from "../basic/_state.ts";

interface Stopping {
  /** QueueReady was written with 0 and has not been read back. */
  queue: QueueModel | undefined;
  memory: Stretch[];
}

/** The device says when it has stopped. */
export const MMIO_QUEUE_STOPPED: Rule = {
  id: "mmio-queue-stopped",
  clauses: overMmio(MMIO_LAYOUT, 16, 17),
  level: "violation",
  section: "virtio 1.4, 4.2.2.2",
  title:
    "A queue is stopped by QueueReady = 0, which is read back before its memory is used for anything else",
  hint:
    "Write 0 to QueueReady and read it until it is 0; until then the device may still use the rings and buffers.",
  watch(scene) {
    const state = new PerQueue((): Stopping => ({ queue: undefined, memory: [] }));
    const all = new Set<Stopping>();
    const look = (address: number, length: number, what: string) => {
      for (const s of all) {
        if (s.queue === undefined) all.delete(s);
        else reportTouched(scene, s.queue, s.memory, address, length, what);
      }
    };
    return {
      access(a) {
        const { device } = a;
        if (device.transport !== "mmio" || purposeOf(a) !== "queueEnable" || device.legacy) return;
        const s = state.of(device, device.queueSelect);
        const queue = selectedQueue(device);
        if (!a.write) {
          if (a.value === 0) s.queue = undefined;
        } else if (a.value === 0 && queue?.enabled && device.live) {
          Object.assign(s, { queue, memory: memoryOf(queue) });
          all.add(s);
        }
      },
      write: (w) => look(w.address, w.length, "written"),
      freed: (buffer) => look(buffer.phys, buffer.length, "freed"),
      reset(device) {
        for (const s of all) if (s.queue?.device === device) s.queue = undefined;
      },
    };
  },
};

function reportTouched(
  scene: Scene,
  queue: QueueModel,
  memory: readonly Stretch[],
  address: number,
  length: number,
  what: string,
): void {
  const hit = memory.find((s) => s.address < address + length && address < s.address + s.length);
  if (hit === undefined) return;
  scene.report({
    device: queue.device,
    queue,
    found:
      `${hit.what} of queue ${queue.index} was ${what} (${bytes(length)} at ${
        hex(address)
      }) after QueueReady was ` +
      "written with 0, which was not read back",
    expected: "QueueReady read as 0 first",
    evidence: [{ what: hit.what, address: hit.address, value: `${hit.length} bytes` }],
  });
}
