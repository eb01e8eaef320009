import type { Platform } from "../../arch/platform.ts";
import { type MachineDescription, parseDescription } from "../../devices/description/mod.ts";
import { BufferChardev } from "../../devices/host/buffer_chardev.ts";
import { createMachine } from "../../devices/machine/mod.ts";
import type { NetBackend } from "../../devices/net/backend.ts";
import { Hub } from "../../devices/net/hub.ts";
import { QemuPlatform } from "../../devices/qemu/mod.ts";
import type { TraceEvent, TraceSink } from "../../spec/trace.ts";

/**
 * One of the two machines that are compared: the simulated one, or the real QEMU. Both are driven through
 * {@link Platform} only; the rest is what an observer needs.
 *
 * Comparable on purpose: entropy is all zeros on both (`rng-random,filename=/dev/zero`, which descriptions must ask for),
 * and device memory starts zeroed.
 */
export interface World {
  readonly name: "simulated" | "qemu";
  readonly platform: Platform;
  /** Guest RAM from address 0 on. */
  readonly memory: DataView<ArrayBufferLike>;
  /** Whether the machine is traced: devices have shorter ways where it is not. Of the real QEMU nothing changes. */
  traced: boolean;
  /** Lets the devices finish what they were told to do. */
  settle(): void;
  /** How interrupt lines changed since the last call: `raise 20`, `lower 20`. */
  takeLines(): string[];
  /** What the guest wrote to the chardev `c0` since the last call. */
  takeOutput(): Uint8Array;
  /** Host input for the chardev `c0`; resolves when the device has had the chance to take it. */
  input(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Virtual nanoseconds after which a simulated device has certainly acted. Longer timers (rate limits) do not count. */
const SETTLED = 100_000;
/** Turns of QEMU's main loop after which a device has acted: notification, request to the back end, its answer. */
const TURNS = 4;

/** Keeps what happens to interrupt lines. */
class LineRecorder implements TraceSink {
  readonly on = true;
  lines: string[] = [];
  emit(event: TraceEvent): void {
    if (event.ev === "irq_line") this.changed(event.line, event.level);
  }
  changed(line: number, level: boolean): void {
    this.lines.push(`${level ? "raise" : "lower"} ${line}`);
  }
  take(): string[] {
    const lines = this.lines;
    this.lines = [];
    return lines;
  }
}

/** A chardev whose output is taken piece by piece. */
class TakenChardev extends BufferChardev {
  private written: Uint8Array[] = [];
  override write(bytes: Uint8Array): void {
    this.written.push(bytes.slice());
  }
  take(): Uint8Array {
    const all = new Uint8Array(this.written.reduce((n, w) => n + w.length, 0));
    let at = 0;
    for (const w of this.written) {
      all.set(w, at);
      at += w.length;
    }
    this.written = [];
    return all;
  }
}

/** A machine in QEMU's words, for both worlds. `stdio,id=c0` is the chardev of {@link World.input}. */
export function describe(words: string): MachineDescription {
  return parseDescription(words.trim().split(/\s+/));
}

/** Builds the simulated world. */
export function simulatedWorld(desc: MachineDescription): World {
  const lines = new LineRecorder();
  const trace: TraceSink & { on: boolean } = { on: false, emit: () => {} };
  const c0 = new TakenChardev("c0");
  const chardevs = new Map([["c0", c0]]);
  const platform = createMachine(desc, { chardevs, netdevs: hubPorts(desc), seed: 1, trace });
  platform.random.fill = (target) => void target.fill(0);
  for (const ioapic of platform.ioapics) ioapic.onLine = (line, level) => lines.changed(line, level);
  const { bytes } = platform.ram[0];
  const chardev = desc.chardevs.some((c) => c.id === "c0") ? platform.chardev("c0", true) : undefined;
  const settle = () => {
    platform.events.advance(SETTLED);
    // QEMU's main loop looks for room for input also when nobody told it that there is any.
    chardev?.poll();
    platform.events.advance(0);
  };
  return {
    name: "simulated",
    platform,
    memory: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    get traced() {
      return trace.on;
    },
    set traced(on) {
      trace.on = on;
    },
    settle,
    takeLines: () => lines.take(),
    takeOutput: () => c0.take(),
    input(bytes) {
      platform.chardev("c0", true).input(bytes);
      settle();
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}

/** Ports of hubs, as `-netdev hubport` asks for them: two cards of a machine on one hub are a cable. */
function hubPorts(desc: MachineDescription): Map<string, NetBackend> {
  const hubs = new Map<string, Hub>();
  const ports = new Map<string, NetBackend>();
  for (const { type, id, props } of desc.netdevs) {
    if (type !== "hubport") continue;
    const hub = hubs.get(props.hubid) ?? new Hub();
    hubs.set(props.hubid, hub);
    ports.set(id, hub.port(id));
  }
  return ports;
}

/** Options of {@link qemuWorld}. */
export interface QemuWorldOptions {
  readonly program?: string;
  /** Milliseconds that a command may take. */
  readonly patience?: number;
}

/** Starts the real world. @throws {QemuError} */
export async function qemuWorld(desc: MachineDescription, options: QemuWorldOptions = {}): Promise<World> {
  const trace = new LineRecorder();
  const c0 = new TakenChardev("c0");
  const platform = await QemuPlatform.start(desc, { chardevs: new Map([["c0", c0]]), trace, ...options });
  const { bytes } = platform.ram[0];
  const settle = () => {
    for (let i = 0; i < TURNS; i++) platform.relax();
  };
  return {
    name: "qemu",
    platform,
    memory: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    traced: true,
    settle,
    takeLines: () => trace.take(),
    takeOutput: () => c0.take(),
    async input(bytes) {
      c0.send(bytes);
      while (c0.waiting > 0) await platform.deliverInput();
      settle();
      settle();
    },
    close: () => platform.close(),
  };
}
