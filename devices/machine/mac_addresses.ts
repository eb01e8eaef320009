/** Six bytes of which QEMU gives out the last: 52:54:00:12:34:56 and up. */
const BASE = [0x52, 0x54, 0x00, 0x12, 0x34];
const FIRST = 0x56, LAST = 0xfe;

/**
 * Addresses of a machine's network cards, as QEMU numbers them (`qemu_macaddr_default_if_unset`): a card without one gets
 * the lowest that no card before it has.
 *
 * ```ts
 * import { MacAddresses } from "./mac_addresses.ts";
 * const macs = new MacAddresses();
 * console.assert(macs.next(undefined)[5] === 0x56 && macs.next(undefined)[5] === 0x57);
 * ```
 */
export class MacAddresses {
  private readonly taken = new Set<number>();

  /** @param given what the command line says; all zeros is nothing. */
  next(given: Uint8Array | undefined): Uint8Array {
    if (given !== undefined && given.some((byte) => byte !== 0)) {
      if (BASE.every((byte, i) => given[i] === byte)) this.taken.add(given[5]);
      return given;
    }
    let last = FIRST;
    while (last < LAST && this.taken.has(last)) last++;
    this.taken.add(last);
    return Uint8Array.of(...BASE, last);
  }
}
