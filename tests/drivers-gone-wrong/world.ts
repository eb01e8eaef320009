/** Machines for the student's driver, watched by strict rules. */
import { type DeviceMemory, RamDeviceMemory } from "../../arch/device_memory.ts";
import { Interrupts } from "../../arch/interrupts.ts";
import type { Platform } from "../../arch/platform.ts";
import { parseDescription } from "../../devices/description/mod.ts";
import { BufferChardev } from "../../devices/host/buffer_chardev.ts";
import { createMachine, type Machine } from "../../devices/machine/mod.ts";
import { DeviceAlloc } from "../../mm/device_alloc.ts";
import { FrameAlloc } from "../../mm/physicalmem.ts";
import { DeadlockError } from "../../spec/deadlock.ts";
import { LiveMemory, type Report, type Rule, Strict, WatchedDeviceMemory } from "../../verify/strict/mod.ts";
import type { Recorder } from "../../verify/record/mod.ts";
import { tee, TracedDeviceMemory } from "../../verify/trace/mod.ts";
import { Random } from "../../devices/events.ts";
import { makeRestless } from "./restless_device.ts";
import { AnsweringPeer } from "./answering_peer.ts";
import { machineWords, type Setting, wanted } from "./setting.ts";
import {
  ConsoleStudent,
  type Ground,
  MmioTransport,
  NetStudent,
  PciTransport,
  RngStudent,
  type Student,
} from "./student/mod.ts";

/** Where virtual addresses of device memory begin: a forgotten translation leads out of RAM. */
const VIRTUAL_OFFSET = 2 ** 30;

/** Virtual nanoseconds until a device acts: long enough that the driver has to wait for it. */
const LATENCY = 20_000;

/** A machine, and a student who has not begun. */
export interface World {
  readonly strict: Strict;
  readonly student: Student;
  readonly platform: Platform;
  /** What the console wrote. */
  output(): string;
  /** Types on the terminal. */
  type(text: string): void | Promise<void>;
}

/** What came of a run. */
export interface Outcome {
  readonly reports: readonly Report[];
  /** What the driver, or the machine, gave up with. */
  readonly error: Error | undefined;
}

/** Runs the student's driver to its end. A driver that gives up resets its device and frees its memory all the same. */
export function drive({ student, strict }: World): Outcome {
  let error: Error | undefined;
  try {
    student.run();
  } catch (thrown) {
    error = thrown as Error;
  }
  if (error instanceof DeadlockError) strict.end("stuck");
  else {
    try {
      if (error !== undefined) student.shutDown();
    } catch { /* The first error tells. */ }
    strict.end("ended");
  }
  return { reports: strict.reports, error };
}

/** The simulated machine. @param recorder keeps all that happens, reports included. */
export function simulatedWorld(s: Setting, rules: readonly Rule[], recorder?: Recorder): World {
  const desc = parseDescription(machineWords(s).split(" "));
  const c0 = new BufferChardev("c0");
  c0.end();
  const live = new LiveMemory(() => platform?.ram ?? []);
  const strict = new Strict({
    ...{ rules, platform: "simulated", memory: live },
    ...recorder === undefined ? {} : { sink: recorder },
  });
  const trace = recorder === undefined ? strict : tee([recorder, strict]);
  const platform: Machine | undefined = createMachine(desc, {
    chardevs: new Map([["c0", c0]]),
    netdevs: s.device === "net" ? new Map([["n0", new AnsweringPeer()]]) : new Map(),
    seed: 7,
    trace,
    latency: LATENCY,
  });
  strict.clock = () => platform.now();
  if (recorder !== undefined) recorder.clock = strict.clock;
  if (s.restless) {
    const random = new Random(7);
    makeRestless(platform, (n) => random.u32() % n);
  }
  const { base, bytes } = platform.ram[0];
  const ram = new RamDeviceMemory(base, bytes);
  const memory = recorder === undefined ? ram : new TracedDeviceMemory(ram, trace);
  const ground = makeGround(platform, memory, strict, () => {
    if (platform.idle() instanceof Promise) throw new Error("a machine without a host never waits for it");
  });
  return {
    strict,
    student: makeStudent(s, ground),
    platform,
    output: () => c0.text(),
    type: (text) => platform.input("c0", new TextEncoder().encode(text)),
  };
}

/** What a driver stands on. @param halt waits for an interrupt. */
export function makeGround(
  platform: Platform,
  memory: DeviceMemory,
  strict: Strict,
  halt: () => void,
): Ground {
  const watched = new WatchedDeviceMemory(memory, strict);
  const alloc = new DeviceAlloc(watched, new FrameAlloc(platform.memoryMap), VIRTUAL_OFFSET, 0xa5);
  alloc.watcher = strict;
  const interrupts = new Interrupts(platform);
  interrupts.init();
  return { platform, memory: watched, alloc, interrupts, halt };
}

/** The driver for the setting's device, on its transport. */
export function makeStudent(s: Setting, ground: Ground): Student {
  const transport = s.machine === "microvm" ? new MmioTransport(ground) : new PciTransport(ground);
  transport.interruptKind = s.interrupts;
  const Kind = { rng: RngStudent, console: ConsoleStudent, net: NetStudent }[s.device];
  const student = new Kind(ground, transport);
  student.wants = wanted(s);
  return student;
}
