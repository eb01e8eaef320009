import { Msix, PciCapId } from "../../../../spec/pci.ts";
import { NO_VECTOR } from "../../../../spec/virtio/pci.ts";
import { DeviceStatus as S } from "../../../../spec/virtio/status.ts";
import type { Access, ConfigAccess } from "../../events.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule } from "../../rule.ts";
import { overPci, VECTORS } from "../basic/_clauses.ts";
import { hex, purposeOf } from "../basic/_registers.ts";
import { PerDevice } from "../basic/_state.ts";
import { capabilitiesOf, msixControl } from "./_capabilities.ts";
import { MsixTables } from "./_msix_table.ts";

const CONFIG = -1;
/** Whose vector an access is about: a queue's number, or {@link CONFIG}. */
function ownerOf(a: Access): number | undefined {
  const purpose = purposeOf(a);
  return purpose === "configVector" ? CONFIG : purpose === "queueVector" ? a.device.queueSelect : undefined;
}
const ownerName = (owner: number) => owner === CONFIG ? "configuration changes" : `queue ${owner}`;

/** The table has an end. */
export const MSIX_VECTOR_RANGE: Rule = {
  id: "msix-vector-range",
  clauses: overPci(VECTORS, 4),
  level: "violation",
  section: "virtio 1.4, 4.1.5.1.2.2",
  title: "A vector is an entry of the MSI-X table, or 0xffff for none",
  hint:
    "The number is that of the entry in the device's table (from 0), not the CPU's vector; the table size is in the capability.",
  watch: (scene) => ({
    access(a) {
      const owner = ownerOf(a);
      if (!a.write || owner === undefined || a.value === NO_VECTOR || a.value < a.device.vectors) return;
      scene.report({
        device: a.device,
        queue: owner === CONFIG ? undefined : a.device.queues.get(owner),
        found: `${a.register} was written with ${a.value} for ${ownerName(owner)}`,
        expected: a.device.vectors === 0
          ? "0xffff: the function has no MSI-X"
          : `0 to ${a.device.vectors - 1}, or 0xffff`,
        evidence: [{ what: a.register!, address: a.address, value: hex(a.value) }],
      });
    },
  }),
};

/** The device may have no resources for it. */
export const MSIX_READ_BACK: Rule = {
  id: "msix-read-back",
  clauses: overPci(VECTORS, 5),
  level: "violation",
  section: "virtio 1.4, 4.1.5.1.2.2",
  title: "After a vector was written the driver reads it back: 0xffff says that the device could not take it",
  hint:
    "Read config_msix_vector, queue_msix_vector right after writing them; on 0xffff use fewer vectors, or INTx.",
  watch(scene) {
    const pending = new PerDevice(() => new Map<number, number>());
    const report = (device: DeviceModel, owner: number, value: number, when: string) => {
      pending.of(device).delete(owner);
      scene.report({
        device,
        queue: owner === CONFIG ? undefined : device.queues.get(owner),
        found: `vector ${value} was written for ${ownerName(owner)} and not read back before ${when}`,
        expected: `${
          owner === CONFIG ? "config_msix_vector" : "queue_msix_vector"
        } read after it was written`,
        evidence: [{ what: "vector written", value: hex(value) }],
      });
    };
    return {
      access(a) {
        const owner = ownerOf(a);
        if (owner !== undefined) {
          if (a.write && a.value !== NO_VECTOR) pending.of(a.device).set(owner, a.value);
          else pending.of(a.device).delete(owner);
          return;
        }
        if (purposeOf(a) !== "queueEnable" || !a.write || a.value !== 1) return;
        const value = pending.of(a.device).get(a.device.queueSelect);
        if (value !== undefined) report(a.device, a.device.queueSelect, value, "the queue was enabled");
      },
      driverOk(device) {
        for (const [owner, value] of pending.of(device)) report(device, owner, value, "DRIVER_OK");
      },
      reset: (device) => pending.clear(device),
    };
  },
};

/** The vectors in use: of configuration changes, and of enabled queues. */
function* vectorsOf(device: DeviceModel): Generator<[owner: number, vector: number]> {
  if (device.configVector !== NO_VECTOR) yield [CONFIG, device.configVector];
  for (const q of device.queues.values()) if (q.enabled && q.vector !== NO_VECTOR) yield [q.index, q.vector];
}

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

