import { MMIO_MAGIC, MMIO_VERSION, MmioReg as R } from "../../../../spec/virtio/mmio.ts";
import { DeviceStatus as S } from "../../../../spec/virtio/status.ts";
import type { Access } from "../../events.ts";
import type { Rule, Scene } from "../../rule.ts";
import { MMIO_INIT, MMIO_LAYOUT, overMmio } from "../basic/_clauses.ts";
import { hex, nameOf } from "../basic/_registers.ts";
import { PerDevice } from "../basic/_state.ts";

/** What a driver has read of a window, by offset. */
class Probe {
  readonly read = new Map<number, number>();
  told = false;
}

function report(scene: Scene, a: Access, probe: Probe, found: string, expected: string): void {
  if (probe.told) return;
  probe.told = true;
  scene.report({
    device: a.device,
    found: `${nameOf(a)} of the window at ${a.device.place} was ${a.write ? "written" : "read"} ${found}`,
    expected,
    evidence: [
      ...[...probe.read].map(([at, value]) => ({ what: `offset ${hex(at)}, as read`, value: hex(value) })),
      { what: nameOf(a), address: a.address, value: hex(a.value) },
    ],
  });
}

/** Registers that say what a window is. */
const IDENTITY: readonly number[] = [R.MAGIC_VALUE, R.VERSION, R.DEVICE_ID];

/** First look what it is. */
export const MMIO_PROBE_ORDER: Rule = {
  id: "mmio-probe-order",
  clauses: overMmio(MMIO_INIT, 1, 2),
  level: "violation",
  section: "virtio 1.4, 4.2.3.1.1",
  title: "A driver reads MagicValue and Version of a window first, then DeviceID, then anything else",
  hint: "Check the magic value and the version before a register is believed.",
  watch(scene) {
    const probes = new PerDevice(() => new Probe());
    return {
      access(a) {
        if (a.space !== "mmio") return;
        const probe = probes.of(a.device);
        const has = (at: number) => probe.read.has(at);
        const checked = has(R.MAGIC_VALUE) && has(R.VERSION);
        if (!a.write && (a.offset === R.MAGIC_VALUE || a.offset === R.VERSION)) {
          probe.read.set(a.offset, a.value);
        } else if (!a.write && a.offset === R.DEVICE_ID) {
          if (!checked) {
            const missing = has(R.MAGIC_VALUE)
              ? "Version"
              : has(R.VERSION)
              ? "MagicValue"
              : "MagicValue and Version";
            report(
              scene,
              a,
              probe,
              `before ${missing}`,
              "MagicValue and Version read and checked before DeviceID",
            );
          }
          probe.read.set(a.offset, a.value);
        } else if (!checked || !has(R.DEVICE_ID)) {
          const missing = checked ? "DeviceID" : "MagicValue and Version";
          report(
            scene,
            a,
            probe,
            `before ${missing}`,
            "MagicValue, Version and DeviceID read before other registers",
          );
        }
      },
    };
  },
};

/** What is no device is left alone. */
export const MMIO_NOT_A_DEVICE: Rule = {
  id: "mmio-not-a-device",
  clauses: [...overMmio(MMIO_LAYOUT, 6, 8, 10), ...overMmio(MMIO_INIT, 3, 4)],
  level: "violation",
  section: "virtio 1.4, 4.2.2.2, 4.2.3.1.1",
  title:
    "A window with another magic value, a version that the driver does not know, or device id 0 is left alone",
  hint: "Most windows of a machine are empty: they have the magic value and device id 0. Go to the next.",
  watch(scene) {
    const probes = new PerDevice(() => new Probe());
    return {
      access(a) {
        if (a.space !== "mmio") return;
        const probe = probes.of(a.device);
        if (!a.write && IDENTITY.includes(a.offset) && a.width === 4) {
          probe.read.set(a.offset, a.value);
          return;
        }
        if (!a.write && a.offset === R.VENDOR_ID) return;
        const magic = probe.read.get(R.MAGIC_VALUE), version = probe.read.get(R.VERSION);
        if (magic !== undefined && magic !== MMIO_MAGIC) {
          report(
            scene,
            a,
            probe,
            `although MagicValue is ${hex(magic)}`,
            `${hex(MMIO_MAGIC)}, or no further access`,
          );
        } else if (probe.read.get(R.DEVICE_ID) === 0) {
          report(scene, a, probe, "although DeviceID is 0", "no access to a window without a device");
        } else if (version !== undefined && version !== MMIO_VERSION && (version !== 1 || isModern(a))) {
          report(scene, a, probe, `although Version is ${version}`, "version 2, or no further access");
        }
      },
    };
  },
};

/** A step that the legacy interface (version 1) does not know: whoever takes it has not looked at the version. */
function isModern(a: Access): boolean {
  if (a.offset === R.STATUS) return a.write && (a.value & S.FEATURES_OK) !== 0;
  return a.write && a.offset >= R.QUEUE_DESC_LOW && a.offset <= R.QUEUE_DEVICE_HIGH ||
    a.write && a.offset === R.QUEUE_READY;
}
