import { assertEquals, assertThrows } from "@std/assert";
import { physAddr } from "../../../arch/addresses.ts";
import { q35Pirq } from "../../../devices/machine/q35.ts";
import { pcPirq } from "../../../devices/machine/pc.ts";
import { lowMemory } from "../../../devices/machine/ram.ts";
import { cfgRead, cfgWrite, machineOf, read32, recorder, write32 } from "./support.ts";

/** Read from QEMU 7.2.22 over qtest. */
const FACTS = JSON.parse(
  await Deno.readTextFile(new URL("../../data/qemu-7.2/machine-facts.json", import.meta.url)),
);
const GIB = 2 ** 30;
const hex = (n: number) => n.toString(16).padStart(8, "0");

for (const machine of ["q35", "pc"] as const) {
  Deno.test(`${machine}: the functions that QEMU has without devices`, () => {
    const m = machineOf({ machine });
    const found: Record<string, string> = {};
    for (let dev = 0; dev < 32; dev++) {
      const id = cfgRead(m, dev, 0, 0);
      if (id !== 0xffff_ffff) found[dev] = hex(id);
    }
    assertEquals(found, FACTS[machine].bus0_without_devices);
  });
}

/** Registers that are not 0, as a dump over qtest gave them (QEMU 7.2.22, -nodefaults). */
const DUMPS: Record<string, string> = {
  "q35 0.0": "0:29c08086 8:06000000 2c:11001af4 50:00000010 60:b0000000 9c:00380200",
  "q35 31.0": "0:29188086 8:06010002 c:00800000 2c:11001af4 40:00000001 60:80808080 68:80808080",
  "q35 31.2":
    "0:29228086 4:00100000 8:01060102 c:00800000 20:00000001 2c:11001af4 34:00000080 3c:00000100 80:0080a805 90:00000040 a8:00100012 ac:00000048",
  "q35 31.3": "0:29308086 8:0c050002 c:00800000 20:00000001 2c:11001af4 3c:00000100",
  "pc 0.0": "0:12378086 8:06000002 2c:11001af4 54:08000000 70:00020000",
  "pc 1.0":
    "0:70008086 4:02000000 8:06010000 c:00800000 2c:11001af4 4c:0003004d 60:80808080 68:00000200 70:00000080 74:0c0c0000 78:00000002 a0:00000008 a8:0000000f",
  "pc 1.1": "0:70108086 4:02800000 8:01018000 20:00000001 2c:11001af4",
  "pc 1.3":
    "0:71138086 4:02800000 8:06800003 2c:11001af4 3c:00000100 40:00000001 5c:10000000 60:60000000 90:0000b101 d0:00090000",
};

Deno.test("configuration space of the chipset is QEMU's, register for register", () => {
  for (const [where, expected] of Object.entries(DUMPS)) {
    const [machine, bdf] = where.split(" ");
    const [dev, fn] = bdf.split(".").map(Number);
    const m = machineOf({ machine: machine as "q35" | "pc", memory: 64 << 20 });
    const found: string[] = [];
    for (let at = 0; at < 256; at += 4) {
      const value = cfgRead(m, dev, fn, at);
      if (value !== 0) found.push(`${at.toString(16)}:${hex(value)}`);
    }
    assertEquals(found.join(" "), expected, where);
  }
});

Deno.test("mechanism 1: byte and word accesses, the address by 32 bits only, ones while off (as over qtest)", () => {
  const m = machineOf();
  m.portWrite(0xcf8, 4, 0x8000_0060);
  assertEquals(m.portRead(0xcf8, 4), 0x8000_0060);
  assertEquals(m.portRead(0xcf8, 1), 0x60);
  assertEquals(m.portRead(0xcfe, 2), 0xb000);
  assertEquals(m.portRead(0xcff, 1), 0xb0);
  m.portWrite(0xcff, 1, 0xa0);
  assertEquals(m.portRead(0xcfc, 4), 0xa000_0000);
  m.portWrite(0xcf8, 2, 0);
  m.portWrite(0xcf8, 1, 0);
  assertEquals(m.portRead(0xcf8, 4), 0x8000_0060);
  m.portWrite(0xcf8, 4, 0x60);
  assertEquals(m.portRead(0xcfc, 4), 0xffff_ffff);
  assertEquals(cfgRead(m, 9, 0, 0, 2), 0xffff, "nobody in slot 9");
});

