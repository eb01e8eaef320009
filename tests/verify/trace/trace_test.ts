import { assert, assertEquals, assertFalse } from "@std/assert";
import { RamDeviceMemory } from "../../../arch/device_memory.ts";
import {
  JsonLinesTrace,
  matchesPatterns,
  QemuLog,
  tee,
  TracedDeviceMemory,
} from "../../../verify/trace/mod.ts";

Deno.test("writes of a driver become lines with time, address, bytes and owner", () => {
  let text = "";
  const trace = new JsonLinesTrace((line) => text += line);
  trace.clock = () => 7;
  const memory = new TracedDeviceMemory(
    new RamDeviceMemory(0x1000, new Uint8Array(64)),
    tee([trace]),
    () => "q0",
  );
  memory.writeU16(4, 0x1234);
  memory.fill(8, 16, 0xa5);
  memory.barrier(1);
  assertEquals(text.split("\n"), [
    '{"t":7,"ev":"mem_write","by":"driver","addr":"0x1004","hex":"3412","area":"q0"}',
    '{"t":7,"ev":"mem_write","by":"driver","addr":"0x1008","hex":"a5","area":"q0","repeat":16}',
    '{"t":7,"ev":"barrier","kind":"smp/write"}',
    "",
  ]);
});

Deno.test("QEMU's patterns: any text for *, the last that fits decides", () => {
  assert(matchesPatterns(["virtio*"], "virtio_notify"));
  assertFalse(matchesPatterns(["virtio*", "-virtio_no*"], "virtio_notify"));
  assertFalse(matchesPatterns(["virtio"], "virtio_notify"));
  let text = "";
  const log = new QemuLog(["virtqueue_*"], (line) => text += line);
  log.emit({ ev: "qemu", name: "virtqueue_flush", text: "vq rng.0 count 1" });
  log.emit({ ev: "qemu", name: "virtio_notify", text: "no" });
  assertEquals(text, "virtqueue_flush vq rng.0 count 1\n");
});

Deno.test("no live sink: tee is off", () => assertFalse(tee([]).on));
