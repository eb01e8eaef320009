import { PciCfg, PciCommand } from "../../../../spec/pci.ts";
import type { ConfigAccess } from "../../events.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { FunctionModel } from "../../model/machine.ts";
import type { Rule } from "../../rule.ts";
import { hex } from "../basic/_registers.ts";
import { barAddress, commandOf, virtioCapabilities } from "./_capabilities.ts";

const BARS = { first: PciCfg.BAR0, end: PciCfg.BAR0 + 6 * 4 };
const ORDINARY = 0;

/** What of COMMAND decodes a BAR: ports or memory. */
function decoder(config: Uint8Array, bar: number): number {
  return (config[PciCfg.BAR0 + 4 * bar] & 1) !== 0 ? PciCommand.IO : PciCommand.MEMORY;
}

/** A BAR that moves while it is decoded answers where it should not. */
export const BAR_WHILE_DECODING: Rule = {
  id: "pci-bar-while-decoding",
  clauses: [],
  level: "violation",
  section: "PCI 3.0, 6.2.5.1",
  title: "A base address register is written, to size or to place it, while its decoding is off in COMMAND",
  hint:
    "Clear the memory and I/O bits of COMMAND, write all ones, read the size, write the address back, set the bits.",
  watch: (scene) => ({
    config(a: ConfigAccess) {
      const fn = scene.machine.functions.get(a.bdf);
      if (!a.write || fn === undefined || (fn.config[PciCfg.HEADER_TYPE] & 0x7f) !== ORDINARY) return;
      if (a.offset < BARS.first || a.offset >= BARS.end) return;
      const bar = (a.offset - BARS.first) >> 2;
      const command = commandOf(fn.config);
      if ((command & decoder(fn.config, bar)) === 0 || a.value === held(fn, a)) return;
      scene.report({
        device: a.device,
        found: `BAR${bar} of ${a.bdf} (${fn.name}) was written with ${hex(a.value)} while COMMAND is ${
          hex(command)
        }`,
        expected: `bit ${
          command & decoder(fn.config, bar)
        } of COMMAND clear: the function decodes the address it is given`,
        evidence: [
          { what: `COMMAND of ${a.bdf}`, value: hex(command) },
          { what: `BAR${bar} before`, value: hex(held(fn, a)) },
          { what: `BAR${bar} written`, value: hex(a.value) },
        ],
      });
    },
  }),
};

/** What stands where an access goes. */
function held(fn: FunctionModel, a: ConfigAccess): number {
  let value = 0;
  for (let i = a.width - 1; i >= 0; i--) value = value * 256 + (fn.config[a.offset + i] ?? 0);
  return value;
}

/** A device that may not reach memory does nothing. */
export const BUS_MASTER: Rule = {
  id: "pci-bus-master",
  clauses: [],
  level: "violation",
  section: "PCI 3.0, 6.2.2",
  title:
    "A virtio function is bus master as long as it is live: rings, buffers and messages are accesses of the device",
  hint: "Set bit 2 of COMMAND before DRIVER_OK, and clear it only after the device was reset.",
  watch(scene) {
    const mastering = (device: DeviceModel) => {
      const fn = scene.machine.functions.get(device.place);
      return fn === undefined || (commandOf(fn.config) & PciCommand.BUS_MASTER) !== 0;
    };
    return {
      driverOk(device) {
        if (device.transport !== "pci" || device.legacy || mastering(device)) return;
        const command = commandOf(scene.machine.functions.get(device.place)!.config);
        scene.report({
          device,
          found: `DRIVER_OK was written while COMMAND is ${hex(command)}: the function is no bus master`,
          expected: "bit 2 (bus master) of COMMAND set",
          evidence: [{ what: `COMMAND of ${device.place}`, value: hex(command) }],
        });
      },
      config(a) {
        const { device } = a;
        if (!a.write || device === undefined || !device.live || device.legacy || !mastering(device)) return;
        if (a.offset !== PciCfg.COMMAND || (a.value & PciCommand.BUS_MASTER) !== 0) return;
        scene.report({
          device,
          found: `COMMAND was written with ${
            hex(a.value)
          }: the function is no bus master any more, and the device is live`,
          expected: "the device reset first",
          evidence: [{ what: `COMMAND of ${a.bdf}`, value: hex(a.value) }],
        });
      },
    };
  },
};

/** Without decoding nobody answers. */
export const MEMORY_DECODING: Rule = {
  id: "pci-memory-decoding",
  clauses: [],
  level: "violation",
  section: "PCI 3.0, 6.2.2",
  title: "The registers of a function are accessed while it decodes memory",
  hint: "Set bit 1 of COMMAND when the BARs have their addresses; until then the device does not answer.",
  watch: (scene) => ({
    foreign(a) {
      if (a.ports) return;
      for (const fn of scene.machine.functions.values()) {
        if ((commandOf(fn.config) & PciCommand.MEMORY) !== 0) continue;
        const cap = virtioCapabilities(fn.config).find((c) => {
          const base = c.bar < 6 ? barAddress(fn.config, c.bar) : 0;
          return base !== 0 && a.address >= base + c.offset && a.address < base + c.offset + c.length;
        });
        if (cap === undefined) continue;
        scene.report({
          device: scene.machine.devices.find((d) => d.place === fn.bdf),
          found:
            `${a.write ? "a write" : "a read"} at ${
              hex(a.address)
            }, which is in BAR${cap.bar} of ${fn.bdf}, ` +
            `while COMMAND is ${hex(commandOf(fn.config))}`,
          expected: "bit 1 (memory) of COMMAND set",
          evidence: [
            { what: `COMMAND of ${fn.bdf}`, value: hex(commandOf(fn.config)) },
            { what: `BAR${cap.bar}`, value: hex(barAddress(fn.config, cap.bar)) },
          ],
        });
        return;
      }
    },
  }),
};
