import { IoApic, LocalApic } from "./apic.ts";
import type { Platform } from "./platform.ts";

/** How a line is wired. PCI INTx: level, low. virtio-mmio: level, high. ISA (COM1): edge, high. */
export interface LineMode {
  readonly trigger: "level" | "edge";
  readonly polarity: "high" | "low";
}

/** An interrupt that cannot be set up as asked. */
export class InterruptError extends Error {
  override name = "InterruptError";
}

/** One row of the shell's `interrupts`. */
export interface InterruptCount {
  /** Of the interrupt controllers' inputs; undefined for a message (MSI). */
  readonly line?: number;
  readonly vector: number;
  readonly name: string;
  /** How often it was taken; on a shared line, how often this handler said it was its device. */
  readonly count: number;
}

interface Handler {
  readonly name: string;
  readonly run: () => boolean | void;
  count: number;
}

interface Line {
  readonly line: number;
  readonly mode: LineMode;
  readonly handlers: Handler[];
  unclaimed: number;
}

/** Line n arrives as vector 32 + n: the first 32 are the CPU's exceptions (Intel SDM 3A, 6.2). */
export const FIRST_LINE_VECTOR = 32;
/** Lowest vector for messages; higher where a second IOAPIC has lines that reach further. */
export const FIRST_MSI_VECTOR = 64;
/** Highest vector for messages: those above are the local APIC's own. */
export const LAST_MSI_VECTOR = 239;
/** What the local APIC raises when the interrupt went away before it was taken. It wants no EOI. */
export const SPURIOUS_VECTOR = 255;
/** Interrupts handled in one `poll`, and unclaimed ones of one line before it is switched off. */
export const STORM_LIMIT = 1000;

/**
 * The guest's interrupt handlers by line and by vector, and the controllers behind them.
 *
 * ```ts ignore
 * const interrupts = new Interrupts(platform);
 * interrupts.init();
 * interrupts.installLine(11, { trigger: "level", polarity: "low" }, "00:02.0", () => driver.handleInterrupt());
 * interrupts.poll();
 * ```
 */
export class Interrupts {
  /** Vectors that nobody claimed, and the local APIC's spurious one. */
  spurious = 0;
  /** How often `poll` stopped at its limit. */
  storms = 0;
  /** Where trouble is reported: a storm, a line that was switched off. The kernel sets its log here. */
  onTrouble: ((message: string) => void) | undefined;

  private readonly ioApics: IoApic[] = [];
  private readonly lapic: LocalApic;
  private readonly lines = new Map<number, Line>();
  private readonly vectors = new Map<number, Handler>();
  private firstMsi = FIRST_MSI_VECTOR;

  constructor(private readonly platform: Platform) {
    this.lapic = new LocalApic(platform);
  }

  /** Finds the IOAPICs, masks all their lines and enables the local APIC. @throws {InterruptError} without IOAPIC. */
  init(): void {
    this.ioApics.length = 0;
    let base = 0;
    for (const apic of IoApic.find(this.platform)) {
      this.ioApics.push(apic);
      apic.maskAll();
      base = Math.max(base, apic.firstLine + apic.lines);
    }
    if (base === 0) throw new InterruptError("no IOAPIC at 0xfec00000");
    this.firstMsi = Math.max(FIRST_MSI_VECTOR, FIRST_LINE_VECTOR + base);
    this.lapic.enable(SPURIOUS_VECTOR);
  }

  /** Number of lines of all IOAPICs: 24, or 48 with microvm's second one. */
  get lineCount(): number {
    const last = this.ioApics.at(-1);
    return last === undefined ? 0 : last.firstLine + last.lines;
  }

