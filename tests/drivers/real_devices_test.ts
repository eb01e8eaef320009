import { assert, assertEquals } from "@std/assert";
import { VirtioConsoleDriver } from "../../drivers/console.ts";
import { initDrivers, TRANSPORT } from "../../drivers/mod.ts";
import { VirtioRngDriver } from "../../drivers/rng.ts";
import { featureNames } from "../../spec/virtio/features.ts";
import { RealMachine } from "./support/real_machine.ts";

const PCI = ["q35", "pc"] as const;
const RNG: [string, RealMachineArgs][] = [];
const CONSOLE: [string, RealMachineArgs][] = [];
type RealMachineArgs = ConstructorParameters<typeof RealMachine>;

for (const machine of PCI) {
  for (
    const props of [
      "",
      ",packed=on",
      ",disable-legacy=on,disable-modern=off,packed=on",
      ",vectors=0",
      ",vectors=1",
    ]
  ) {
    RNG.push([`${machine} virtio-rng-pci${props}`, [machine, [`virtio-rng-pci${props}`]]]);
    CONSOLE.push([`${machine} virtio-serial-pci${props}`, [machine, [
      `virtio-serial-pci${props}`,
      "virtconsole,chardev=c0",
    ]]]);
  }
}
for (const acpi of ["on", "off"]) {
  const options = { machineProps: { acpi } };
  for (const props of ["", ",packed=on"]) {
    RNG.push([`microvm acpi=${acpi}${props}`, ["microvm", [`virtio-rng-device${props}`], options]]);
    CONSOLE.push([`microvm acpi=${acpi}${props}`, ["microvm", [
      `virtio-serial-device${props}`,
      "virtconsole,chardev=c0",
    ], options]]);
  }
}

for (const [name, args] of RNG) {
  Deno.test(`random bytes from ${name}`, () => {
    const m = new RealMachine(...args);
    const rng = VirtioRngDriver.initDev(m.map(4), m.ctx);
    const bytes = new Uint8Array(1000);
    let have = 0;
    m.until(() => (have += rng.read(bytes.subarray(have))) === bytes.length);
    assert(new Set(bytes).size > 150, "they look random");
    const packed = args[1][0].includes("packed=on");
    assertEquals(rng.device.queues()[0].kind, packed ? "packed" : "split");
    assertEquals(rng.device.status(), 15);
    rng.shutdown();
    assertEquals(m.alloc.live(), []);
    assertEquals(m.lines.filter((l) => /^(error|warn)/.test(l)), []);
  });
}

for (const [name, args] of CONSOLE) {
  Deno.test(`a console both ways over ${name}`, () => {
    const m = new RealMachine(...args);
    const console = VirtioConsoleDriver.initDev(m.map(3), m.ctx);
    const text = new Uint8Array(100_000).map((_, i) => i * 7 % 256);
    let sent = 0;
    m.until(() => (sent += console.write(text.subarray(sent))) === text.length);
    assertEquals(console.flush(), true);
    assertEquals(m.terminal.output, [...text]);

    let inputs = 0;
    console.onInput = () => inputs++;
    const received: number[] = [];
    for (let round = 0; round < 40; round++) {
      const line = `line ${round}\n`;
      const before = inputs;
      m.machine.input("c0", new TextEncoder().encode(line));
      m.until(() => inputs > before);
      const bytes = new Uint8Array(100);
      received.push(...bytes.subarray(0, console.read(bytes)));
    }
    assertEquals(
      new TextDecoder().decode(new Uint8Array(received)),
      Array.from({ length: 40 }, (_, i) => `line ${i}\n`).join(""),
    );
    console.shutdown();
    assertEquals(m.alloc.live(), []);
  });
}

Deno.test("a resize of the terminal arrives as a configuration interrupt, or the size is not offered", () => {
  const m = new RealMachine("q35", ["virtio-serial-pci", "virtconsole,chardev=c0"]);
  const console = VirtioConsoleDriver.initDev(m.map(3), m.ctx);
  const names = featureNames(console.device.features, 3);
  const sizes: [number, number][] = [];
  console.onResize = (cols, rows) => sizes.push([cols, rows]);
  m.terminal.resize(132, 43);
  if (!names.includes("SIZE")) return assertEquals(console.size(), undefined);
  m.until(() => sizes.length > 0 || console.size()?.cols === 132);
  assertEquals(console.size(), { cols: 132, rows: 43 });
});

Deno.test("vqKind forbids the packed ring, or insists on it", () => {
  const split = new RealMachine("q35", ["virtio-rng-pci,packed=on"], { vqKind: "split" });
  assertEquals(VirtioRngDriver.initDev(split.map(4), split.ctx).device.queues()[0].kind, "split");
  const packed = new RealMachine("q35", ["virtio-rng-pci"], { vqKind: "packed" });
  let message = "";
  try {
    VirtioRngDriver.initDev(packed.map(4), packed.ctx);
  } catch (error) {
    message = String(error);
  }
  assert(message.includes("does not offer RING_PACKED"), message);
});

Deno.test("initDrivers starts what the build's transport finds", () => {
  const m = TRANSPORT === "pci"
    ? new RealMachine("q35", [
      "virtio-rng-pci",
      "virtio-serial-pci",
      "virtconsole,chardev=c0",
      "virtio-rng-pci",
    ])
    : new RealMachine("microvm", [
      "virtio-rng-device",
      "virtio-serial-device",
      "virtconsole,chardev=c0",
      "virtio-rng-device",
    ]);
  const drivers = initDrivers(m.ctx);
  assertEquals(drivers.failed, []);
  assertEquals([drivers.rng.length, drivers.console.length], [2, 1]);
  assertEquals(drivers.all.map((d) => d.name).sort(), ["virtio-console", "virtio-rng", "virtio-rng"]);
  assert(m.lines.includes("info: Virtio console driver initialized."));
});