Deno.test("no access over the data port leaves its 32-bit register", () => {
  const m = machineOf();
  m.portWrite(0xcf8, 4, 0x8000_0060);
  assertEquals(m.portRead(0xcff, 4), 0xffff_ffb0);
  m.portWrite(0xcfd, 4, 0x1122_3344);
  assertEquals(m.portRead(0xcfc, 4), 0x2233_4400);
  assertEquals(cfgRead(m, 0, 0, 0x64), 0);
});

Deno.test("q35: ECAM reads 0 before it is enabled, then mirrors mechanism 1", () => {
  const m = machineOf();
  assertEquals(read32(m, 0xb000_0000), FACTS.q35.ecam_before_enable_readl_0xb0000000);
  cfgWrite(m, 0, 0, 0x64, 4, 0);
  cfgWrite(m, 0, 0, 0x60, 4, 0xb000_0001);
  assertEquals(read32(m, 0xb000_0000), 0x29c0_8086);
  assertEquals(read32(m, 0xb000_0000 + (31 << 15)), 0x2918_8086);
  assertEquals(m.mmioRead(physAddr(0xb000_0000 + (31 << 15) + 0x60), 1), 0x80);
  assertEquals(read32(m, 0xb000_0000 + (5 << 15)), 0xffff_ffff);
  assertEquals(read32(m, 0xb000_0100), 0xffff_ffff, "past 256 bytes");
  write32(m, 0xb000_003c, 0xab);
  assertEquals(cfgRead(m, 0, 0, 0x3c), 0xab);
  cfgWrite(m, 0, 0, 0x60, 4, 0xc000_0001);
  assertEquals(read32(m, 0xb000_0000), 0);
  assertEquals(read32(m, 0xc000_0000), 0x29c0_8086);
});

Deno.test("q35: INTA of each slot reaches the pin that was seen over qtest", () => {
  for (const [slot, pin] of Object.entries(FACTS.q35.intx_INTA_slot_to_ioapic_pin)) {
    assertEquals(16 + q35Pirq(Number(slot), 0), pin, `slot ${slot}`);
  }
});

Deno.test("pc: INTA of slot 4 goes to PIRQ D, INTD of slot 1 too", () => {
  assertEquals([pcPirq(4, 0), pcPirq(1, 3), pcPirq(1, 0)], [3, 3, 0]);
});

for (
  const [props, transports, base, line] of [[{}, 24, 0xfec1_0000, 24], [{ acpi: "off" }, 8, 0xfec0_0000, 5], [
    { ioapic2: "off" },
    8,
    0xfec0_0000,
    16,
  ]] as const
) {
  const facts = FACTS.microvm[
    Object.keys(props).length === 0 ? "default" : "acpi" in props ? "acpi=off" : "ioapic2=off (acpi on)"
  ];
  Deno.test(`microvm ${JSON.stringify(props)}: ${transports} virtio-mmio transports from line ${line}`, () => {
    const m = machineOf({ machine: "microvm", machineProps: props });
    let count = 0;
    while (read32(m, 0xfeb0_0000 + count * 0x200) === 0x7472_6976) {
      assertEquals(read32(m, 0xfeb0_0000 + count * 0x200 + 8), 0, "an empty slot has device id 0");
      count++;
    }
    assertEquals(count, transports);
    assertEquals(count, facts.transports);
    assertEquals(m.ioapics.length, base === 0xfec1_0000 ? 2 : 1);
    assertEquals(m.portRead(0xcfc, 4), 0xffff_ffff, "no PCI");
  });
}

Deno.test("RAM splits at 4 GiB as QEMU does", () => {
  assertEquals(lowMemory("q35", 2815 * 2 ** 20), 2815 * 2 ** 20);
  assertEquals(lowMemory("q35", 2816 * 2 ** 20), 2 * GIB);
  assertEquals(lowMemory("microvm", 3 * GIB), 3 * GIB);
  assertEquals(lowMemory("microvm", 5 * GIB), 3 * GIB);
  assertEquals(lowMemory("pc", 3.5 * GIB - 1), 3.5 * GIB - 1);
  assertEquals(lowMemory("pc", 3.5 * GIB), 3 * GIB);
});

