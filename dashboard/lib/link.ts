import type { Setup } from "./protocol.ts";

const PCI =
  "-machine q35 -m 64M -chardev stdio,id=char0,mux=on -serial chardev:char0 -device virtio-rng-pci " +
  "-device virtio-serial-pci -device virtconsole,chardev=char0 -netdev user,id=net0 " +
  "-device virtio-net-pci,netdev=net0";
const MMIO = "-machine microvm -m 64M -global virtio-mmio.force-legacy=off -chardev stdio,id=char0,mux=on " +
  "-serial chardev:char0 -device virtio-rng-device -device virtio-serial-device " +
  "-device virtconsole,chardev=char0 -netdev user,id=net0 -device virtio-net-device,netdev=net0";

const PLAIN = { seed: 1, app: "shell", args: "", careful: false, strict: false, latency: 0 };

/** What is booted without a link. */
export const DEMO_SETUP: Readonly<Record<Setup["transport"], Setup>> = {
  pci: { ...PLAIN, transport: "pci", words: PCI },
  mmio: { ...PLAIN, transport: "mmio", words: MMIO },
};

/**
 * A set-up as the part of a link behind `#`. What is as in the demo machine of its transport is left out.
 *
 * `readHash(writeHash(s))` is `s`.
 */
export function writeHash(setup: Setup): string {
  const demo = DEMO_SETUP[setup.transport];
  const params = new URLSearchParams({ transport: setup.transport });
  if (setup.words !== demo.words) params.set("machine", setup.words);
  if (setup.seed !== demo.seed) params.set("seed", String(setup.seed));
  if (setup.app !== demo.app) params.set("app", setup.app);
  if (setup.args !== demo.args) params.set("args", setup.args);
  if (setup.careful) params.set("careful", "1");
  if (setup.strict) params.set("strict", "1");
  if (setup.latency !== 0) params.set("latency", String(setup.latency));
  return `#${params}`;
}

/** The set-up of a link; undefined if it names none. What it says wrongly is as in the demo machine. */
export function readHash(hash: string): Setup | undefined {
  const params = new URLSearchParams(hash.replace(/^#/, ""));
  if (![...params.keys()].some((k) => ["transport", "machine", "app", "seed"].includes(k))) return undefined;
  const machine = params.get("machine");
  const named = params.get("transport");
  const mmio = named === "mmio" ||
    named !== "pci" && machine !== null && /(^|\s)--?(machine|M)[\s=]+microvm/.test(machine);
  const demo = DEMO_SETUP[mmio ? "mmio" : "pci"];
  return {
    transport: demo.transport,
    words: machine ?? demo.words,
    seed: whole(params.get("seed"), 0xffff_ffff) ?? demo.seed,
    app: params.get("app") ?? demo.app,
    args: params.get("args") ?? "",
    careful: params.get("careful") === "1",
    strict: params.get("strict") === "1",
    latency: whole(params.get("latency"), 1e12) ?? 0,
  };
}

function whole(text: string | null, max: number): number | undefined {
  const n = text !== null && /^\d+$/.test(text) ? Number(text) : NaN;
  return n >= 0 && n <= max ? n : undefined;
}
