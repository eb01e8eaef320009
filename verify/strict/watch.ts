import type { DeviceMemory } from "../../arch/device_memory.ts";
import type { DeviceAlloc } from "../../mm/device_alloc.ts";
import type { Strict } from "./engine.ts";
import { WatchedDeviceMemory } from "./memory.ts";

/** What a boot is told so that a strict machine sees all: the part of `BootOptions` that it needs. */
export interface WatchedBoot {
  readonly deviceMemory: (base: number, bytes: Uint8Array<ArrayBufferLike>) => DeviceMemory;
  readonly onDeviceAlloc: (alloc: DeviceAlloc) => void;
  /** Tasks that nobody woke are looked for. Not on a real machine, where an interrupt may be under way at any time. */
  readonly auditTasks: boolean;
}

/**
 * Puts a strict machine between a kernel and its device memory: hand the result to `boot`. The machine itself reports to
 * `strict` as its trace sink.
 *
 * @param inner makes the memory that is watched.
 */
export function watchBoot(
  strict: Strict,
  inner: WatchedBoot["deviceMemory"],
  onDeviceAlloc: WatchedBoot["onDeviceAlloc"] = () => {},
): WatchedBoot {
  return {
    auditTasks: strict.model.platform === "simulated",
    deviceMemory: (base, bytes) => {
      const memory = inner(base, bytes);
      strict.looksThrough(memory);
      return new WatchedDeviceMemory(memory, strict);
    },
    onDeviceAlloc: (alloc) => {
      alloc.watcher = strict;
      onDeviceAlloc(alloc);
    },
  };
}
