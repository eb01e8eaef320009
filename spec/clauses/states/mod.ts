import type { States } from "../state.ts";
import { absent } from "./absent.ts";
import { basic } from "./basic.ts";
import { mmio } from "./mmio.ts";
import { netDevice } from "./net_device.ts";
import { netDriver } from "./net_driver.ts";
import { packed } from "./packed.ts";
import { pci } from "./pci.ts";
import { console, rng } from "./small.ts";
import { split } from "./split.ts";

/** The entries of all sections. Headings do not repeat over sections. */
export const STATES: States = {
  ...basic,
  ...split,
  ...packed,
  ...pci,
  ...mmio,
  ...netDevice,
  ...netDriver,
  ...console,
  ...rng,
  ...absent,
};
