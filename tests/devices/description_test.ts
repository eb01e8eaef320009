import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  describe,
  type MachineDescription,
  parseDescription,
  UsageError,
} from "../../devices/description.ts";

const split = (line: string) => line.split(" ").filter((w) => w !== "");
const COMMON =
  "-display none -serial stdio -smp 1 -m 1024M -global virtio-mmio.force-legacy=off -device isa-debug-exit,iobase=0xf4,iosize=0x04 ";
const MICROVM =
  "-M microvm,x-option-roms=off,pit=off,pic=off,rtc=on,auto-kernel-cmdline=off,acpi=off -nodefaults -no-user-config ";
const CONSOLE =
  "-display none -smp 1 -m 1024M -global virtio-mmio.force-legacy=off -device isa-debug-exit,iobase=0xf4,iosize=0x04 " +
  "-chardev stdio,id=char0,mux=on -serial chardev:char0 ";

/** What the machine is; messages apart. */
const machineOf = ({ ignored: _, ...desc }: MachineDescription) => desc;

Deno.test("the rng and console rows of Hermit's CI are read, and written back the same", () => {
  const rows = [
    COMMON + "-device virtio-rng-pci,disable-legacy=on",
    "-machine q35 " + COMMON + "-device virtio-rng-pci,disable-legacy=on",
    MICROVM + COMMON + "-device virtio-rng-device",
    CONSOLE + "-device virtio-serial-pci,disable-legacy=on -device virtconsole,chardev=char0",
    MICROVM + CONSOLE + "-device virtio-serial-device -device virtconsole,chardev=char0",
  ];
  for (const row of rows) {
    const desc = parseDescription(split(row));
    assertEquals(desc.memory, 1 << 30);
    assertEquals(desc.serial.length, 1);
    assertEquals(desc.devices[0], {
      driver: "isa-debug-exit",
      props: { iobase: "0xf4", iosize: "0x04" },
      index: 0,
    });
    assertEquals(machineOf(parseDescription(describe(desc))), machineOf(desc));
  }
});

Deno.test("rows for devices that are missing are refused by the device's name", () => {
  const rows = {
    "vhost-user-fs-pci": "-chardev socket,id=char0,path=./v -device vhost-user-fs-pci,chardev=char0,tag=root",
    "vhost-vsock-pci": "-device vhost-vsock-pci,disable-legacy=on,guest-cid=3",
  };
  for (const [device, row] of Object.entries(rows)) {
    const error = assertThrows(() => parseDescription(split(COMMON + row)), UsageError);
    assertStringIncludes(error.message, `device '${device}' is not modelled yet`);
  }
});

Deno.test("every mistake is named, with what is possible", () => {
  const mistakes: [string, string][] = [
    ["-machin q35", "did you mean 'machine'?"],
    ["-machine q36", "possible: q35, pc, microvm"],
    ["-m", "requires a value"],
    ["-m 3x", "'3x' is not a size"],
    ["-m 64MB", "'64MB' is not a size"],
    ["-m 3G", "from 2M to 2G"],
    ["-m 64M,slots=2", "unknown property 'slots'"],
    ["-smp 2", "one CPU"],
    ["-device virtio-rgn-pci", "did you mean 'virtio-rng-pci'?"],
    ["-device virtio-rng-pci,packd=on", "did you mean 'packed'?"],
    ["-device virtio-rng-pci,packed=maybe", "packed=maybe"],
    ["-device virtio-rng-pci,rng=zz", "Device 'zz' not found"],
    ["-device virtio-rng-pci,id=x -device virtio-rng-pci,id=x", "Duplicate ID 'x' for device"],
    ["-chardev null", "no id specified"],
    ["-chardev null,id=1a", "'1a' is not an id"],
    ["-chardev foo,id=a", "'foo' is not a valid char driver name"],
    ["-chardev null,id=a -chardev null,id=a", "Duplicate ID 'a' for chardev"],
    ["-chardev stdio,id=a -serial stdio", "cannot use stdio by multiple"],
    ["-chardev file,id=a", "no filename"],
    ["-serial chardev:zz", "no chardev 'zz'"],
    ["-chardev null,id=c -serial chardev:c -serial chardev:c", "'c' is in use"],
    ["-object qtest,id=a", "'qtest' is not supported"],
    ["-global virtio-mmio.force-legcy=off", "did you mean 'force-legacy'?"],
    ["-global foo", "driver.property=value"],
    ["-trace help", "pattern of QEMU's event names"],
    ["-drive file=x", "not supported"],
    ["-nographic=1", "takes no value"],
    ["disk.img", "'disk.img'"],
  ];
  for (const [line, part] of mistakes) {
    const error = assertThrows(() => parseDescription(split(line)), UsageError);
    assertStringIncludes(error.message, part, line);
  }
});

Deno.test("one dash, two dashes, an equals sign, a leading --, and ,, for a comma", () => {
  const desc = parseDescription([
    "--",
    "--machine=q35",
    "-m=64M",
    "--append",
    "-- a,b",
    "-chardev",
    "file,id=f,path=a,,b",
  ]);
  assertEquals([desc.machine, desc.memory, desc.append], ["q35", 64 << 20, "-- a,b"]);
  assertEquals(desc.chardevs[0].props.path, "a,b");
  assertEquals(machineOf(parseDescription(describe(desc))), machineOf(desc));
});

Deno.test("without -serial, COM1 has standard input and output unless something else does", () => {
  assertEquals(parseDescription([]).serial, ["serial0"]);
  assertEquals(parseDescription(["-chardev", "stdio,id=c"]).serial, []);
  assertEquals(parseDescription(["-nodefaults"]).serial, []);
  assertEquals(parseDescription(["-nographic"]).chardevs[0].props, { mux: "on", signal: "off" });
  assert(parseDescription(["-cpu", "host"]).ignored[0].startsWith("-cpu host"));
});
