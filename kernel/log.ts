/** Levels, most important first. */
export const LOG_LEVELS = ["error", "warn", "info", "debug", "trace"] as const;
/** One of {@link LOG_LEVELS}. */
export type LogLevel = typeof LOG_LEVELS[number];

/** A log for one part of the kernel; drivers get this. */
export interface TargetLog {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  trace(message: string): void;
}

/** One message. `time` in nanoseconds of machine time. */
export interface LogRecord {
  readonly time: number;
  readonly level: LogLevel;
  readonly target: string;
  readonly message: string;
}

/** How a log is made. */
export interface LogOptions {
  /** Machine time in nanoseconds. */
  readonly now: () => number;
  /** Gets each line, without its end. */
  readonly sink: (line: string) => void;
  /** `info`, or as Rust's env_logger: `info,pci=trace,drivers=off`. Default `info`. */
  readonly level?: string;
  /** Levels in colour, as Hermit without NO_COLOR. Default no. */
  readonly color?: boolean;
  /** Lines kept for `dmesg`; default 1000. */
  readonly capacity?: number;
}

const COLORS: Readonly<Record<LogLevel, number>> = { error: 31, warn: 33, info: 32, debug: 34, trace: 35 };

/**
 * The kernel's log in Hermit's format: `[    0.000120][0][INFO  pci       ] message` (seconds, core, level, module).
 *
 * ```ts
 * import { KernelLog } from "./log.ts";
 * const lines: string[] = [];
 * const log = new KernelLog({ now: () => 120_000, sink: (line) => lines.push(line) });
 * log.info("hermit::drivers::pci", "hello");
 * console.assert(lines[0] === "[    0.000120][0][INFO  pci       ] hello");
 * ```
 */
export class KernelLog {
  /** Lines that `dmesg` no longer has. */
  overwritten = 0;
  /** Parts of the filter that could not be read. */
  readonly problems: string[] = [];
  private readonly ring: LogRecord[] = [];
  private readonly capacity: number;
  /** Longest target first: the first that fits decides. */
  private readonly filter: { target: string; level: number }[] = [];

  constructor(private readonly options: LogOptions) {
    this.capacity = options.capacity ?? 1000;
    this.setFilter(options.level ?? "info");
  }

  error(target: string, message: string): void {
    this.log("error", target, message);
  }
  warn(target: string, message: string): void {
    this.log("warn", target, message);
  }
  info(target: string, message: string): void {
    this.log("info", target, message);
  }
  debug(target: string, message: string): void {
    this.log("debug", target, message);
  }
  trace(target: string, message: string): void {
    this.log("trace", target, message);
  }

  /** A log whose messages are all of `target`. */
  target(target: string): TargetLog {
    return {
      error: (m) => this.error(target, m),
      warn: (m) => this.warn(target, m),
      info: (m) => this.info(target, m),
      debug: (m) => this.debug(target, m),
      trace: (m) => this.trace(target, m),
    };
  }

  /** Whether a message would be logged: for those that are costly to build. */
  enabled(level: LogLevel, target: string): boolean {
    const rank = LOG_LEVELS.indexOf(level);
    for (const rule of this.filter) {
      if (target.startsWith(rule.target) || shortTarget(target) === rule.target) return rank < rule.level;
    }
    return false;
  }

  log(level: LogLevel, target: string, message: string): void {
    if (!this.enabled(level, target)) return;
    const record = { time: this.options.now(), level, target, message };
    if (this.ring.length >= this.capacity) {
      this.ring.shift();
      this.overwritten++;
    }
    this.ring.push(record);
    this.options.sink(formatRecord(record, this.options.color));
  }

  /** What is kept, oldest first. */
  records(): readonly LogRecord[] {
    return [...this.ring];
  }
  /** The same as lines, without colour. */
  lines(): string[] {
    return this.ring.map((record) => formatRecord(record));
  }

  /** Replaces the filter. What cannot be read is noted in {@link problems} and left out. */
  setFilter(text: string): void {
    this.filter.length = 0;
    this.problems.length = 0;
    let general = levelNumber("info")!;
    for (const part of text.split(",").map((p) => p.trim()).filter((p) => p !== "")) {
      const [target, level, ...rest] = part.split("=");
      const named = level === undefined || level === "" ? levelNumber("trace") : levelNumber(level);
      if (level === undefined && levelNumber(target) !== undefined) general = levelNumber(target)!;
      else if (rest.length > 0 || named === undefined) this.problems.push(`not a log filter: '${part}'`);
      else this.filter.push({ target, level: named });
    }
    this.filter.sort((a, b) => b.target.length - a.target.length);
    this.filter.push({ target: "", level: general });
  }
}

/** One line as Hermit prints it. */
export function formatRecord(record: LogRecord, color = false): string {
  const micros = Math.floor(record.time / 1000);
  const seconds = String(Math.floor(micros / 1e6)).padStart(5);
  const fraction = String(micros % 1e6).padStart(6, "0");
  const level = record.level.toUpperCase().padEnd(5);
  const shown = color ? `\x1b[${COLORS[record.level]}m${level}\x1b[0m` : level;
  return `[${seconds}.${fraction}][0][${shown} ${shortTarget(record.target).padEnd(10)}] ${record.message}`;
}

/** Hermit names its own modules by their last part, foreign crates by the crate. */
function shortTarget(target: string): string {
  const parts = target.split("::");
  return parts[0] === "hermit" ? parts[parts.length - 1] : parts[0];
}

/** How many levels pass: 0 for `off`, 5 for `trace`. */
function levelNumber(text: string): number | undefined {
  const name = text.toLowerCase();
  if (name === "off") return 0;
  const rank = (LOG_LEVELS as readonly string[]).indexOf(name);
  return rank < 0 ? undefined : rank + 1;
}
