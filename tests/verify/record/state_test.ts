import { assert, assertEquals } from "@std/assert";
import type { Machine } from "../../../devices/machine/mod.ts";
import { type MachineState, type Moment, Recorder, Timeline } from "../../../verify/record/mod.ts";
import { type RecordedOptions, runTraced, Stop, virtioDevices } from "../../support/recorded.ts";

/**
 * The property that all of the dashboard rests on: what `stateAt(i)` says is what the machine is, when it is run again
 * from the same seed and stopped at event i.
 */

/** RAM as far as it is not zero, by pages. */
function memoryOf(machine: Machine): Map<number, Uint8Array> {
  const pages = new Map<number, Uint8Array>();
  for (const { base, bytes } of machine.ram) {
    const words = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
    for (let at = 0; at < bytes.length; at += 4096) {
      // NaN is not equal to itself, so it counts as written, as it must. -0 is the one pattern that would be missed.
      let zero = true;
      for (let w = at / 8; zero && w < (at + 4096) / 8; w++) {
        zero = words[w] === 0 && !Object.is(words[w], -0);
      }
      if (!zero) pages.set((base + at) / 4096, bytes.slice(at, at + 4096));
    }
  }
  return pages;
}

function assertMemory(moment: Moment, real: Map<number, Uint8Array>, what: string): void {
  const zero = new Uint8Array(4096);
  for (const number of new Set([...moment.pages, ...real.keys()])) {
    const told = moment.page(number) ?? zero, is = real.get(number) ?? zero;
    if (told.every((b, i) => b === is[i])) continue;
    const offset = told.findIndex((b, i) => b !== is[i]);
    throw new Error(
      `${what}: byte 0x${(number * 4096 + offset).toString(16)} is ${is[offset]}, told ${told[offset]}`,
    );
  }
}

/** Devices as comparable text: status, features, and the queues that are set up. */
function devicesOf(machine: Machine): string {
  return virtioDevices(machine).map(({ name, device }) => {
    const { status, guestFeatures: f, queues } = device;
    const set = queues.filter((q) => q.desc !== 0).map((q) =>
      `${q.index}/${q.size} ${q.desc} ${q.driver} ${q.device}`
    );
    return `${name} ${status} ${(status & 8) === 0 ? "" : f} ${set}`;
  }).sort().join("\n");
}
function devicesTold(state: MachineState): string {
  return state.virtio.map((v) => {
    const [low, high] = v.accepted.map((w, i) => BigInt((w & v.offered[i]) >>> 0));
    const set = v.queues.filter((q) => q.enabled).map((q) =>
      `${q.index}/${q.size} ${q.desc} ${q.driver} ${q.device}`
    );
    return `${v.name} ${v.status} ${v.agreed ? (high << 32n) | low : ""} ${set}`;
  }).sort().join("\n");
}

/** Runs again and looks at the machine at the events in `moments`; after the last it is stopped by throwing. */
async function runAgain(
  options: RecordedOptions,
  moments: readonly number[],
  look: (at: number, machine: Machine, inAccess: boolean) => void,
): Promise<void> {
  let at = -1, next = 0, machine: Machine | undefined, depth = 0;
  const sink = {
    on: true,
    emit() {
      at++;
      if (next < moments.length && at === moments[next]) {
        next++;
        look(at, machine!, depth > 0);
      }
      if (next === moments.length) throw new Stop();
    },
  };
  await runTraced(sink, options, (made) => {
    machine = made;
    // A write to a register counts as done in the recording; the record itself comes before the device acts.
    for (const name of ["mmioWrite", "portWrite"] as const) {
      const write = made[name].bind(made) as (...args: unknown[]) => void;
      made[name] = (...args: unknown[]) => {
        depth++;
        try {
          write(...args);
        } finally {
          depth--;
        }
      };
    }
  });
}

async function record(options: RecordedOptions): Promise<Timeline> {
  const recorder = new Recorder();
  await runTraced(recorder, options);
  return new Timeline(recorder);
}

const RUNS: Record<string, RecordedOptions> = {
  "the shell, split rings": { lines: ["rng 16", "vq", "echo hello"] },
  "the shell, packed rings": { packed: true, lines: ["rng 16", "tasks"], seed: 7 },
  "ping, split rings": { app: "ping", args: ["10.0.2.2", "3"] },
  "ping, packed rings": { packed: true, app: "ping", args: ["10.0.2.2", "3", "1400"] },
};

for (const [name, options] of Object.entries(RUNS)) {
  Deno.test(`stateAt(i) is the machine stopped at event i: ${name}`, async () => {
    const timeline = await record(options);
    const first = timeline.find({ kinds: ["page_table_root"] }, 0)!;
    assert(first > 0 && timeline.length > 5000, `${timeline.length} events`);
    const moments: number[] = [];
    for (let at = first; at < timeline.length; at += 397) moments.push(at);
    moments.push(timeline.length - 1);
    let settled = 0;
    await runAgain(options, moments, (at, machine, inAccess) => {
      const moment = timeline.stateAt(at);
      assertEquals([moment.state.at, moment.state.t], [at, machine.now()]);
      assertMemory(moment, memoryOf(machine), `event ${at}`);
      if (inAccess) return;
      settled++;
      assertEquals(devicesTold(moment.state), devicesOf(machine), `event ${at}`);
      const { config } = moment.state.pci.find((f) => f.dev.startsWith("virtio-net")) ?? {};
      if (config === undefined) return;
      const real = machine.pci!.functions.find(({ fn }) => fn.name.startsWith("virtio-net"))!.fn.config;
      // STATUS shows the interrupt pin, which the device moves by itself.
      assertEquals(config.toHex().slice(16), real.toHex().slice(16), `PCI at event ${at}`);
      assertEquals(config.subarray(0, 6), real.subarray(0, 6), `PCI at event ${at}`);
    });
    assert(settled > 8, `${settled}`);
  });
}

Deno.test("stopped by a throwing sink at single events, right where memory is written", async () => {
  const options = RUNS["ping, packed rings"];
  const timeline = await record(options);
  const writes = timeline.matches({ step: "ring" });
  assert(writes.length > 500, `${writes.length} ring writes`);
  let seen = false;
  for (const part of [0.3, 0.71, 0.95]) {
    const at = writes[Math.floor(part * writes.length)];
    await runAgain(options, [at], (_, machine) => {
      const real = memoryOf(machine);
      assertMemory(timeline.stateAt(at), real, `event ${at}`);
      // One event earlier it was another, unless the same was written again.
      seen ||= different(() => assertMemory(timeline.stateAt(at - 1), real, ""));
    });
  }
  assert(seen, "three writes, and none of them changed anything");
});

function different(assertion: () => void): boolean {
  try {
    assertion();
    return false;
  } catch {
    return true;
  }
}
