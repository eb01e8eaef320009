import { type ConfigField, configFields, configFieldsAt } from "../../../../spec/virtio/config_fields.ts";
import type { Access } from "../../events.ts";
import type { Rule } from "../../rule.ts";
import { facility, MMIO_LAYOUT, overMmio, overPci } from "./_clauses.ts";
import { names, OfferedSeen } from "./_features.ts";
import { bytes, configOffset, hex, purposeOf } from "./_registers.ts";

/** Fields come and go with features. */
export const CONFIG_FIELD_OFFERED: Rule = {
  id: "config-field-offered",
  clauses: facility("Device Configuration Space", 3),
  level: "violation",
  section: "virtio 1.4, 2.5.1",
  title:
    "A field of the configuration that depends on a feature is accessed only if the device offers the feature",
  hint: "Read the offered features first and ask for the bit before the field is touched.",
  watch(scene) {
    const seen = new OfferedSeen();
    return {
      access(a) {
        seen.access(a);
        const { device } = a;
        if (purposeOf(a) !== "config" || device.legacy) return;
        const at = configOffset(a);
        for (const field of configFieldsAt(device.virtioId, at, a.width)) {
          if (field.features === 0n || field.always || (seen.set(device) & field.features) !== 0n) continue;
          const known = seen.knows(device, field.features);
          scene.report({
            device,
            found:
              `${a.write ? "a write to" : "a read of"} ${field.name} (${bytes(a.width)} at ${
                hex(at)
              }), but ` +
              (known
                ? `the device does not offer ${names(field.features, device)}`
                : `the offered features were not read before`),
            expected: `${names(field.features, device).replace(/, /g, " or ")} offered, and seen as offered`,
            evidence: [
              { what: field.name, address: a.address, value: hex(a.value) },
              { what: "features offered", value: `${names(seen.set(device), device)}` },
            ],
          });
          return;
        }
      },
    };
  },
};

/** What is wrong with the width of an access to the configuration, or undefined. */
function wrongWidth(a: Access, fields: readonly ConfigField[]): string | undefined {
  const at = configOffset(a);
  const field = fields.find((f) => at >= f.offset && at < f.offset + f.width);
  if (field === undefined) {
    const beside = fields.find((f) => f.offset > at && f.offset < at + a.width);
    return beside &&
      `one of 1 to ${beside.offset - at} bytes: ${beside.name} begins at ${hex(beside.offset)}`;
  }
  // Six bytes of an address are bytes; eight of a number are two halves.
  const part = field.width === 1 || field.width === 2 || field.width === 4
    ? field.width
    : field.width % 4 === 0
    ? 4
    : 1;
  if (a.width === part && (at - field.offset) % part === 0) return undefined;
  return `${field.name} (${bytes(field.width)} at ${hex(field.offset)}) accessed ${bytes(part)} at a time`;
}

/** Each field at its width. */
export const CONFIG_WIDTH: Rule = {
  id: "config-access-width",
  clauses: [...overPci("PCI Device Layout", 1), ...overMmio(MMIO_LAYOUT, 5)],
  level: "violation",
  section: "virtio 1.4, 4.1.3.1, 4.2.2.2",
  title:
    "A field of the configuration is accessed at its own width, aligned; arrays byte by byte, 64 bits as two halves",
  hint:
    "Read a u16 field with a 16-bit load, a byte array (mac) with 8-bit loads; not several fields with one load.",
  watch: (scene) => ({
    access(a) {
      const fields = configFields(a.device.virtioId);
      if (purposeOf(a) !== "config" || fields === undefined || a.device.legacy) return;
      const expected = wrongWidth(a, fields);
      if (expected === undefined) return;
      const at = configOffset(a);
      scene.report({
        device: a.device,
        found: `${a.write ? "a write" : "a read"} of ${bytes(a.width)} at ${hex(at)} of the configuration`,
        expected,
        evidence: [{ what: `configuration at ${hex(at)}`, address: a.address, value: hex(a.value) }],
      });
    },
  }),
};
