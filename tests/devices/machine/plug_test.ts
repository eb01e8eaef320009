import { assertEquals, assertThrows } from "@std/assert";
import type { MachineDescription } from "../../../devices/description/types.ts";
import { cfgRead, cfgWrite, endOfInterrupt, LEVEL_LOW, machineOf, read32, route } from "./support.ts";
import { UsageError } from "../../../devices/description/types.ts";
import type { Machine } from "../../../devices/machine/mod.ts";

type Words = [driver: string, props?: Record<string, string>][];
const devices = (words: Words) => words.map(([driver, props = {}], index) => ({ driver, props, index }));
function withDevices(words: Words, desc: Partial<MachineDescription> = {}): Machine {
  return machineOf({ devices: devices(words), ...desc });
}
const places = (m: Machine) => m.devices.map((d) => d.place);
const fails = (words: Words, message: string, desc: Partial<MachineDescription> = {}) =>
  assertThrows(() => withDevices(words, desc), UsageError, message);
const MODERN = [{ driver: "virtio-mmio", property: "force-legacy", value: "false" }];

Deno.test("PCI: the lowest free slot, `addr` if given; -nodefaults or not (slots seen over qtest)", () => {
  const rngs: Words = [["virtio-rng-pci"], ["virtio-rng-pci", { addr: "5" }], ["virtio-rng-pci"]];
  assertEquals(places(withDevices(rngs)), ["00:01.0", "00:05.0", "00:02.0"]);
  assertEquals(places(withDevices(rngs, { machine: "pc" })), ["00:02.0", "00:05.0", "00:03.0"]);
  assertEquals(places(withDevices(rngs, { nodefaults: false })), ["00:03.0", "00:05.0", "00:04.0"]);
  assertEquals(places(withDevices(rngs, { nodefaults: false, machine: "pc" })), [
    "00:04.0",
    "00:05.0",
    "00:06.0",
  ]);
  const netdevs = [{ type: "user", id: "n", props: {} }];
  assertEquals(places(withDevices([["virtio-rng-pci"]], { nodefaults: false, machine: "pc", netdevs })), [
    "00:03.0",
  ]);
});

Deno.test("PCI: a place that is taken, a bus and a driver that do not exist are errors that say what is possible", () => {
  fails(
    [["virtio-rng-pci", { addr: "3" }], ["virtio-rng-pci", { addr: "3" }]],
    "PCI slot 3 function 0 is in use by virtio-rng-pci.0 (free: 1, 2, 4,",
  );
  fails([["virtio-rng-pci", { addr: "0" }]], "in use by mch");
  fails([["virtio-rng-pci", { addr: "1f" }]], "in use by ICH9-LPC");
  fails([["virtio-rng-pci", { bus: "pci.0" }]], "bus 'pci.0' does not exist (possible: pcie.0)");
  fails([["virtio-rng-device"]], "q35 has no bus of kind virtio-bus");
  fails([["virtio-rng-pci"]], "microvm has no bus of kind PCI (possible: virtio-rng-device", {
    machine: "microvm",
  });
  fails([["pcie-root-port"]], "pcie-root-port: not supported (possible: virtio-rng-pci");
  fails(
    [["virtio-rng-pci", { id: "x" }], ["virtio-rng-pci", { id: "x" }]],
    "id=x: another device has this id",
  );
  fails(Array.from({ length: 31 }, () => ["virtio-rng-pci"]), "no PCI slot is free");
});

Deno.test("virtio-mmio: the highest transport first, `bus` if given, full and missing buses named", () => {
  const m = withDevices([["virtio-rng-device"], ["virtio-rng-device", { bus: "virtio-mmio-bus.3" }], [
    "virtio-serial-device",
  ]], {
    machine: "microvm",
    globals: MODERN,
  });
  assertEquals(places(m), [
    "virtio-mmio-bus.23 (0xfeb02e00)",
    "virtio-mmio-bus.3 (0xfeb00600)",
    "virtio-mmio-bus.22 (0xfeb02c00)",
  ]);
  assertEquals([read32(m, 0xfeb0_2e04), read32(m, 0xfeb0_2e08), read32(m, 0xfeb0_2c08)], [2, 4, 3]);
  const legacy = withDevices([["virtio-rng-device"]], { machine: "microvm" });
  assertEquals(read32(legacy, 0xfeb0_2e04), 1, "QEMU's default is a legacy transport");
  const on3: Words[0] = ["virtio-rng-device", { bus: "virtio-mmio-bus.3" }];
  fails([on3, on3], "virtio-mmio-bus.3 has virtio-rng-device.0 (free: virtio-mmio-bus.0,", {
    machine: "microvm",
  });
  fails([["virtio-rng-device", { bus: "virtio-mmio-bus.24" }]], "'virtio-mmio-bus.24' does not exist", {
    machine: "microvm",
  });
  const nine: Words = Array.from({ length: 9 }, () => ["virtio-rng-device"]);
  fails(nine, "every transport has a device", { machine: "microvm", machineProps: { acpi: "off" } });
});

