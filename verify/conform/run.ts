import type { MachineDescription } from "../../devices/description/mod.ts";
import type { Check, Value } from "./check.ts";
import { type Detail, firstDifference } from "./compare.ts";
import { describe, qemuWorld, type QemuWorldOptions, simulatedWorld, type World } from "./world.ts";

/** What a check showed. */
export interface Result {
  readonly check: Check;
  readonly simulated: Value;
  readonly qemu: Value;
  /** Where they part; undefined: they are equal. */
  readonly difference: Detail | undefined;
}

/** Who builds the two worlds; tests put something else in a world's place. */
export interface Worlds {
  simulated(desc: MachineDescription): World | Promise<World>;
  qemu(desc: MachineDescription, options: QemuWorldOptions): Promise<World>;
}

const WORLDS: Worlds = { simulated: simulatedWorld, qemu: qemuWorld };

/** Milliseconds for QEMU to answer a command; a machine under load may let it wait. */
const PATIENCE = 10_000;

/**
 * Asks every check of both worlds, in order. Checks of one machine that stand together share one start of it; after
 * a difference, or a world that broke, both start anew, so that one cannot cause the next.
 *
 * @throws {QemuError} if QEMU cannot be started. One that hangs or dies under a check is that check's observation.
 */
export async function* runChecks(checks: readonly Check[], worlds: Worlds = WORLDS): AsyncGenerator<Result> {
  let pair: Pair | undefined;
  try {
    for (const check of checks) {
      if (pair !== undefined && (!pair.fits(check) || pair.spoiled)) {
        await pair.close();
        pair = undefined;
      }
      pair ??= await Pair.open(check, worlds);
      yield await pair.ask(check);
    }
  } finally {
    await pair?.close();
  }
}

/** The two machines of one description. */
class Pair {
  spoiled = false;

  private constructor(
    private readonly machine: string,
    private readonly patience: number | undefined,
    private readonly simulated: World,
    private readonly qemu: World,
  ) {}

  static async open(check: Check, worlds: Worlds): Promise<Pair> {
    const desc = describe(check.machine);
    const simulated = await worlds.simulated(desc);
    try {
      const qemu = await worlds.qemu(desc, { patience: check.patience ?? PATIENCE });
      return new Pair(check.machine, check.patience, simulated, qemu);
    } catch (error) {
      await simulated.close();
      throw error;
    }
  }

  fits(check: Check): boolean {
    return check.machine === this.machine && check.patience === this.patience && !check.alone;
  }

  async ask(check: Check): Promise<Result> {
    const simulated = await this.observe(check, this.simulated);
    const qemu = await this.observe(check, this.qemu);
    const difference = firstDifference(simulated, qemu);
    if (difference !== undefined || check.alone) this.spoiled = true;
    return { check, simulated, qemu, difference };
  }

  async close(): Promise<void> {
    await Promise.all([this.simulated.close(), this.qemu.close()]);
  }

  private async observe(check: Check, world: World): Promise<Value> {
    let value: Value;
    try {
      value = await check.run(world);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.spoiled = true;
      value = `${error.name}: ${error.message}`;
    }
    const failure = failureOf(world);
    if (failure === undefined) return value;
    // Reads of a machine that is gone answer ones: what was observed means nothing.
    this.spoiled = true;
    return failure === "Hung" ? "hangs" : "dies";
  }
}

/** How the real QEMU failed under a check: `Hung`, `Died`; undefined if it is well, or the world is not QEMU. */
function failureOf(world: World): string | undefined {
  const { platform } = world;
  if (!("failure" in platform)) return undefined;
  const failure = platform.failure as { kind: string } | undefined;
  return failure?.kind;
}
