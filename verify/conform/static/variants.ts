/**
 * Devices and their variants, in QEMU's words. Entropy comes from `/dev/zero` and the console from the
 * world's own chardev, so that both worlds see the same.
 */
import type { Check, Value } from "../check.ts";
import type { World } from "../world.ts";

const COMMON = "-m 64M -nodefaults -object rng-random,id=r0,filename=/dev/zero";
const CHARDEV = "-chardev stdio,id=c0";

/** A machine with something on it. */
export interface Variant {
  readonly name: string;
  readonly machine: string;
  /** Names of the checks that it gets; all of them if not given. */
  readonly only?: readonly string[];
}

/** For variants that differ in features alone. */
const FEATURES = ["features", "at-work", "legacy"];
/** For options that must change nothing that a guest can see. */
const UNSEEN = ["config-space", "features", "bars"];

/** Options that change features. */
const VIRTIO = [
  "indirect_desc=off",
  "event_idx=off",
  "notify_on_empty=off",
  "any_layout=off",
  "queue_reset=off",
  "packed=on",
  "packed=on,indirect_desc=off,event_idx=off,queue_reset=off",
];
const PCI = [
  "disable-legacy=on",
  "disable-legacy=off",
  "disable-legacy=auto",
  "disable-modern=on",
  "disable-legacy=on,packed=on",
  "disable-legacy=on,iommu_platform=on",
  "disable-legacy=on,page-per-vq=on",
  "page-per-vq=on",
  "vectors=0",
  "vectors=0,disable-modern=on",
  "vectors=1",
  "vectors=3",
  "vectors=64",
  "vectors=65",
  "vectors=129",
  "vectors=2048",
  "multifunction=on",
  "addr=1e",
  "addr=9.0",
];
/** Options that a guest cannot see on a root bus. */
const ACCEPTED = [
  "use-started=off",
  "use-disabled-flag=off",
  "x-disable-legacy-check=on",
  "ioeventfd=off",
  "ats=on",
  "aer=on",
  "acpi-index=7",
  "rombar=0",
  "migrate-extra=off",
  "virtio-pci-bus-master-bug-migration=on",
  "x-ats-page-aligned=off",
  "x-disable-pcie=on",
  "x-ignore-backend-features=on",
  ...["deverr-init", "extcap-init", "flr-init", "lnkctl-init", "lnksta-dllla", "pm-init"].map((n) =>
    `x-pcie-${n}=off`
  ),
];
const SERIAL = ["max_ports=1", "max_ports=2", "max_ports=511", "emergency-write=off"];
const SERIAL_PCI = [
  "disable-legacy=on",
  "disable-modern=on",
  "packed=on",
  "class=0x0380",
  "class=0x00ff",
  "class=0x0700",
  "vectors=0",
  "vectors=34",
];

const named = (device: string, options: string) => options === "" ? device : `${device},${options}`;

/** A PCI device at slot 4 unless the options say otherwise. */
function onPci(machine: string, driver: string, options: string): Variant {
  const place = /\baddr=/.test(options) ? "" : ",addr=4";
  const device = driver.startsWith("virtio-rng") ? `${driver},rng=r0` : driver;
  const ports = driver.startsWith("virtio-serial")
    ? ` ${CHARDEV} -device virtconsole,chardev=c0` +
      (options.includes("max_ports=1") ? "" : " -device virtserialport,name=org.test.0,nr=1")
    : "";
  const words = `-machine ${machine} ${COMMON} -device ${named(device, options)}${place}${ports}`;
  return { name: `${machine}/${named(driver, options)}`, machine: words };
}

/** Every variant of the PCI devices. */
export const PCI_VARIANTS: readonly Variant[] = [
  ...["virtio-rng", "virtio-serial"].flatMap((stem) => [
    onPci("q35", `${stem}-pci`, ""),
    onPci("pc", `${stem}-pci`, ""),
    onPci("q35", `${stem}-pci-transitional`, ""),
    onPci("q35", `${stem}-pci-non-transitional`, ""),
  ]),
  ...PCI.map((options) => onPci("q35", "virtio-rng-pci", options)),
  ...VIRTIO.map((options) => ({ ...onPci("q35", "virtio-rng-pci", options), only: FEATURES })),
  ...ACCEPTED.map((options) => ({ ...onPci("q35", "virtio-rng-pci", options), only: UNSEEN })),
  ...SERIAL.map((options) => onPci("q35", "virtio-serial-pci", options)),
  ...SERIAL_PCI.map((options) => onPci("q35", "virtio-serial-pci", options)),
];

/** microvm's three line-ups of transports. */
export const MICROVM = ["microvm", "microvm,acpi=off", "microvm,ioapic2=off"] as const;

function onMmio(machine: string, driver: string, options: string, legacy: boolean): Variant {
  const global = legacy ? "" : " -global virtio-mmio.force-legacy=false";
  const device = driver.startsWith("virtio-rng") ? `${driver},rng=r0` : driver;
  const ports = driver.startsWith("virtio-serial") ? ` ${CHARDEV} -device virtconsole,chardev=c0` : "";
  const words = `-machine ${machine} ${COMMON}${global} -device ${named(device, options)}${ports}`;
  return { name: `${machine}/${named(driver, options)}${legacy ? ",legacy" : ""}`, machine: words };
}

/** Every variant of the MMIO devices. */
export const MMIO_VARIANTS: readonly Variant[] = [
  ...MICROVM.flatMap((machine) =>
    ["virtio-rng-device", "virtio-serial-device"].flatMap((driver) =>
      [false, true].map((legacy) => onMmio(machine, driver, "", legacy))
    )
  ),
  ...VIRTIO.map((options) => ({ ...onMmio("microvm", "virtio-rng-device", options, false), only: FEATURES })),
  onMmio("microvm", "virtio-rng-device", "iommu_platform=on", false),
  onMmio("microvm", "virtio-rng-device", "bus=virtio-mmio-bus.0", false),
  ...SERIAL.map((options) => onMmio("microvm", "virtio-serial-device", options, false)),
];

/** A question that every variant of a kind is asked. */
export interface Question<T> {
  readonly what: string;
  readonly title: string;
  readonly spec: string;
  readonly run: (subject: T) => Value;
  /** Which variants it makes sense for; all if not given. */
  readonly where?: (variant: Variant) => boolean;
}

/** Puts each question to each variant. `subject` makes what a question looks at. */
export function ask<T>(
  variants: readonly Variant[],
  questions: readonly Question<T>[],
  subject: (world: World) => T,
): Check[] {
  return variants.flatMap((variant) =>
    questions
      .filter((q) => (variant.only?.includes(q.what) ?? true) && (q.where?.(variant) ?? true))
      .map(({ what, title, spec, run }): Check => ({
        id: `static/${variant.name}/${what}`,
        title,
        spec,
        kind: "static",
        machine: variant.machine,
        run: (world) => run(subject(world)),
      }))
  );
}

/** Words of a machine with devices that no list here has. */
export const machineWords = (machine: string, devices: string): string =>
  `-machine ${machine} ${COMMON} ${devices}`.trim();
export { CHARDEV };