Deno.test("microvm without ACPI tells the kernel its transports on the command line, unless told not to", () => {
  const line = (machineProps: Record<string, string>) =>
    withDevices([["virtio-rng-device"], ["virtio-serial-device"]], {
      machine: "microvm",
      machineProps,
      append: "a b",
    })
      .commandLine;
  assertEquals(
    line({ acpi: "off" }),
    "a b virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=512@0xfeb00c00:11",
  );
  assertEquals(line({ acpi: "off", "auto-kernel-cmdline": "off" }), "a b");
  assertEquals(line({}), "a b");
});

Deno.test("serial ports go on the youngest virtio-serial, or on the one they name", () => {
  const m = withDevices([["virtio-serial-pci", { id: "a" }], ["virtio-serial-pci", { id: "b" }], [
    "virtconsole",
  ], [
    "virtconsole",
    { bus: "a.0" },
  ]]);
  assertEquals(places(m).slice(2), ["b port 0", "a port 0"]);
  fails([["virtconsole"]], "virtconsole");
  fails(
    [["virtio-serial-pci", { id: "a" }], ["virtconsole", { bus: "a" }]],
    "bus 'a' does not exist (possible: a.0)",
  );
});

Deno.test("one chardev for two ports is an error, with mux=on it is not", () => {
  const words: Words = [["virtio-serial-pci"], ["virtconsole", { chardev: "c" }]];
  const desc = (props: Record<string, string>) => ({
    serial: ["c"],
    chardevs: [{ backend: "null" as const, id: "c", props }],
  });
  fails(words, "'c' is in use", desc({}));
  assertEquals(withDevices(words, desc({ mux: "on" })).devices.length, 2);
  fails([words[0], ["virtconsole", { chardev: "d" }]], "d", desc({}));
});

Deno.test("-global reaches the devices of its kind, and what the device says itself wins", () => {
  const globals = [{ driver: "virtio-rng-pci", property: "disable-legacy", value: "on" }];
  assertEquals(cfgRead(withDevices([["virtio-rng-pci"]], { globals }), 1, 0, 0), 0x1044_1af4);
  assertEquals(
    cfgRead(withDevices([["virtio-rng-pci", { "disable-legacy": "off" }]], { globals }), 1, 0, 0),
    0x1005_1af4,
  );
  assertEquals(cfgRead(withDevices([["virtio-serial-pci"]], { globals }), 1, 0, 0), 0x1003_1af4);
});

/** Status bit 3 of the interrupt is what the pin would show: raised here through the function itself. */
Deno.test("q35: INTA of a device raises its pin by level, shared lines stay up while one asserts", () => {
  const m = withDevices([["virtio-rng-pci", { addr: "1" }], ["virtio-rng-pci", { addr: "5" }]]);
  route(m, 21, 0x41 | LEVEL_LOW);
  const [a, b] = [1, 5].map((slot) => ({ set: (level: boolean) => functionAt(m, slot).setIntx(level) }));
  a.set(true);
  b.set(true);
  assertEquals(m.takeInterrupt(), 0x41);
  a.set(false);
  endOfInterrupt(m);
  assertEquals(m.takeInterrupt(), 0x41, "the other still asserts");
  b.set(false);
  endOfInterrupt(m);
  assertEquals(m.takeInterrupt(), -1);
});

Deno.test("pc: no INTx until PIRQ lines are routed; with 0x0b0a0b0a slot 4 is ISA interrupt 11", () => {
  const m = withDevices([["virtio-rng-pci", { addr: "4" }]], { machine: "pc" });
  route(m, 11, 0x4b | LEVEL_LOW);
  functionAt(m, 4).setIntx(true);
  assertEquals(m.takeInterrupt(), -1);
  cfgWrite(m, 1, 0, 0x60, 4, 0x0b0a_0b0a);
  assertEquals(m.takeInterrupt(), 0x4b);
  assertEquals([m.ioapic.level(11), m.ioapic.level(10)], [true, false]);
  cfgWrite(m, 1, 0, 0x63, 1, 0x0a);
  assertEquals([m.ioapic.level(11), m.ioapic.level(10)], [false, true]);
});

function functionAt(m: Machine, slot: number) {
  return m.pci!.at(slot)!;
}

Deno.test("microvm: a transport's line is the pin of its slot", () => {
  for (
    const [machineProps, ioapic, pin] of [[{}, 1, 23], [{ acpi: "off" }, 0, 12], [
      { ioapic2: "off" },
      0,
      23,
    ]] as const
  ) {
    const m = withDevices([["virtio-rng-device"]], { machine: "microvm", globals: MODERN, machineProps });
    const base = m.transports.at(-1)!;
    base.irq!.set(true);
    assertEquals(m.ioapics[ioapic].level(pin), true);
  }
});
