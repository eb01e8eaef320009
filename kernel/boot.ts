import { TRANSPORT } from "#transport";
import { hex, physAddr, virtAddr } from "../arch/addresses.ts";
import { type DeviceMemory, RamDeviceMemory } from "../arch/device_memory.ts";
import { Interrupts } from "../arch/interrupts.ts";
import { PageFlag, PageSize, PageTables } from "../arch/paging.ts";
import type { Platform } from "../arch/platform.ts";
import { type Drivers, initDrivers } from "../drivers/mod.ts";
import { DeviceAlloc } from "../mm/device_alloc.ts";
import { DeviceHeap } from "../mm/device_heap.ts";
import { FrameAlloc } from "../mm/physicalmem.ts";
import { VERSION } from "../spec/version.ts";
import { APPS } from "./apps/mod.ts";
import { Console } from "./console.ts";
import { Env } from "./env.ts";
import { Executor } from "./executor.ts";
import { Kernel } from "./kernel.ts";
import { KernelLog } from "./log.ts";
import { setUpNet } from "./net/mod.ts";
import { COM1_IRQ, SerialPort } from "./serial.ts";

/** Hermit's careful offset: a quarter of the kernel's half of the address space. */
export const CAREFUL_OFFSET = 2 ** 45;

/** How long an application waits for the network's addresses, in nanoseconds of machine time. */
const DHCP_PATIENCE = 10e9;

/** How a kernel is booted. */
export interface BootOptions {
  /** Name of the application, a key of `APPS`; default `shell`. */
  readonly app?: string;
  readonly appArgs?: readonly string[];
  /** Device memory at a virtual offset that is not zero, freed memory poisoned. */
  readonly careful?: boolean;
  /** Makes the object through which device memory is touched; default {@link RamDeviceMemory}. */
  readonly deviceMemory?: (base: number, bytes: Uint8Array<ArrayBufferLike>) => DeviceMemory;
  /** The same for the memory that page tables are in. */
  readonly pageTableMemory?: (base: number, bytes: Uint8Array<ArrayBufferLike>) => DeviceMemory;
  /** Refuses one of the two ring formats, whatever is offered. */
  readonly vqKind?: "split" | "packed";
  /** Looks for tasks that nobody woke ({@link Executor.audit}): strict machines. Costs polls that need not be. */
  readonly auditTasks?: boolean;
  /** Called with the allocator as soon as it exists: a trace names areas by their owner. */
  readonly onDeviceAlloc?: (alloc: DeviceAlloc) => void;
}

/** There is no application of this name. */
export class UnknownAppError extends Error {
  override name = "UnknownAppError";
  constructor(app: string) {
    super(`no application '${app}'; there are: ${Object.keys(APPS).join(", ")}`);
  }
}

/**
 * Boots a kernel on a platform: memory, interrupts, devices, console, and the application as first task. The kernel
 * does nothing more until {@link Kernel.run}.
 *
 * @throws {UnknownAppError} before anything has happened.
 */
export function boot(platform: Platform, options: BootOptions = {}): Kernel {
  const appName = options.app ?? "shell";
  const app = APPS[appName];
  if (app === undefined) throw new UnknownAppError(appName);

  const env = Env.parse(platform.commandLine);
  const serial = new SerialPort(platform);
  const console = new Console(platform, serial);
  const log = new KernelLog({
    now: () => platform.now(),
    sink: (line) => console.write(line + "\n"),
    level: env.logLevel,
  });
  log.info("kernel", `Welcome to Pagurus ${VERSION}, the Hermit kernel taken apart`);
  log.info("kernel", `Architecture: x86_64, machine: ${platform.machine} (${platform.name})`);
  log.info("kernel", `Enabled features: ${TRANSPORT}${options.careful ? ", careful" : ""}`);
  if (platform.commandLine !== "") log.info("env", `Command line: ${platform.commandLine}`);

  for (const word of env.ignored) log.warn("env", `could not parse bootarg: ${word}`);

  const memory = bootMemory(platform, options, log);
  options.onDeviceAlloc?.(memory.deviceAlloc);
  const interrupts = new Interrupts(platform);
  interrupts.onTrouble = (message) => log.error("interrupts", message);
  interrupts.init();

  const drivers = initDrivers({
    platform,
    alloc: memory.deviceAlloc,
    indirect: memory.indirect,
    interrupts,
    paging: memory.paging,
    log: log.target("drivers"),
    mmioDevices: env.mmio,
    env: (name) => env.var(name),
    vqKind: options.vqKind,
  });
  attachConsole(console, serial, drivers, interrupts, log);

  const executor = new Executor(platform);
  executor.onFailure = (task, error) => log.error("executor", `task ${task} failed: ${error}`);
  executor.onLostWake = (task, what) =>
    log.error("executor", `task ${task} waits for ${what}, and nothing will wake it`);
  const net = setUpNet(platform, env, drivers, executor, log);
  const kernel = new Kernel({
    platform,
    log,
    env,
    ...memory,
    interrupts,
    executor,
    console,
    drivers,
    net,
    transport: TRANSPORT,
    audit: options.auditTasks ?? false,
  });
  log.info("kernel", `Starting application ${appName}`);
  executor.spawn(appName, run(kernel, appName, options.appArgs ?? env.args));
  return kernel;
}

