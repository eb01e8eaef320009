import { type DeviceAlloc, type DeviceBuffer, PAGE_SIZE } from "../../mm/device_alloc.ts";

/**
 * Tells whose device memory an address is (`virtio-rng queue 0 desc`), for {@link TracedDeviceMemory}. Memory is given out
 * in whole pages, so what a page was found to be holds as long as that piece is allocated.
 */
export class Owners {
  /** Set when the kernel has made its allocator (`BootOptions.onDeviceAlloc`). */
  alloc: DeviceAlloc | undefined;
  private readonly known = new Map<number, DeviceBuffer>();

  readonly at = (phys: number): string | undefined => {
    const { alloc } = this;
    if (alloc === undefined) return undefined;
    const page = Math.floor(phys / PAGE_SIZE);
    let buffer = this.known.get(page);
    if (buffer === undefined || !alloc.isLive(buffer)) {
      buffer = alloc.live().find((b) => phys >= b.phys && phys < b.phys + b.length);
      if (buffer === undefined) return undefined;
      this.known.set(page, buffer);
    }
    return phys < buffer.phys + buffer.length ? buffer.owner : undefined;
  };
}
