/**
 * Devices and their variants, in QEMU's words. Many stand in one machine, for a machine takes its time to start. Entropy
 * comes from `/dev/zero` and the console from the world's own chardev, so that both worlds see the same.
 */
import type { Check, Value } from "../check.ts";
import type { Place } from "../driver/mod.ts";
import { NET_FEATURES, NET_LAYOUT, NET_UNSEEN } from "../net_variants.ts";
import type { World } from "../world.ts";

const COMMON = "-m 16M -nodefaults -object rng-random,id=r0,filename=/dev/zero";
/** Bytes of RAM of every machine here. */
export const RAM = 16 << 20;
export const CHARDEV = "-chardev stdio,id=c0";
export const MODERN_MMIO = "-global virtio-mmio.force-legacy=false";

/** Words of a machine with devices. */
export const machineWords = (machine: string, devices: string): string =>
  `-machine ${machine} ${COMMON} ${devices}`.trim();

/** A device in a machine. */
export interface Variant {
  readonly name: string;
  readonly machine: string;
  /** Where it is: on the bus, or the number of its transport. */
  readonly place: Place;
  /** Names of the checks that it gets; all of them if not given. */
  readonly only?: readonly string[];
}
type Family = Omit<Variant, "machine" | "place"> & {
  /** `-device` words without the place. */
  readonly device: string;
  /** Words that follow it: its ports. */
  readonly ports: string;
  /** Where it must be. */
  readonly addr?: string;
};

