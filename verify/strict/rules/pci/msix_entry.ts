import { Msix } from "../../../../spec/pci.ts";
import { DeviceStatus as S } from "../../../../spec/virtio/status.ts";
import type { Rule } from "../../rule.ts";
import { hex } from "../basic/_registers.ts";
import { msixControl } from "./_capabilities.ts";
import { MsixTables } from "./_msix_table.ts";
import { CONFIG, controlOf, ownerName, vectorsOf } from "./_vectors.ts";

/** A message needs an address. */
export const MSIX_ENTRY_FILLED: Rule = {
  id: "msix-entry-filled",
  clauses: [],
  level: "violation",
  section: "PCI 3.0, 6.8.2",
  title: "The MSI-X entry of a vector that is in use has address and data, and MSI-X is enabled",
  hint:
    "Write address and data of the table entry before DRIVER_OK, and set the enable bit of Message Control.",
  watch(scene) {
    const tables = new MsixTables();
    return {
      access: (a) => tables.access(a),
      driverOk(device) {
        const control = controlOf(scene.machine.functions.get(device.place)?.config);
        for (const [owner, vector] of vectorsOf(device)) {
          const entry = tables.entry(device, vector);
          const missing = entry.address === undefined
            ? "address"
            : entry.data === undefined
            ? "data"
            : undefined;
          if (missing === undefined && control.enabled) continue;
          scene.report({
            device,
            queue: owner === CONFIG ? undefined : device.queues.get(owner),
            found: missing !== undefined
              ? `${
                ownerName(owner)
              } has vector ${vector}, and the ${missing} of that MSI-X entry was never written`
              : `${ownerName(owner)} has vector ${vector}, and MSI-X is not enabled`,
            expected: missing !== undefined
              ? `entry ${vector} of the table filled before DRIVER_OK`
              : "bit 15 of Message Control set before DRIVER_OK",
            evidence: [{ what: "status", value: hex(device.status | S.DRIVER_OK) }],
          });
          return;
        }
      },
    };
  },
};

/** Where the local APICs hear messages (Intel SDM 3A, 10.11.1). */
const MESSAGES = { start: 0xfee0_0000, end: 0xfef0_0000 };
/** The vectors below are the CPU's own. */
const FIRST_VECTOR = 16;

/** A message must arrive. */
export const MSIX_MESSAGE: Rule = {
  id: "msix-message",
  clauses: [],
  level: "violation",
  section: "PCI 3.0, 6.8.2",
  title:
    "The message of an MSI-X entry that is in use goes to the interrupt controller, with a vector that it takes",
  hint: "On x86 the address is 0xfee00000 (and the CPU's id), the data is the CPU's vector, 16 at least.",
  watch(scene) {
    const tables = new MsixTables();
    return {
      access: (a) => tables.access(a),
      driverOk(device) {
        // Where a real QEMU has no CPU messages are fetched from memory.
        if (scene.machine.platform === "qemu" || !device.msixEnabled) return;
        for (const [owner, vector] of vectorsOf(device)) {
          const { address, data } = tables.entry(device, vector);
          if (address === undefined || data === undefined) continue;
          const arrives = address >= MESSAGES.start && address < MESSAGES.end;
          if (arrives && (data & 0xff) >= FIRST_VECTOR) continue;
          scene.report({
            device,
            queue: owner === CONFIG ? undefined : device.queues.get(owner),
            found: `MSI-X entry ${vector} of ${ownerName(owner)} sends ${hex(data)} to ${hex(address)}`,
            expected: arrives ? "a vector of 16 at least" : "an address from 0xfee00000 to 0xfeefffff",
            evidence: [{
              what: `MSI-X entry ${vector}`,
              value: `address ${hex(address)}, data ${hex(data)}`,
            }],
          });
          return;
        }
      },
    };
  },
};

/** A message half old and half new goes nowhere good. */
export const MSIX_ENTRY_MASKED: Rule = {
  id: "msix-entry-masked",
  clauses: [],
  level: "violation",
  section: "PCI 3.0, 6.8.3.5",
  title: "Address and data of an MSI-X entry are changed while the entry, or the function, is masked",
  hint: "Set bit 0 of the entry's vector control, write address and data, clear the bit.",
  watch(scene) {
    const tables = new MsixTables();
    return {
      access(a) {
        const index = Math.floor(a.offset / Msix.ENTRY_SIZE);
        const field = a.offset % Msix.ENTRY_SIZE;
        const open = a.space === "msix" && !tables.entry(a.device, index).masked;
        tables.access(a);
        if (!open || !a.write || field >= 12 || !a.device.msixEnabled) return;
        const config = scene.machine.functions.get(a.device.place)?.config;
        if (config === undefined || msixControl(config)?.masked !== false) return;
        scene.report({
          device: a.device,
          found:
            `the ${field < 8 ? "address" : "data"} of MSI-X entry ${index} was written with ${
              hex(a.value)
            } while ` +
            "the entry was not masked",
          expected: "bit 0 of the entry's vector control set",
          evidence: [{ what: `MSI-X entry ${index} + ${field}`, address: a.address, value: hex(a.value) }],
        });
      },
    };
  },
};
