/** Machines for the student's driver: simulated, or the real QEMU; watched by the strict rules. */
import type { PhysAddr } from "../../arch/addresses.ts";
import { type DeviceMemory, RamDeviceMemory } from "../../arch/device_memory.ts";
import { Interrupts } from "../../arch/interrupts.ts";
import type { Platform } from "../../arch/platform.ts";
import { parseDescription } from "../../devices/description/mod.ts";
import { BufferChardev } from "../../devices/host/buffer_chardev.ts";
import { createMachine } from "../../devices/machine/mod.ts";
import { QemuPlatform } from "../../devices/qemu/mod.ts";
import { DeviceAlloc } from "../../mm/device_alloc.ts";
import { FrameAlloc } from "../../mm/physicalmem.ts";
import { NO_TRACE } from "../../spec/trace.ts";
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
/** Milliseconds that QEMU may take for an interrupt. */
const QEMU_PATIENCE = 3000;

/** A machine, and a student who has not begun. */
export interface World {
  readonly student: Student;
  readonly platform: Platform;
  readonly peer: AnsweringPeer;
  /** What the console wrote. */
  output(): string;
  /** Types on the terminal. */
  type(text: string): void | Promise<void>;
  close(): Promise<void>;
}

function makeStudent(s: Setting, ground: Ground): Student {
  const transport = s.machine === "microvm" ? new MmioTransport(ground) : new PciTransport(ground);
  transport.interruptKind = s.interrupts;
  const Kind = { rng: RngStudent, console: ConsoleStudent, net: NetStudent }[s.device];
  const student = new Kind(ground, transport);
  student.wants = wanted(s);
  return student;
}

function makeGround(platform: Platform, memory: DeviceMemory, halt: () => void): Ground {
  const alloc = new DeviceAlloc(memory, new FrameAlloc(platform.memoryMap), VIRTUAL_OFFSET, 0xa5);
  const interrupts = new Interrupts(platform);
  interrupts.init();
  return { platform, memory, alloc, interrupts, halt };
}

/** The simulated machine. */
export function simulatedWorld(s: Setting): World {
  const desc = parseDescription(machineWords(s).split(" "));
  const c0 = new BufferChardev("c0");
  const peer = new AnsweringPeer();
  const platform = createMachine(desc, {
    chardevs: new Map([["c0", c0]]),
    netdevs: s.device === "net" ? new Map([["n0", peer]]) : new Map(),
    seed: 7,
    trace: NO_TRACE,
  });
  c0.end();
  const { base, bytes } = platform.ram[0];
  const memory = new RamDeviceMemory(base, bytes);
  const ground = makeGround(platform, memory, () => {
    if (platform.idle() instanceof Promise) throw new Error("a machine without a host never waits for it");
  });
  return {
    student: makeStudent(s, ground),
    platform,
    peer,
    output: () => c0.text(),
    type: (text) => platform.chardev("c0").input(new TextEncoder().encode(text)),
    close: () => Promise.resolve(),
  };
}

/** The real QEMU. */
export async function qemuWorld(s: Setting): Promise<World> {
  const desc = parseDescription(machineWords(s, "user").split(" "));
  const c0 = new BufferChardev("c0");
  const platform = await QemuPlatform.start(desc, { chardevs: new Map([["c0", c0]]) });
  const { base, bytes } = platform.ram[0];
  const memory = platform.deviceMemory(base, bytes.length) ?? new RamDeviceMemory(base, bytes);
  let quiet = performance.now();
  const ground = makeGround(platform, memory, () => {
    platform.relax();
    if (performance.now() - quiet > QEMU_PATIENCE) throw new Error("QEMU raises no interrupt");
  });
  const { interrupts } = ground;
  const poll = interrupts.poll.bind(interrupts);
  interrupts.poll = () => {
    const taken = poll();
    if (taken > 0) quiet = performance.now();
    return taken;
  };
  return {
    student: makeStudent(s, ground),
    platform,
    peer: new AnsweringPeer(),
    output: () => c0.text(),
    async type(text) {
      c0.send(text);
      while (c0.waiting > 0) await platform.deliverInput();
    },
    close: () => platform.close(),
  };
}

/** An address as `mmioRead` and `mmioWrite` take it. */
export const at = (address: number): PhysAddr => address as PhysAddr;
