/** Runs a scene: machines on one hub, each kernel watched as `main.ts --strict` does. */
import { TRANSPORT } from "#transport";
import { RamDeviceMemory } from "../../../arch/device_memory.ts";
import { readOptions } from "../../../cli/options.ts";
import { BufferChardev } from "../../../devices/host/buffer_chardev.ts";
import { createMachine, type Machine } from "../../../devices/machine/mod.ts";
import { Cluster } from "../../../devices/net/cluster.ts";
import type { App } from "../../../kernel/apps/mod.ts";
import { APPS, boot, type Kernel } from "../../../kernel/mod.ts";
import type { TraceEvent, TraceSink } from "../../../spec/trace.ts";
import { LiveMemory, type Report, RULES, Strict, watchBoot } from "../../../verify/strict/mod.ts";
import { words } from "../words.ts";
import type { Actor, Scene } from "./scene.ts";

/** What came of an actor. */
export interface Played {
  /** Exit status of its kernel. */
  readonly code: number;
  /** What it printed. */
  readonly text: string;
  readonly reports: readonly Report[];
}

/** Keeps what a machine says at power on until its devices are as the scene wants them. */
class Overture implements TraceSink {
  readonly on = true;
  private kept: TraceEvent[] | undefined = [];

  constructor(private readonly sink: TraceSink) {}
  emit(event: TraceEvent): void {
    if (this.kept === undefined) this.sink.emit(event);
    else this.kept.push(event);
  }
  /** Tells it all, PCI functions as they are by now. */
  begin(machine: Machine): void {
    const { kept = [] } = this;
    this.kept = undefined;
    const functions = new Map(machine.pci?.functions.map(({ fn }) => [fn.bdf, fn]));
    for (const event of kept) {
      const fn = event.ev === "pci_function" ? functions.get(event.bdf) : undefined;
      if (fn === undefined || event.ev !== "pci_function") this.sink.emit(event);
      else this.sink.emit({ ...event, hex: fn.config.toHex(), mask: fn.writeMask.toHex() });
    }
  }
}

function open(
  actor: Actor,
  index: number,
  cluster: Cluster,
): { kernel: Kernel; strict: Strict; chardev: BufferChardev } {
  const { desc, app, appArgs } = readOptions(words(actor.line), TRANSPORT, APPS);
  let machine: Machine | undefined = undefined;
  const memory = new LiveMemory(() => machine?.ram ?? []);
  const strict = new Strict({ rules: RULES, platform: "simulated", memory });
  const overture = new Overture(strict);
  const chardev = new BufferChardev("c0");
  // Nobody types: a kernel that waits for ever is seen to.
  chardev.end();
  machine = createMachine(desc, {
    chardevs: new Map([["c0", chardev]]),
    netdevs: new Map(desc.netdevs.map(({ id }) => [id, cluster.hub(0).port(id)])),
    seed: index + 1,
    latency: actor.latency ?? 0,
    trace: overture,
    pace: cluster.member(),
  });
  strict.clock = machine.now.bind(machine);
  actor.prepare?.(machine);
  overture.begin(machine);
  const kernel = boot(machine, {
    ...watchBoot(strict, (base, bytes) => new RamDeviceMemory(base, bytes)),
    app: actor.app === undefined ? app : ownApp(actor.app, index),
    ...(appArgs === undefined ? {} : { appArgs }),
  });
  return { kernel, strict, chardev };
}

/** An application of the scene's own, under a name that `boot` finds. */
function ownApp(run: NonNullable<Actor["app"]>, index: number): string {
  const name = `scene-${index}`;
  (APPS as Record<string, App>)[name] = { help: "", run };
  return name;
}

/** Plays a scene to its end: all kernels have stopped. */
export async function play(scene: Scene): Promise<Played[]> {
  const cluster = new Cluster();
  const all = scene.map((actor, index) => open(actor, index, cluster));
  const codes = await Promise.all(all.map(({ kernel }) => kernel.run()));
  return all.map(({ strict, chardev }, i) => {
    strict.end("ended");
    return { code: codes[i], text: chardev.text(), reports: strict.reports };
  });
}
