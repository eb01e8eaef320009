/** What depends on neither transport nor offset is tested in one of the four runs; the others do not know it. */
const ONCE = Deno.env.get("DENO_CONDITIONS") !== "mmio" && Deno.env.get("CAREFUL") !== "1";

/** A test of that kind. */
export function once(name: string, fn: (t: Deno.TestContext) => void | Promise<void>): void {
  if (ONCE) Deno.test(name, fn);
}
