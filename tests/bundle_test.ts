import { assert, assertEquals } from "@std/assert";

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

/** Source files (bundles name them in comments) and strings of one transport's driver side. The device models of both
 * are in each bundle: which machine is built is chosen at run time. */
const ONLY_PCI = [
  /^\/\/ drivers\/pci/m,
  /^\/\/ drivers\/virtio\/transport\/pci/m,
  /Found MSI-X capability/,
  /PCI BUS INFORMATION/,
];
const ONLY_MMIO = [/^\/\/ drivers\/mmio/m, /^\/\/ drivers\/virtio\/transport\/mmio/m];

Deno.test("a bundle for one transport holds nothing of the other", async () => {
  const pci = await bundle("pci");
  const mmio = await bundle("mmio");
  for (const own of ONLY_PCI) {
    assert(own.test(pci), `pci: ${own}`);
    assert(!own.test(mmio), `mmio: ${own}`);
  }
  for (const own of ONLY_MMIO) {
    assert(own.test(mmio), `mmio: ${own}`);
    assert(!own.test(pci), `pci: ${own}`);
  }
});

Deno.test("the simulator's bundle for a browser worker needs no Deno and imports nothing", async () => {
  const text = await bundle("pci");
  assert(!/\bDeno\./.test(text), "a Deno API");
  assert(!/from\s*["'](node:|npm:|https?:)/.test(text), "an import");
  assertEquals([...text.matchAll(/^import\s/gm)].length, 0);
});
