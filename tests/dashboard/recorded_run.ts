/** A run of the page's machine, recorded, for the tests of its views. */
import { TRANSPORT } from "#transport";
import { DEMO_SETUP } from "../../dashboard/lib/link.ts";
import type { Read } from "../../dashboard/lib/moment.ts";
import type { Setup } from "../../dashboard/lib/protocol.ts";
import { workerClock } from "../../dashboard/worker/machine.ts";
import { Run } from "../../dashboard/worker/run.ts";
import type { VirtqSnapshot } from "../../drivers/virtio/virtqueue/mod.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { Timeline } from "../../verify/record/mod.ts";

/** The transport of this build. */
export const BUILT = TRANSPORT as Setup["transport"];

/** The driver's own view of its queues after an event. */
export interface Sample {
  readonly at: number;
  readonly queues: readonly VirtqSnapshot[];
}

export interface Recorded {
  readonly timeline: Timeline;
  readonly samples: readonly Sample[];
  /** As it was left at the end. */
  readonly kernel: Kernel;
}

/**
 * Boots the demo machine, types lines into its shell, and looks at the drivers' queues whenever one notifies its device or
 * another task runs.
 *
 * @param props of each virtio device, such as `packed=on`.
 */
export async function record(lines: readonly string[], props = "", latency = 0): Promise<Recorded> {
  const demo = DEMO_SETUP[BUILT];
  const words = demo.words.replace(
    /-device (virtio-[a-z]+-(?:pci|device))/g,
    `-device $1${props && `,${props}`}`,
  );
  const clock = workerClock;
  const run = new Run({ ...demo, words, latency }, {
    clock,
    now: () => performance.now(),
    breathe: () => new Promise((resolve) => setTimeout(resolve)),
    changed: () => {},
  });
  const samples: Sample[] = [];
  const timeline = new Timeline(run.recorder);
  run.recorder.onEvent = (at) => {
    const { ev } = timeline.event(at);
    if (ev !== "notify" && ev !== "task_switch") return;
    samples.push({ at, queues: run.kernel.parts.drivers?.all.flatMap((d) => d.queues()) ?? [] });
  };
  run.type("char0", new TextEncoder().encode([...lines, "\x04"].join("\n")));
  await run.start();
  if (run.failure !== undefined) throw new Error(run.failure);
  return { timeline, samples, kernel: run.kernel };
}

/** Memory and state at a moment, as views get them. */
export function momentAt(
  { timeline }: Recorded,
  at: number,
): { state: ReturnType<Timeline["stateAt"]>["state"]; read: Read } {
  const moment = timeline.stateAt(at);
  return { state: moment.state, read: (address, length) => moment.read(address, length) };
}