Deno.test("the memory map leaves out the hole, whose RAM the guest does not see either", () => {
  const m = machineOf({ memory: 3 * GIB });
  assertEquals(m.memoryMap, [
    { base: 0, length: 0xa_0000, kind: "usable" },
    { base: 0xa_0000, length: 0x6_0000, kind: "reserved" },
    { base: 0x10_0000, length: 2 * GIB - 0x10_0000, kind: "usable" },
    { base: 4 * GIB, length: GIB, kind: "usable" },
  ]);
  write32(m, 0xb_8000, 0x1234);
  assertEquals(read32(m, 0xb_8000), 0);
  write32(m, 4 * GIB + 8, 0x1234);
  assertEquals([read32(m, 4 * GIB + 8), m.ram[1].bytes[8]], [0x1234, 0x34]);
  write32(m, 2 * GIB, 0x1234);
  assertEquals(read32(m, 2 * GIB), 0);
  m.mmioWrite(physAddr(0x2000), 2, 0x1_beef);
  assertEquals([m.ram[0].bytes[0x2000], m.ram[0].bytes[0x2001], m.ram[0].bytes[0x2002]], [0xef, 0xbe, 0]);
});

Deno.test("a gibibyte of RAM is there at once", () => {
  const start = performance.now();
  machineOf({ memory: GIB });
  assertEquals(performance.now() - start < 500, true);
});

Deno.test("machine properties that do not exist, and values that are none, are named with what is possible", () => {
  assertThrows(
    () => machineOf({ machineProps: { foo: "on" } }),
    Error,
    "property 'foo' is not supported (possible: acpi, hpet",
  );
  assertThrows(() => machineOf({ machineProps: { acpi: "maybe" } }), Error, "'acpi': 'maybe'");
  assertThrows(() => machineOf({ machine: "microvm", machineProps: { pcie: "on" } }), Error, "pcie");
});

Deno.test("q35 sata=off and smbus=off take the functions away", () => {
  const m = machineOf({ machineProps: { sata: "off", smbus: "off" } });
  assertEquals([cfgRead(m, 31, 2, 0), cfgRead(m, 31, 3, 0)], [0xffff_ffff, 0xffff_ffff]);
});

Deno.test("accesses are recorded with device and register", () => {
  const trace = recorder();
  const m = machineOf({}, { trace });
  // What the machine consists of comes first.
  assertEquals(trace.events[0].ev, "machine");
  trace.events.length = 0;
  write32(m, 0xfec0_0000, 1);
  read32(m, 0xfec0_0010);
  read32(m, 0xd000_0000);
  cfgRead(m, 0, 0, 0, 2);
  assertEquals(trace.events.filter((e) => e.ev !== "qemu").slice(0, 3), [
    { ev: "mmio_write", addr: 0xfec0_0000, width: 4, value: 1, dev: "ioapic", reg: "IOREGSEL" },
    { ev: "mmio_read", addr: 0xfec0_0010, width: 4, value: 0x17_0020, dev: "ioapic", reg: "VERSION" },
    { ev: "mmio_read", addr: 0xd000_0000, width: 4, value: 0 },
  ]);
  assertEquals(
    trace.events.some((e) =>
      e.ev === "pci_cfg_read" && e.value === 0x8086 && e.width === 2 && e.dev === "mch"
    ),
    true,
  );
  assertEquals(trace.events.at(-1), {
    ev: "port_read",
    port: 0xcfc,
    width: 2,
    value: 0x8086,
    dev: "pci-conf",
    reg: "CONFIG_DATA",
  });
});

Deno.test("QEMU's own trace events in QEMU's words (as -trace printed them)", () => {
  const trace = recorder();
  const m = machineOf({ serial: ["c"], chardevs: [{ backend: "null", id: "c", props: {} }] }, { trace });
  cfgRead(m, 31, 0, 2, 2);
  cfgRead(m, 9, 0, 0);
  cfgWrite(m, 31, 0, 0x61, 1, 5);
  write32(m, 0xfec0_0000, 0x10);
  write32(m, 0xfec0_0010, 0xa031);
  m.portWrite(0x3f8, 1, 0x41);
  m.portRead(0x3fd, 1);
  const lines = trace.events.flatMap((e) => e.ev === "qemu" ? [`${e.name} ${e.text}`] : []);
  assertEquals(lines, [
    "pci_cfg_read ICH9-LPC 00:1f.0 @0x2 -> 0x2918",
    "pci_cfg_write ICH9-LPC 00:1f.0 @0x61 <- 0x5",
    "ioapic_mem_write ioapic mem write addr 0x0 regsel: 0x0 size 0x4 val 0x10",
    "ioapic_mem_write ioapic mem write addr 0x10 regsel: 0x10 size 0x4 val 0xa031",
    "serial_write write addr 0x00 val 0x41",
    "serial_read read addr 0x05 val 0x60",
  ]);
});
