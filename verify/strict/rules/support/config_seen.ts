import { MmioReg } from "../../../../spec/virtio/mmio.ts";
import type { Access } from "../../events.ts";
import type { DeviceModel } from "../../model/device.ts";

/** Where in the device configuration an access is; undefined if it is elsewhere. */
export function configOffset(access: Access): number | undefined {
  if (access.space === "config") return access.offset;
  if (access.space === "mmio" && access.offset >= MmioReg.CONFIG) return access.offset - MmioReg.CONFIG;
  return undefined;
}

/** The bytes of device configurations as drivers read them last. A reset changes nothing: what was read is known. */
export class ConfigSeen {
  private readonly bytes = new Map<DeviceModel, Map<number, number>>();

  access(access: Access): void {
    const offset = configOffset(access);
    if (offset === undefined || access.write) return;
    let seen = this.bytes.get(access.device);
    if (seen === undefined) this.bytes.set(access.device, seen = new Map());
    for (let i = 0; i < access.width; i++) {
      seen.set(offset + i, Math.floor(access.value / 2 ** (8 * i)) & 0xff);
    }
  }

  /** `length` bytes from `offset`; undefined unless all of them were read. */
  read(device: DeviceModel, offset: number, length: number): Uint8Array | undefined {
    const seen = this.bytes.get(device);
    if (seen === undefined) return undefined;
    const found = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      const byte = seen.get(offset + i);
      if (byte === undefined) return undefined;
      found[i] = byte;
    }
    return found;
  }
  u16(device: DeviceModel, offset: number): number | undefined {
    const bytes = this.read(device, offset, 2);
    return bytes && (bytes[0] | bytes[1] << 8);
  }
}
