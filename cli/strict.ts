/** `--strict`: rules of the specification are watched while the machine runs. */
import type { Platform } from "../arch/platform.ts";
import type { TraceSink } from "../spec/trace.ts";
import {
  type Format,
  formatOf,
  formatReports,
  machineText,
  summary,
  terminalReport,
} from "../verify/strict/format/mod.ts";
import {
  LiveMemory,
  type Report,
  RULES,
  Strict,
  type StrictMode,
  watchBoot,
  type WatchedBoot,
} from "../verify/strict/mod.ts";

/** What the command line says of it. */
export interface StrictRequest {
  readonly mode: StrictMode;
  /** File for all reports at the end; its ending says how they are written. */
  readonly file: string | undefined;
}

/** What it needs of the host. */
export interface StrictHost {
  /** Where reports go as events. */
  readonly sink: TraceSink;
  /** To standard error. */
  complain(text: string): void;
  readonly color: boolean;
  /** Lines of a source file of ours or of the user's. */
  source(file: string): readonly string[] | undefined;
  write(file: string, text: string): void;
}

/** A strict machine on the command line: reports as they come, a summary and a file at the end. */
export class StrictSession {
  readonly strict: Strict;
  platform: Platform | undefined;

  constructor(private readonly request: StrictRequest, platform: string, private readonly host: StrictHost) {
    this.strict = new Strict({
      rules: RULES,
      mode: request.mode,
      platform,
      memory: new LiveMemory(() => this.platform?.ram ?? []),
      sink: host.sink,
      onReport: (report) => this.tell(report),
    });
  }

  /** The machine is there. */
  watches(platform: Platform): void {
    this.platform = platform;
    this.strict.clock = platform.now.bind(platform);
  }
  /** What `boot` is told; `inner` makes the memory that is watched. */
  boot(inner: WatchedBoot["deviceMemory"], onDeviceAlloc: WatchedBoot["onDeviceAlloc"]): WatchedBoot {
    return watchBoot(this.strict, inner, onDeviceAlloc);
  }
  /**
   * The run is over: the rules that look back, the summary, the file. Whether a violation was found. `thrown`: the guest or
   * the machine broke off, and there is nothing to look back on.
   */
  end(how: "ended" | "stuck" | "thrown", version: string): boolean {
    if (how !== "thrown") this.strict.end(how);
    const { reports, dropped } = this.strict;
    this.host.complain(`pagurus: ${summary(reports, dropped)}\n`);
    const { file } = this.request;
    if (file !== undefined) {
      const format: Format = formatOf(file);
      this.host.write(file, formatReports(format, reports, { rules: RULES, dropped, version }));
    }
    return this.strict.violations > 0;
  }

  /** The run was stopped at a violation: how the machine stands. */
  show(): void {
    this.host.complain(machineText(this.strict.model));
  }
  private tell(report: Report): void {
    const { color, source } = this.host;
    this.host.complain(`${terminalReport(report, { color, source })}\n`);
  }
}
