/** Virtio device ids (virtio 1.4, 5). */
export const VirtioId = {
  Reserved: 0,
  Net: 1,
  Block: 2,
  Console: 3,
  Rng: 4,
  Balloon: 5,
  Scsi: 8,
  Gpu: 16,
  Input: 18,
  Vsock: 19,
  Crypto: 20,
  Iommu: 23,
  Fs: 26,
} as const;

const NAMES = new Map<number, string>(Object.entries(VirtioId).map(([name, id]) => [id, name]));

/**
 * The name of a device id, or `Unknown(n)`.
 *
 * ```ts
 * import { virtioIdName } from "./ids.ts";
 * console.assert(virtioIdName(4) === "Rng");
 * ```
 */
export function virtioIdName(id: number): string {
  return NAMES.get(id) ?? `Unknown(${id})`;
}
