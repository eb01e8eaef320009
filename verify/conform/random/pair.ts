import { describe, qemuWorld, simulatedWorld, type World } from "../world.ts";
import { compareRuns } from "./compare.ts";
import { Rig } from "./execute.ts";
import { type Found, keptId } from "./kept.ts";
import type { Program } from "./program.ts";
import { type Target, targetOf } from "./targets.ts";

/** Milliseconds after which a QEMU without an answer counts as hung, and the same when it is looked at again. */
const PATIENCE = 400, MORE_PATIENCE = 3_000;
/** How often a difference that nothing explains is looked at: what QEMU's main loop does first is a matter of chance. */
const LOOKS = 5;
/** How much longer devices are waited for when a difference is looked at again. */
const AGAIN = 6;

/** How the two machines of a target are made. Tests put their own here. */
export interface Worlds {
  simulated(target: Target): World | Promise<World>;
  other(target: Target, patience: number): World | Promise<World>;
}

/** The simulated machine and the real QEMU. */
export const REAL: Worlds = {
  simulated: (target) => simulatedWorld(describe(target.words)),
  other: (target, patience) => qemuWorld(describe(target.words), { patience }),
};

/** What came of a program on both machines. */
export interface Verdict {
  readonly found: Found | undefined;
  /** The kept difference that it is. */
  readonly kept: string | undefined;
}

/** Both machines of one target, kept alive from program to program. */
export class Pair {
  private a: Rig | undefined;
  private b: Rig | undefined;
  /** Differences that were not there at another look: QEMU had not been given enough time, or took another turn. */
  races = 0;

  constructor(readonly target: Target, private readonly worlds: Worlds = REAL) {}

  static of(program: Program, worlds?: Worlds): Pair {
    return new Pair(targetOf(program.target), worlds);
  }

  /**
   * Runs a program on both. A difference is looked at again in new machines, with more time, before it is believed; more
   * than once if nothing explains it.
   */
  async judge(program: Program): Promise<Verdict> {
    let found = await this.once(program, PATIENCE, 1);
    for (let look = 1; look < LOOKS && found !== undefined; look++) {
      await this.close();
      found = await this.once(program, MORE_PATIENCE, AGAIN);
      await this.close();
      const kept = found && keptId(found);
      if (kept !== undefined) return { found, kept };
      if (found === undefined) this.races++;
    }
    return { found, kept: undefined };
  }
  /** The same with one more look at most: for the many tries of the shrinker. */
  async quick(program: Program): Promise<Verdict> {
    let found = await this.once(program, PATIENCE, 2);
    if (found !== undefined) {
      // What an earlier program left behind must not count.
      await this.close();
      found = await this.once(program, PATIENCE, 2);
      await this.close();
    }
    return { found, kept: found === undefined ? undefined : keptId(found) };
  }
  async close(): Promise<void> {
    const rigs = [this.a, this.b];
    this.a = this.b = undefined;
    for (const rig of rigs) await rig?.world.close();
  }

  private async once(program: Program, patience: number, turns: number): Promise<Found | undefined> {
    if (this.a === undefined || this.b === undefined) {
      this.a = new Rig(await this.worlds.simulated(this.target), this.target);
      this.b = new Rig(await this.worlds.other(this.target, patience), this.target);
    }
    const simulated = await this.a.run(program, turns);
    const qemu = await this.b.run(program, turns);
    const difference = compareRuns(simulated, qemu);
    if (this.a.broken !== undefined || this.b.broken !== undefined) await this.close();
    return difference === undefined ? undefined : { program, difference, simulated, qemu };
  }
}
