import type { Interrupts } from "../arch/interrupts.ts";
import type { PageTables } from "../arch/paging.ts";
import { DeadlockError, type Platform } from "../arch/platform.ts";
import type { Drivers } from "../drivers/mod.ts";
import type { DeviceAlloc } from "../mm/device_alloc.ts";
import type { DeviceHeap } from "../mm/device_heap.ts";
import type { FrameAlloc } from "../mm/physicalmem.ts";
import type { Console } from "./console.ts";
import type { Env } from "./env.ts";
import type { Executor } from "./executor.ts";
import type { KernelLog } from "./log.ts";
import type { Net } from "./net/mod.ts";

/** Port of QEMU's isa-debug-exit device as Hermit's CI places it. */
const DEBUG_EXIT_PORT = 0xf4;

/** Nanoseconds in which nothing happens: by then an interrupt has been taken, if there was one. */
const QUIET = 1e8;

/** All that a running kernel consists of. What Hermit keeps in statics is a field here: several kernels live in one process. */
export interface KernelParts {
  readonly platform: Platform;
  readonly log: KernelLog;
  readonly env: Env;
  readonly frames: FrameAlloc;
  readonly paging: PageTables;
  readonly deviceAlloc: DeviceAlloc;
  readonly indirect: DeviceHeap;
  readonly interrupts: Interrupts;
  readonly executor: Executor;
  readonly console: Console;
  readonly drivers: Drivers;
  readonly net: Net;
  readonly transport: string;
  /** Lost wakes are looked for where nothing has happened for a while. */
  readonly audit: boolean;
}

/** A booted kernel; {@link run} is its main loop. */
export class Kernel {
  private down = false;

  constructor(readonly parts: KernelParts) {}

  /**
   * Runs tasks until the machine has ended; then the exit status. Between tasks interrupts are taken; with nothing to
   * do the CPU is halted until the next interrupt or timer.
   *
   * @param turn called before each round: a host that has something else to do (a worker with messages) returns a promise.
   */
  async run(turn?: () => void | Promise<void>): Promise<number> {
    const { platform, interrupts, executor, audit } = this.parts;
    // Nothing has run since it was looked for lost wakes.
    let audited = false;
    while (platform.exitCode === undefined) {
      const host = turn?.();
      if (host !== undefined) await host;
      interrupts.poll();
      if (executor.runReady() > 0) audited = false;
      if (platform.exitCode !== undefined) break;
      if (interrupts.poll() > 0 || executor.hasReady()) continue;
      try {
        const deadline = executor.nextDeadline(), quiet = platform.now() + QUIET;
        // A long wait is looked into before its timer ends it: what is there by then has been there.
        const look = audit && !audited && deadline !== undefined && deadline > quiet;
        const woken = platform.idle(look ? quiet : deadline);
        if (woken !== undefined) await woken;
        if (look && platform.now() >= quiet && interrupts.poll() === 0) {
          audited = true;
          executor.audit();
        }
      } catch (error) {
        if (!(error instanceof DeadlockError)) throw error;
        this.reportDeadlock(error);
      }
    }
    return platform.exitCode;
  }

  /** Nothing can wake the guest any more: says what every task waits for, and ends with status 1. */
  private reportDeadlock(error: DeadlockError): void {
    const { log, executor, platform, audit } = this.parts;
    if (audit) executor.audit();
    if (platform.trace.on) platform.trace.emit({ ev: "stuck" });
    log.error("kernel", error.message);
    for (const t of executor.tasks()) {
      log.error("kernel", `task ${t.name} waits for ${t.waitingFor ?? "nothing"}`);
    }
    this.shutdown(1);
  }

  /**
   * Ends the machine as Hermit does: through isa-debug-exit where there is one (QEMU then ends with
   * `2 * value + 1`: 3 for success), else by powering off with `code`.
   */
  shutdown(code: number): void {
    if (this.down) return;
    this.down = true;
    const { platform, console, log, drivers, deviceAlloc, net } = this.parts;
    log.info("shutdown", `Shutting down, exit code ${code}`);
    net.close();
    console.flush();
    console.fallBack();
    for (const driver of [...drivers.rng, ...drivers.net, ...drivers.console]) {
      // A driver that breaks down over this must not keep the machine running for ever.
      try {
        driver.shutdown();
      } catch (error) {
        log.error(
          "shutdown",
          `a driver cannot be shut down: ${error instanceof Error ? error.stack : error}`,
        );
        code ||= 1;
      }
    }
    for (const leak of deviceAlloc.live()) {
      log.warn("mm", `Device memory was not freed: ${leak.owner}, ${leak.length} bytes`);
    }
    platform.portWrite(DEBUG_EXIT_PORT, 4, code === 0 ? 1 : code % 2 === 1 ? (code - 1) / 2 : 0);
    if (platform.exitCode === undefined) platform.powerOff(code);
  }
}