/** A masked entry stays silent. */
export const MSIX_UNMASKED: Rule = {
  id: "msix-unmasked",
  clauses: [],
  level: "violation",
  section: "PCI 3.0, 6.8.2",
  title: "The MSI-X entry of a vector that is in use is unmasked, and so is the function",
  hint:
    "After power on all entries are masked: write 0 to the entry's vector control, and clear the function mask.",
  watch(scene) {
    const tables = new MsixTables();
    const opened = new PerDevice(() => ({ function: false }));
    const look = (device: DeviceModel, when: string) => {
      if (!device.live || !device.msixEnabled || device.legacy) return;
      for (const [owner, vector] of vectorsOf(device)) {
        const entryMasked = !tables.entry(device, vector).everOpen;
        // Who masks for a while has unmasked before.
        if (!entryMasked && opened.of(device).function) continue;
        scene.report({
          device,
          queue: owner === CONFIG ? undefined : device.queues.get(owner),
          found: entryMasked
            ? `${when}, and MSI-X entry ${vector} of ${ownerName(owner)} was never unmasked`
            : `${when}, and the MSI-X function mask was never cleared`,
          expected: entryMasked
            ? "0 written to the entry's vector control"
            : "bit 14 of Message Control cleared",
          evidence: [{ what: "vector", value: `${vector}` }],
        });
        return;
      }
    };
    return {
      access(a) {
        tables.access(a);
        if (purposeOf(a) === "status" && a.write && a.value === 0) {
          look(a.device, "the device was live and is reset");
        }
      },
      config(a) {
        const fn = scene.machine.functions.get(a.bdf);
        if (!a.write || a.device === undefined || fn === undefined) return;
        const control = writtenControl(fn.config, a);
        if (control !== undefined && (control & (Msix.ENABLE | Msix.FUNCTION_MASK)) === Msix.ENABLE) {
          opened.of(a.device).function = true;
        }
      },
      idle: () => scene.machine.devices.forEach((device) => look(device, "the CPU waits")),
    };
  },
};

/** Message Control as an access writes it, if it does. */
function writtenControl(config: Uint8Array, a: ConfigAccess): number | undefined {
  const cap = capabilitiesOf(config).find((c) => c.id === PciCapId.MSIX);
  if (cap === undefined) return undefined;
  const shift = cap.at + Msix.CONTROL - a.offset;
  return shift >= 0 && shift + 2 <= a.width ? Math.floor(a.value / 2 ** (8 * shift)) & 0xffff : undefined;
}

function controlOf(config: Uint8Array | undefined): { enabled: boolean; masked: boolean } {
  return (config && msixControl(config)) ?? { enabled: false, masked: true };
}

/** The status register belongs to the line. */
export const MSIX_ISR_READ: Rule = {
  id: "msix-isr-read",
  clauses: overPci("PCI Device Layout / ISR status capability", 1),
  level: "warning",
  section: "virtio 1.4, 4.1.4.5.2",
  title: "With MSI-X enabled the driver does not read the ISR status when a queue interrupts",
  hint: "The vector says what happened; the ISR register is for INTx, and for configuration changes.",
  watch(scene) {
    const tables = new MsixTables();
    let last = -1;
    return {
      interrupt: (vector) => void (last = vector),
      idle: () => void (last = -1),
      access(a) {
        tables.access(a);
        if (a.space !== "isr" || a.write || !a.device.live || !a.device.msixEnabled || last < 0) return;
        const dataOf = (vector: number) => (tables.entry(a.device, vector).data ?? -1) & 0xff;
        const queues = [...vectorsOf(a.device)].filter(([owner, v]) =>
          owner !== CONFIG && dataOf(v) === last
        );
        const config = a.device.configVector !== NO_VECTOR && dataOf(a.device.configVector) === last;
        if (queues.length === 0 || config) return;
        scene.report({
          device: a.device,
          queue: a.device.queues.get(queues[0][0]),
          found: `the ISR status was read (${hex(a.value)}) after the message of ${
            ownerName(queues[0][0])
          } (vector ${last})`,
          expected: "no read: the vector names the queue",
          evidence: [{ what: "isr", address: a.address, value: hex(a.value) }],
        });
      },
    };
  },
};
