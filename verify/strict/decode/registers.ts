import { CommonCfg } from "../../../spec/virtio/pci.ts";
import { MmioReg } from "../../../spec/virtio/mmio.ts";

/** Registers of the common configuration (virtio 1.4, 4.1.4.3) by offset; the upper half of 64 bits is `..._hi`. */
const COMMON = new Map<number, string>();
for (const [name, at] of Object.entries(CommonCfg)) {
  COMMON.set(at, name.toLowerCase());
  if (["QUEUE_DESC", "QUEUE_DRIVER", "QUEUE_DEVICE"].includes(name)) {
    COMMON.set(at + 4, `${name.toLowerCase()}_hi`);
  }
}
/** Control registers of virtio-mmio (virtio 1.4, 4.2.2) by offset. */
const MMIO = new Map<number, string>(Object.entries(MmioReg).map(([name, at]) => [at, name.toLowerCase()]));

/** The register of the common configuration that starts at an offset. */
export const commonRegister = (offset: number): string | undefined => COMMON.get(offset);
/** The register of virtio-mmio that starts at an offset; `config` from 0x100 on. */
export const mmioRegister = (offset: number): string | undefined =>
  offset >= MmioReg.CONFIG ? "config" : MMIO.get(offset);
