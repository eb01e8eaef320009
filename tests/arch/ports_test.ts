import { assertEquals, assertThrows } from "@std/assert";
import { PortError, Ports } from "../../arch/ports.ts";
import { FakePlatform } from "../support/fake_platform.ts";

Deno.test("ports are offsets from the first, and the run has an end", () => {
  const platform = new FakePlatform();
  const com1 = new Ports(platform, 0x3f8, 8, "COM1");
  com1.write(0, 0x41);
  assertEquals(platform.ports.get(0x3f8), 0x41);
  assertEquals(com1.read(0), 0x41);
  assertEquals(com1.read(5), 0xff);
  assertThrows(() => com1.read(8), PortError, "COM1: access of 1 at port offset 0x8");
  assertThrows(() => com1.write(6, 0, 4), PortError);
  assertThrows(() => new Ports(platform, 0xffff, 2, "x"), PortError, "0xffff+2");
});
