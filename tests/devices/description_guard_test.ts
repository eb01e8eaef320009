import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../devices/description/mod.ts";
import { formatSize, parseMemory, parseSize } from "../../devices/description/sizes.ts";

Deno.test("sizes are QEMU's: binary factors, megabytes for -m without a suffix, RAM in multiples of 8 KiB", () => {
  const sizes = ["1b", "1k", "1K", "1M", "1g", "1T", "0x10"].map((s) => parseSize("x", s));
  assertEquals(sizes, [1, 1024, 1024, 1024 ** 2, 1024 ** 3, 1024 ** 4, 16]);
  assertEquals(parseMemory("-m", "64"), 64 * 1024 ** 2);
  assertEquals(parseMemory("-m", "2.5"), 2.5 * 1024 ** 2);
  // 2049 KiB are 256.125 times 8192 bytes.
  assertEquals(parseMemory("-m", "2049k"), 257 * 8192);
  assertEquals(parseMemory("-m", "0"), 128 * 1024 ** 2);
  assertThrows(() => parseMemory("-m", "1"), UsageError);
  assertThrows(() => parseMemory("-m", "3G"), UsageError);
  assertThrows(() => parseSize("-m", "64MB"), UsageError, "64MB");
  assertEquals([64 << 20, 1 << 30, 4096, 5].map(formatSize), ["64M", "1G", "4K", "5b"]);
});
