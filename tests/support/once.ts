/** Tests that depend neither on the transport nor on the offset of device memory run in one of the four runs. */

/** Whether this is that run. */
export const ONCE: boolean = Deno.env.get("DENO_CONDITIONS") !== "mmio" && Deno.env.get("CAREFUL") !== "1";

/** A test that runs once: the other runs do not know it, so that an ignored test always means something missing. */
export function onceTest(name: string, fn: () => void | Promise<void>): void {
  if (ONCE) Deno.test({ name, fn });
}

/** Every `n`th of many like cases, where each costs a program of its own; all of them with `ALL=1`. */
export function sampled<T>(all: readonly T[], n: number): T[] {
  return Deno.env.get("ALL") === "1" ? [...all] : all.filter((_, i) => i % n === 0);
}

/** `Deno.test` for a file whose tests are left out in some of the runs: there they are unknown, not ignored. */
export function testUnless(skip: boolean): typeof Deno.test {
  return skip ? (() => {}) as unknown as typeof Deno.test : Deno.test;
}
