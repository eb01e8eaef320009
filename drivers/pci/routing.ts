import type { Platform } from "../../arch/platform.ts";
import type { PciAddress, PciConfigRegion } from "./config_access.ts";

/** PIIX3, the ISA bridge of QEMU's `pc`, and its registers PIRQRC[A:D] (82371SB, 2.2.5). */
const PIIX3 = { bus: 0, device: 1, function: 0 };
const PIIX3_PIRQRC = 0x60;
/** IRQs of PIRQ A to D as SeaBIOS sets them: 10, 11, 10, 11. Reset leaves them disconnected. */
const PIIX3_ROUTES = 0x0b0a_0b0a;

/** Does what firmware does for INTx and a kernel without firmware finds undone: PIRQ routing of `pc`. */
export function setUpRouting(platform: Platform, config: PciConfigRegion): void {
  if (platform.machine === "pc") config.write(PIIX3, PIIX3_PIRQRC, 4, PIIX3_ROUTES);
}

/**
 * The IOAPIC pin of a function's INTx on bus 0, or undefined where the machine is unknown.
 *
 * q35 (ICH9): slots 0 to 24 use PIRQ E to H, pins 20 to 23, turned by the slot; slots 25 to 31 use PIRQ A to D as their
 * reset values say, except 30, the bridge. pc (PIIX3): PIRQ A to D turned by the slot less one, then {@link setUpRouting}.
 *
 * @param pin 1 (INTA) to 4 (INTD).
 */
export function intxLine(machine: string, address: PciAddress, pin: number): number | undefined {
  const slot = address.device;
  switch (machine) {
    case "q35":
      if (slot < 25) return 20 + (slot + pin - 1) % 4;
      return slot === 30 ? 20 + pin - 1 : 16 + pin - 1;
    case "pc":
      return (PIIX3_ROUTES >>> (8 * ((slot - 1 + pin - 1) & 3))) & 0xff;
    default:
      return undefined;
  }
}
