/** A driver may leave at any moment: it resets its device, gives its memory back, and nothing is said. */
import { assertEquals } from "@std/assert";
import { ConsoleF, NetF } from "../../spec/virtio/features.ts";
import { terminalReport } from "../../verify/strict/format/mod.ts";
import { RULES } from "../../verify/strict/mod.ts";
import { onceTest } from "../support/once.ts";
import { type Setting, settingName } from "./setting.ts";
import { simulatedWorld, type World } from "./world.ts";

/** What the driver is interrupted with. */
class Leaves extends Error {}

/** Methods of objects, each call of which counts; the one with the number `at`, counted from 0, is not made. */
class Tripwire {
  private calls = 0;

  constructor(private at: number) {}

  on(object: object, methods: readonly string[]): void {
    const record = object as Record<string, (...args: unknown[]) => unknown>;
    for (const method of methods) {
      const original = record[method].bind(object);
      record[method] = (...args) => {
        if (this.calls++ === this.at) throw new Leaves();
        return original(...args);
      };
    }
  }
  cut(): void {
    this.at = -1;
  }
}

/** Runs the driver up to its access number `at`. Whether it left there; otherwise it was done before. */
function leaveAt({ student, strict }: World, at: number): boolean {
  const { platform, memory, alloc } = student.ground;
  const wire = new Tripwire(at);
  wire.on(platform, ["mmioRead", "mmioWrite"]);
  wire.on(memory, [
    "readU8",
    "readU16",
    "readU32",
    "readBytes",
    "writeU8",
    "writeU16",
    "writeU32",
    "barrier",
  ]);
  let found = false;
  const find = student.discover.bind(student);
  student.discover = () => {
    find();
    found = true;
  };
  try {
    student.run();
    return false;
  } catch (error) {
    if (!(error instanceof Leaves)) throw error;
  }
  wire.cut();
  if (found) {
    student.reset();
    student.transport.close();
  }
  for (const buffer of alloc.live()) buffer.free();
  strict.end("ended");
  return true;
}

/**
 * Every so many accesses the driver leaves; settings begin at different ones, so that together they try all. `LEAVE_STEP=1`
 * tries all in each.
 */
const STEP = Number(Deno.env.get("LEAVE_STEP") ?? 9);
let settings = 0;

const SPECIAL = {
  rng: {},
  console: { props: "max_ports=2", wants: ConsoleF.MULTIPORT },
  net: { wants: NetF.MRG_RXBUF | NetF.GUEST_CSUM },
} as const;

for (const device of ["rng", "console", "net"] as const) {
  for (const [machine, interrupts] of [["q35", "msix"], ["q35", "line"], ["microvm", "line"]] as const) {
    for (const ring of ["split", "packed"] as const) {
      const setting: Setting = {
        ...{ device, machine, ring, interrupts, eventIdx: true, indirect: true },
        ...SPECIAL[device],
      };
      const first = settings++ % STEP;
      onceTest(`a driver that leaves at any moment: ${settingName(setting)}`, () => {
        for (let at = first;; at += STEP) {
          const world = simulatedWorld(setting, RULES);
          if (!leaveAt(world, at)) break;
          assertEquals([at, ...world.strict.reports.map((r) => terminalReport(r))], [at]);
        }
      });
    }
  }
}