function* run(kernel: Kernel, name: string, args: readonly string[]) {
  const { net } = kernel.parts;
  try {
    if (!(yield* net.configured(DHCP_PATIENCE))) {
      kernel.parts.log.warn("kernel", "No DHCP server has answered: starting without an address");
    }
    const code = yield* APPS[name].run(kernel, args);
    yield* net.drain();
    kernel.shutdown(code);
  } catch (error) {
    kernel.parts.log.error(
      "kernel",
      `application ${name} failed: ${error instanceof Error ? error.stack : error}`,
    );
    kernel.shutdown(1);
  }
}

function bootMemory(platform: Platform, options: BootOptions, log: KernelLog) {
  const ram = platform.ram[0];
  const inFirst = platform.memoryMap.filter((e) => e.base + e.length <= ram.base + ram.bytes.length);
  const frames = new FrameAlloc(inFirst);
  log.info(
    "mm",
    `Total memory size: ${Math.round(platform.ram.reduce((n, r) => n + r.bytes.length, 0) / 2 ** 20)} MiB`,
  );
  const make = options.deviceMemory ?? ((base, bytes) => new RamDeviceMemory(base, bytes));
  const tables = (options.pageTableMemory ?? ((base, bytes) => new RamDeviceMemory(base, bytes)))(
    ram.base,
    ram.bytes,
  );
  const paging = new PageTables(tables, frames);
  if (platform.trace.on) platform.trace.emit({ ev: "page_table_root", addr: paging.root });
  paging.identityMap(physAddr(0), ram.bytes.length);
  const offset = options.careful ? CAREFUL_OFFSET : 0;
  if (offset !== 0) mapAt(paging, offset, ram.bytes.length);
  const deviceAlloc = new DeviceAlloc(
    make(ram.base, ram.bytes),
    frames,
    offset,
    options.careful ? 0xa5 : undefined,
  );
  const indirect = new DeviceHeap(deviceAlloc);
  log.info("mm", `Frames: ${frames.freeBytes() / 4096} free of ${frames.totalBytes() / 4096}`);
  log.info("mm", `Device memory is mapped at offset ${hex(offset)}`);
  return { frames, paging, deviceAlloc, indirect };
}

/** Maps physical memory from 0 on at `offset`, with the largest pages that fit. `length` is a multiple of 4 KiB. */
function mapAt(paging: PageTables, offset: number, length: number): void {
  const large = Math.floor(length / PageSize.Large);
  const rest = (length - large * PageSize.Large) / PageSize.Base;
  if (large > 0) paging.map(virtAddr(offset), physAddr(0), PageSize.Large, PageFlag.Writable, large);
  const done = large * PageSize.Large;
  if (rest > 0) paging.map(virtAddr(offset + done), physAddr(done), PageSize.Base, PageFlag.Writable, rest);
}

/** COM1 stays the console until a virtio console is there (Hermit's `switch_to_virtio`). */
function attachConsole(
  console: Console,
  serial: SerialPort,
  drivers: Drivers,
  interrupts: Interrupts,
  log: KernelLog,
): void {
  if (serial.present) {
    interrupts.installLine(
      COM1_IRQ,
      { trigger: "edge", polarity: "high" },
      "serial",
      () => serial.handleInterrupt(),
    );
    serial.enableInterrupts();
  }
  const virtio = drivers.console[0];
  if (virtio === undefined) {
    log.info("console", "No virtio console was found: the console is COM1");
    return;
  }
  log.info("console", "Switching to the virtio console");
  console.switchTo(virtio);
}
