import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../../devices/description/types.ts";
import { deviceCatalog, findDriver } from "../../../devices/virtio/mod.ts";
import { featureNames } from "../../../spec/virtio/features.ts";
import { Rig } from "./_rig.ts";

const refuse = (word: string) => (assertThrows(() => new Rig([word]), UsageError) as Error).message;

Deno.test("the catalog has QEMU's names and aliases", () => {
  assertEquals(deviceCatalog.map((e) => e.driver), [
    "virtio-rng-pci",
    "virtio-rng-pci-transitional",
    "virtio-rng-pci-non-transitional",
    "virtio-rng-device",
    "virtio-serial-pci",
    "virtio-serial-pci-transitional",
    "virtio-serial-pci-non-transitional",
    "virtio-serial-device",
    "virtio-net-pci",
    "virtio-net-pci-transitional",
    "virtio-net-pci-non-transitional",
    "virtio-net-device",
    "virtconsole",
    "virtserialport",
  ]);
  assertEquals(findDriver("virtio-serial")?.driver, "virtio-serial-pci");
  assertEquals(findDriver("virtio-net")?.driver, "virtio-net-pci");
  assertEquals(findDriver("virtio-blk-pci"), undefined);
  for (const e of deviceCatalog) {
    const names = e.properties.map((p) => p.name);
    assertEquals(names.length, new Set(names).size, `${e.driver} lists each property once`);
    for (const p of e.properties) assert(p.help.length > 0);
  }
});

Deno.test("an unknown property is an error that lists what exists", () => {
  const message = refuse("virtio-rng-pci,paked=on");
  assertStringIncludes(message, "virtio-rng-pci: no property paked");
  assertStringIncludes(message, "packed");
});

Deno.test("a bad value is an error that says what is expected", () => {
  assertStringIncludes(refuse("virtio-rng-pci,packed=maybe"), "expected on or off");
  assertStringIncludes(refuse("virtio-rng-pci,addr=20"), "0 to 1f");
  assertStringIncludes(refuse("virtio-rng-pci,period=-1"), "0 to 4294967295");
  assertStringIncludes(refuse("virtio-rng-pci,period=0"), "positive");
  assertStringIncludes(refuse("virtio-rng-pci,max-bytes=9223372036854775808"), "below 2^63");
  assertStringIncludes(refuse("virtio-serial-pci,max_ports=512"), "1 to 511");
  assertStringIncludes(refuse("virtio-serial-pci,x-size=80"), "80x25");
  assertStringIncludes(refuse("virtio-rng-pci,disable-legacy=on,disable-modern=on"), "neither");
  assertStringIncludes(refuse("virtconsole"), "no virtio-serial");
});

Deno.test("what QEMU has and Pagurus has not is said by name", () => {
  assertStringIncludes(refuse("virtio-rng-pci,modern-pio-notify=on"), "is QEMU's, but is not modelled");
  new Rig(["virtio-rng-pci,modern-pio-notify=off,ioeventfd=off,x-pcie-flr-init=off"]);
});

Deno.test("features follow the properties", () => {
  const r = new Rig(["virtio-rng-device,packed=on,event_idx=off,queue_reset=off,in_order=on"]);
  assertEquals(featureNames(r.device.hostFeatures, 4), [
    "NOTIFY_ON_EMPTY",
    "ANY_LAYOUT",
    "INDIRECT_DESC",
    "VERSION_1",
    "RING_PACKED",
    "IN_ORDER",
  ]);
});

Deno.test("transitional and non-transitional drivers", () => {
  assertEquals(new Rig(["virtio-rng-pci-transitional"]).cfg(0), 0x1005_1af4);
  assertEquals(new Rig(["virtio-serial-pci-non-transitional"]).cfg(0), 0x1043_1af4);
  assertStringIncludes(refuse("virtio-rng-pci-transitional,disable-legacy=on"), "no property disable-legacy");
});

Deno.test("addr is a hexadecimal slot and a function", () => {
  const r = new Rig(["virtio-rng-pci,addr=0x1f.7,id=r0"].map((w) => w.replace(",addr=0x1f.7", "")));
  const place = (addr: string) => findDriver("virtio-rng-pci")!.create(r.ctx, { addr }, { name: "a" }).place;
  assertEquals(place("1f.7"), { slot: 31, func: 7 });
  assertEquals(place("06"), { slot: 6, func: 0 });
});
