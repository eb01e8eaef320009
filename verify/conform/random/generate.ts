import { bodyAction } from "./generate_body.ts";
import { bringUp } from "./generate_setup.ts";
import { strayAccess } from "./generate_registers.ts";
import { Dice } from "./dice.ts";
import { Driver } from "./driver.ts";
import type { Program } from "./program.ts";
import { targetOf } from "./targets.ts";

/** One program in so many is nothing but stray accesses. */
const CHAOS = 0.06;

/** Program number `index` of a seed for a target: always the same, whatever was generated before. */
export function generate(target: string, seed: number, index: number): Program {
  const dice = new Dice(target, seed, index);
  const driver = new Driver(targetOf(target), dice);
  if (dice.chance(CHAOS)) {
    for (let n = dice.int(4, 20); n > 0; n--) strayAccess(driver);
  } else {
    bringUp(driver);
  }
  for (let n = dice.int(2, 14); n > 0; n--) bodyAction(driver);
  return { target, seed, index, steps: driver.steps };
}
