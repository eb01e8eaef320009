import { assert, assertEquals } from "@std/assert";
import { build, DIST } from "../../dashboard/tools/build.ts";
import { onceTest as test } from "../support/once.ts";

test("two builds at once, while somebody reads: each file is whole, and what the page names is there", async () => {
  await build();
  const page = async () => {
    const html = await Deno.readTextFile(new URL("index.html", DIST));
    const names = [...html.matchAll(/"\.\/(assets\/[^"]+\.js)"/g)].map(([, name]) => name);
    return [...names, "worker-pci.js", "worker-mmio.js", "styles.css", "views.css"];
  };
  const size = async (name: string) => (await Deno.stat(new URL(name, DIST))).size;
  const sizes = new Map<string, number>();
  for (const name of await page()) sizes.set(name, await size(name));
  assert(sizes.get("worker-pci.js")! > 100_000 && sizes.size > 5, JSON.stringify([...sizes]));
  let over = false, reads = 0;
  const reader = (async () => {
    for (; !over; reads++) {
      for (const name of await page()) assertEquals(await size(name), sizes.get(name), name);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  await Promise.all([build(), build()]);
  over = true;
  await reader;
  assert(reads > 10, `it was looked at ${reads} times only`);
});
