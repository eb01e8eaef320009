import type { Desc, Program, Step } from "./program.ts";

/** Most programs that are tried to shorten one. */
const TRIES = 600;

/**
 * The shortest program that still differs: takes steps away, more at a time first, then makes what is left simpler.
 *
 * @param differs runs a program from a fresh state.
 */
export async function shrink(program: Program, differs: (p: Program) => Promise<boolean>): Promise<Program> {
  let best = program;
  let tries = 0;
  const attempt = async (steps: readonly Step[]): Promise<boolean> => {
    if (tries++ >= TRIES) return false;
    const next = { ...program, steps };
    if (!await differs(next)) return false;
    best = next;
    return true;
  };
  for (let before = -1; before !== size(best.steps) && tries < TRIES;) {
    before = size(best.steps);
    await dropSteps(() => best.steps, attempt);
    for (let i = 0; i < best.steps.length; i++) {
      for (let again = true; again && tries < TRIES;) {
        again = false;
        for (const simpler of simplerSteps(best.steps[i])) {
          if (!await attempt(best.steps.with(i, simpler))) continue;
          again = true;
          break;
        }
      }
    }
  }
  return best;
}

/** How much there is of it: what shrinking brings down. */
function size(steps: readonly Step[]): number {
  return JSON.stringify(steps).length;
}

async function dropSteps(
  current: () => readonly Step[],
  attempt: (steps: readonly Step[]) => Promise<boolean>,
): Promise<void> {
  for (
    let piece = Math.ceil(current().length / 2);
    piece >= 1;
    piece = piece === 1 ? 0 : Math.ceil(piece / 2)
  ) {
    // From the end: what comes last rarely matters.
    for (let at = current().length - piece; at > -piece; at -= piece) {
      const from = Math.max(0, at);
      const steps = current();
      if (from >= steps.length) continue;
      await attempt([...steps.slice(0, from), ...steps.slice(Math.max(0, at + piece))]);
    }
  }
}

/** Steps that say less than this one. */
function simplerSteps(step: Step): Step[] {
  switch (step.op) {
    case "reg":
      return step.value === undefined ? [] : smaller(step.value).map((value) => ({ ...step, value }));
    case "ring":
      return smaller(step.size).filter((n) => n > 0).map((size) => ({ ...step, size }));
    case "chain":
      return simplerChains(step);
    case "publish":
      return step.jump === undefined ? [] : [without(step, "jump")];
    case "suppress":
      return [
        ...step.flags !== undefined && step.event !== undefined
          ? [without(step, "flags"), without(step, "event")]
          : [],
        ...step.event === undefined ? [] : smaller(Math.abs(step.event)).map((event) => ({ ...step, event })),
        ...step.flags === undefined ? [] : smaller(step.flags).map((flags) => ({ ...step, flags })),
      ];
    case "poke":
    case "input":
      return step.hex.length <= 2
        ? []
        : [{ ...step, hex: step.hex.slice(0, 2 * Math.ceil(step.hex.length / 4)) }];
  }
}

function simplerChains(step: Extract<Step, { op: "chain" }>): Step[] {
  const found: Step[] = [];
  for (const name of ["head", "id", "stale"] as const) {
    if (step[name] !== undefined) found.push(without(step, name));
  }
  if (step.d.length > 1) step.d.forEach((_, i) => found.push({ ...step, d: step.d.toSpliced(i, 1) }));
  step.d.forEach((each, i) => {
    for (const d of simplerDescs(each)) found.push({ ...step, d: step.d.with(i, d) });
  });
  return found;
}
function simplerDescs(d: Desc): Desc[] {
  const found: Desc[] = [];
  if (d.x !== undefined) found.push(without(d, "x"));
  if (d.f !== undefined) found.push(without(d, "f"));
  const { t } = d;
  if (t === undefined) return [...found, ...smaller(d.n).map((n) => ({ ...d, n }))];
  if (t.length === 1) found.push(t[0]);
  else t.forEach((_, i) => found.push({ ...d, n: Math.max(0, d.n - 16), t: t.toSpliced(i, 1) }));
  t.forEach((each, i) => {
    for (const simpler of simplerDescs(each)) found.push({ ...d, t: t.with(i, simpler) });
  });
  return found;
}

/** Smaller numbers, the smallest first; and with single bits taken out. */
function smaller(n: number): number[] {
  if (n === 0) return [];
  const found = new Set([0, 1, Math.floor(n / 2), n - 1]);
  for (let bit = 0; bit < 32; bit++) {
    const without = n - 2 ** bit;
    if (Math.floor(n / 2 ** bit) % 2 === 1 && without > 0) found.add(without);
  }
  return [...found].filter((v) => v >= 0 && v < n);
}
function without<T extends object>(from: T, name: keyof T): T {
  const copy = { ...from };
  delete copy[name];
  return copy;
}
