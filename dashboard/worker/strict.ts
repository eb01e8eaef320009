import type { Machine } from "../../devices/machine/mod.ts";
import type { TraceSink } from "../../spec/trace.ts";
import { LiveMemory, RULES, Strict, watchBoot, type WatchedBoot } from "../../verify/strict/mod.ts";

/** The strict rules of a run in this worker. */
export interface StrictRun {
  readonly sink: TraceSink;
  boot(inner: WatchedBoot["deviceMemory"], onDeviceAlloc: WatchedBoot["onDeviceAlloc"]): WatchedBoot;
  /** The machine has ended: rules that look back have their say. */
  end(): void;
}

/** Watches a run; what is found becomes an event of its recording. */
export function strictRun(recording: TraceSink, machine: () => Machine | undefined): StrictRun {
  const strict = new Strict({
    rules: RULES,
    platform: "simulated",
    memory: new LiveMemory(() => machine()?.ram ?? []),
    sink: recording,
  });
  strict.clock = () => machine()?.now() ?? 0;
  return {
    sink: strict,
    boot: (inner, onDeviceAlloc) => watchBoot(strict, inner, onDeviceAlloc),
    end: () => strict.end("ended"),
  };
}