  /**
   * Adds a handler to `line` and opens the line. A handler that returns false says that its device was not the one;
   * all handlers of a shared line are called.
   *
   * @throws {InterruptError} if there is no such line, or it is in use in another mode.
   */
  installLine(line: number, mode: LineMode, name: string, handler: () => boolean | void): void {
    const apic = this.ioApics.find((a) => line >= a.firstLine && line < a.firstLine + a.lines);
    if (apic === undefined || !Number.isInteger(line)) {
      throw new InterruptError(`${name}: there is no interrupt line ${line} (0 to ${this.lineCount - 1})`);
    }
    const known = this.lines.get(line);
    if (known !== undefined) {
      if (known.mode.trigger !== mode.trigger || known.mode.polarity !== mode.polarity) {
        throw new InterruptError(
          `${name}: line ${line} is ${known.mode.trigger}/${known.mode.polarity} for ` +
            `${names(known)}, and cannot be ${mode.trigger}/${mode.polarity}`,
        );
      }
      known.handlers.push({ name, run: handler, count: 0 });
      return;
    }
    this.lines.set(line, { line, mode, handlers: [{ name, run: handler, count: 0 }], unclaimed: 0 });
    apic.route(line, FIRST_LINE_VECTOR + line, mode.trigger === "level", mode.polarity === "low");
  }

  /**
   * The lowest free vector for a message; `platform.msiMessage(vector)` says what the device must write.
   *
   * @throws {InterruptError} when all are taken.
   */
  allocateVector(name: string, handler: () => void): number {
    for (let vector = this.firstMsi; vector <= LAST_MSI_VECTOR; vector++) {
      if (this.vectors.has(vector)) continue;
      this.vectors.set(vector, { name, run: handler, count: 0 });
      return vector;
    }
    throw new InterruptError(
      `${name}: no interrupt vector left (${this.firstMsi} to ${LAST_MSI_VECTOR} are taken)`,
    );
  }

  /** Gives a vector of {@link allocateVector} back. @throws {InterruptError} if it is not allocated. */
  freeVector(vector: number): void {
    if (!this.vectors.delete(vector)) throw new InterruptError(`vector ${vector} is not allocated`);
  }

  /**
   * Takes and handles what is pending, and returns how many that were. The EOI follows the handlers, so a level line
   * that is still asserted comes again. Stops after {@link STORM_LIMIT}; the rest is taken by the next call.
   */
  poll(): number {
    for (let taken = 0; taken < STORM_LIMIT; taken++) {
      const vector = this.platform.takeInterrupt();
      if (vector < 0) return taken;
      if (vector === SPURIOUS_VECTOR) {
        this.spurious++;
        continue;
      }
      try {
        this.handle(vector);
      } finally {
        this.lapic.endOfInterrupt();
      }
    }
    if (this.storms++ === 0) {
      this.onTrouble?.(
        `interrupt storm: ${STORM_LIMIT} interrupts in a row (${this.busiest()} is the busiest)`,
      );
    }
    return STORM_LIMIT;
  }

  /** How often which handler ran, by vector, in the order of installation on a shared line. */
  statistics(): InterruptCount[] {
    const rows: InterruptCount[] = [];
    for (const { line, handlers } of this.lines.values()) {
      for (const { name, count } of handlers) {
        rows.push({ line, vector: FIRST_LINE_VECTOR + line, name, count });
      }
    }
    for (const [vector, { name, count }] of this.vectors) rows.push({ vector, name, count });
    return rows.sort((a, b) => a.vector - b.vector);
  }

  private handle(vector: number): void {
    const message = this.vectors.get(vector);
    if (message !== undefined) {
      message.count++;
      message.run();
      return;
    }
    const line = this.lines.get(vector - FIRST_LINE_VECTOR);
    let claimed = false;
    for (const handler of line?.handlers ?? []) {
      if (handler.run() === false) continue;
      handler.count++;
      claimed = true;
    }
    if (claimed) {
      line!.unclaimed = 0;
      return;
    }
    this.spurious++;
    // A level line that no driver can quieten would keep the CPU for ever.
    if (line !== undefined && ++line.unclaimed >= STORM_LIMIT && line.mode.trigger === "level") {
      line.unclaimed = 0;
      this.ioApics.find((a) => line.line >= a.firstLine && line.line < a.firstLine + a.lines)?.mask(
        line.line,
      );
      this.onTrouble?.(
        `line ${line.line} (${
          names(line)
        }): ${STORM_LIMIT} interrupts that no handler claimed; line switched off`,
      );
    }
  }

  private busiest(): string {
    const top = this.statistics().reduce((a, b) => b.count > a.count ? b : a, {
      vector: 0,
      name: "none",
      count: 0,
    });
    return `vector ${top.vector}, ${top.name}`;
  }
}

const names = (line: Line): string => line.handlers.map((h) => h.name).join(", ");