/** For variants that differ in features alone. */
const FEATURES = ["features", "at-work", "legacy"];
/** For options that must change nothing that a guest can see. */
const UNSEEN = ["config-space", "features", "bars"];
/** For options that change the layout. */
const LAYOUT = [
  ...[
    "config-space",
    "capabilities",
    "bars",
    "features",
    "queues",
    "minimal",
    "device-config",
    "others",
    "msix",
  ],
  "legacy",
];

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
/** Options whose devices are looked at from all sides. */
const PCI_FULL = ["disable-legacy=on", "disable-modern=on", "vectors=0", "page-per-vq=on"];
const PCI = [
  "disable-legacy=off",
  "disable-legacy=auto",
  "disable-legacy=on,packed=on",
  "disable-legacy=on,iommu_platform=on",
  "disable-legacy=on,page-per-vq=on",
  "vectors=0,disable-modern=on",
  "vectors=1",
  "vectors=3",
  "vectors=64",
  "vectors=65",
  "vectors=129",
  "vectors=2048",
  "multifunction=on",
  "addr=1e",
  "addr=1d.0",
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

/** What connects a device with its back end. */
const BACK_ENDS: Record<string, string> = { "virtio-rng": ",rng=r0", "virtio-net": ",netdev=net.test" };

function family(driver: string, options: string, only?: readonly string[]): Family {
  const name = options === "" ? driver : `${driver},${options}`;
  const addr = /\baddr=([^,]+)/.exec(options)?.[1];
  const rest = options.replace(/,?\baddr=[^,]+/, "");
  const stem = driver.replace(/-(pci|device).*$/, "");
  const device = `${driver}${BACK_ENDS[stem] ?? ""}${rest === "" ? "" : `,${rest}`}`;
  const second = /max_ports=1\b/.test(options) ? "" : " -device virtserialport,name=org.test,nr=1";
  const ports = stem === "virtio-serial"
    ? ` -device virtconsole${second}`
    : stem === "virtio-net"
    ? " -netdev user,id=net.test"
    : "";
  return {
    name,
    device,
    ports,
    ...addr === undefined ? {} : { addr },
    ...only === undefined ? {} : { only },
  };
}

/** A port's name, and a network's, is its own in the whole machine. */
const portsOf = ({ ports }: Family, i: number) => ports.replace(/(org|net)\.test/, `$1.test.${i}`);
const deviceOf = ({ device }: Family, i: number) => device.replace("net.test", `net.test.${i}`);

const BASE = ["virtio-rng", "virtio-serial", "virtio-net"];
const ON_Q35: readonly Family[] = [
  ...BASE.flatMap((stem) =>
    ["", "-transitional", "-non-transitional"].map((kind) => family(`${stem}-pci${kind}`, ""))
  ),
  ...PCI_FULL.map((options) => family("virtio-rng-pci", options)),
  ...PCI.map((options) => family("virtio-rng-pci", options, LAYOUT)),
  ...VIRTIO.map((options) => family("virtio-rng-pci", options, FEATURES)),
  ...ACCEPTED.map((options) => family("virtio-rng-pci", options, UNSEEN)),
  ...[...SERIAL, ...SERIAL_PCI].map((options) => family("virtio-serial-pci", options, LAYOUT)),
  ...NET_FEATURES.map((options) =>
    family("virtio-net-pci", options, [...FEATURES, "device-config", "queues"])
  ),
  ...NET_LAYOUT.map((options) => family("virtio-net-pci", options, LAYOUT)),
  ...NET_UNSEEN.map((options) => family("virtio-net-pci", options, [...UNSEEN, "device-config", "queues"])),
];

/** Slots that a machine here has for devices. */
const FIRST_SLOT = 2, SLOTS = 24;

/** Puts families on buses, one slot each; the devices of one machine stand together. */
function onPci(machine: string, families: readonly Family[]): Variant[] {
  const variants: Variant[] = [];
  for (let start = 0; start < families.length; start += SLOTS) {
    const group = families.slice(start, start + SLOTS);
    const addrs = group.map((f, i) => f.addr ?? (FIRST_SLOT + i).toString(16));
    const words = group.map((f, i) => `-device ${deviceOf(f, i)},addr=${addrs[i]}${portsOf(f, i)}`);
    group.forEach(({ name, only }, i) => {
      variants.push({
        name: `${machine}/${name}`,
        machine: machineWords(machine, words.join(" ")),
        place: { slot: parseInt(addrs[i], 16) },
        ...only === undefined ? {} : { only },
      });
    });
  }
  return variants;
}

/** Every variant of the PCI devices. */
export const PCI_VARIANTS: readonly Variant[] = [
  ...onPci("q35", ON_Q35),
  ...onPci("pc", BASE.map((stem) => family(`${stem}-pci`, ""))),
];

/** microvm's three line-ups of transports. */
export const MICROVM = ["microvm", "microvm,acpi=off", "microvm,ioapic2=off"] as const;

/** The same on microvm, one transport each from the first one on. */
function onMmio(machine: string, families: readonly Family[], legacy: boolean): Variant[] {
  const words = families.map((f, i) => `-device ${deviceOf(f, i)},bus=virtio-mmio-bus.${i}${portsOf(f, i)}`);
  return families.map(({ name, only }, slot) => ({
    name: `${machine}/${name}${legacy ? ",legacy" : ""}`,
    machine: machineWords(machine, `${legacy ? "" : `${MODERN_MMIO} `}${words.join(" ")}`),
    place: { slot },
    ...only === undefined ? {} : { only },
  }));
}

const BASE_MMIO = BASE.map((stem) => family(`${stem}-device`, ""));
/** Every variant of the MMIO devices. */
export const MMIO_VARIANTS: readonly Variant[] = [
  ...onMmio("microvm", [
    ...BASE_MMIO,
    ...VIRTIO.map((options) => family("virtio-rng-device", options, FEATURES)),
    family("virtio-rng-device", "iommu_platform=on", FEATURES),
    ...SERIAL.map((options) => family("virtio-serial-device", options)),
  ], false),
  ...onMmio("microvm", [
    ...NET_FEATURES.map((options) =>
      family("virtio-net-device", options, [...FEATURES, "device-config", "queues"])
    ),
    family("virtio-net-device", "rx_queue_size=1024,tx_queue_size=512"),
  ], false),
  ...onMmio("microvm", BASE_MMIO, true),
  ...MICROVM.slice(1).flatMap((machine) => onMmio(machine, BASE_MMIO, false)),
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
  subject: (world: World, place: Place) => T,
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
        run: (world) => run(subject(world, variant.place)),
      }))
  );
}
