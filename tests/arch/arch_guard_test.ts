import { assertEquals } from "@std/assert";
import { physAddr, virtAddr } from "../../arch/addresses.ts";
import { RamDeviceMemory } from "../../arch/device_memory.ts";
import { Interrupts } from "../../arch/interrupts.ts";
import { PageFlag, PageSize, PageTables } from "../../arch/paging.ts";
import { FrameAlloc } from "../../mm/physicalmem.ts";
import { FakePlatform } from "../support/fake_platform.ts";

Deno.test("a shared line: a handler that claims does not keep the others from being asked", () => {
  const platform = new FakePlatform(0x20_0000);
  for (let line = 0; line < 24; line++) platform.setLine(line, true);
  const interrupts = new Interrupts(platform);
  interrupts.init();
  const asked: string[] = [];
  const intx = { trigger: "level", polarity: "low" } as const;
  interrupts.installLine(10, intx, "a", () => {
    asked.push("a");
    platform.setLine(10, true);
  });
  interrupts.installLine(10, intx, "b", () => void asked.push("b"));
  platform.setLine(10, false);
  assertEquals(interrupts.poll(), 1);
  assertEquals(asked, ["a", "b"]);
});

Deno.test("a user page below tables made for the kernel: every level allows users (Intel SDM 3A, 4.6)", () => {
  const bytes = 0x20_0000;
  const frames = new FrameAlloc([{ base: 0, length: bytes, kind: "usable" }]);
  const tables = new PageTables(new RamDeviceMemory(0, new Uint8Array(bytes)), frames);
  tables.map(virtAddr(0x40_0000), physAddr(0x1000), PageSize.Base, PageFlag.Writable);
  tables.map(virtAddr(0x40_1000), physAddr(0x2000), PageSize.Base, PageFlag.Writable | PageFlag.User);
  const users = (at: number) => tables.walk(virtAddr(at)).map((s) => s.flags.includes("USER"));
  assertEquals(users(0x40_1000), [true, true, true, true]);
  assertEquals(users(0x40_0000), [true, true, true, false]);
});
