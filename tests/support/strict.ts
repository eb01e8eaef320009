/** The strict machine in tests: whatever rule a shipped driver breaks is a failure. */
import { RamDeviceMemory } from "../../arch/device_memory.ts";
import type { RamRegion } from "../../arch/platform.ts";
import { NO_TRACE, type TraceSink } from "../../spec/trace.ts";
import { terminalReport } from "../../verify/strict/format/mod.ts";
import {
  LiveMemory,
  type Report,
  RULES,
  Strict,
  watchBoot,
  type WatchedBoot,
} from "../../verify/strict/mod.ts";
import { tee } from "../../verify/trace/mod.ts";

/** Whether the tests of this run are strict: with `CAREFUL=1`, and with `STRICT=1`. */
export const STRICT = Deno.env.get("CAREFUL") === "1" || Deno.env.get("STRICT") === "1";

/** What of a platform is watched. */
interface Watched {
  readonly ram: readonly RamRegion[];
  now(): number;
}

/** A machine's strict rules. */
export class StrictTest {
  readonly strict: Strict;
  private machine: Watched | undefined;

  /** @param onReport what is done with a report; default: the test fails. */
  constructor(platform = "simulated", onReport: (report: Report) => void = fail) {
    const memory = new LiveMemory(() => this.machine?.ram ?? []);
    this.strict = new Strict({ rules: RULES, platform, memory, onReport });
  }
  /** Where the machine's trace goes. */
  trace(other: TraceSink = NO_TRACE): TraceSink {
    return tee([other, this.strict]);
  }
  watches(machine: Watched): void {
    this.machine = machine;
    this.strict.clock = () => machine.now();
  }
  /** What `boot` is told besides. */
  boot(options: Partial<WatchedBoot> = {}): WatchedBoot {
    const inner = options.deviceMemory ?? ((base, bytes) => new RamDeviceMemory(base, bytes));
    return watchBoot(this.strict, inner, options.onDeviceAlloc);
  }
}

function fail(report: Report): void {
  throw new Error(`a rule was broken\n${terminalReport(report)}`);
}
