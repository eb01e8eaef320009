import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";

/**
 * The transport is chosen at build time: a bundle for one holds nothing of the other. And the simulator runs in a browser
 * worker: its bundle holds no Deno API and imports nothing.
 */

const ENTRY = new URL("./support/worker_entry.ts", import.meta.url);

async function bundle(condition: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform=browser", ENTRY.pathname],
    env: { DENO_CONDITIONS: condition, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** What only one transport's driver side says. The device models of both are in each bundle: machines differ at run time. */
const ONLY_PCI = /drivers\/virtio\/transport\/pci\.ts|class PciCapColl|MSI-X table of/;
const ONLY_MMIO = /drivers\/virtio\/transport\/mmio\.ts/;

Deno.test("a bundle for one transport holds nothing of the other", async () => {
  const pci = await bundle("pci");
  const mmio = await bundle("mmio");
  assertMatch(pci, ONLY_PCI);
  assertNotMatch(pci, ONLY_MMIO);
  assertMatch(mmio, ONLY_MMIO);
  assertNotMatch(mmio, ONLY_PCI);
});

Deno.test("the simulator's bundle for a browser worker needs no Deno and imports nothing", async () => {
  const text = await bundle("pci");
  assertNotMatch(text, /\bDeno\./);
  assertNotMatch(text, /from\s*["'](node:|npm:|https?:)/);
  assertEquals([...text.matchAll(/^import\s/gm)].length, 0);
});
