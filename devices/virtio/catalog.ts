import type { MachineContext } from "../bus.ts";
import type { Chardev } from "../chardev.ts";
import type { NetBackend } from "../net/backend.ts";
import { type Props, UsageError } from "../description/types.ts";
import { type ConsolePort, VirtioSerial } from "./console.ts";
import type { VirtioDevice } from "./device.ts";
import type { VirtioNet } from "./net.ts";
import { VirtioPci } from "./pci.ts";
import { makeNet } from "./net_create.ts";
import {
  netProperties,
  offeredFeatures,
  portProperties,
  rngProperties,
  serialProperties,
} from "./properties.ts";
import { parseProps, type PropertySpec, type PropValues } from "./props.ts";
import { VirtioRng } from "./rng.ts";

/** What a device can ask of the machine that creates it. */
export interface CreateHost {
  /** The device's name in traces and messages: its id, or `driver.N`. */
  readonly name: string;
  /** Finds a back end by its id. */
  chardev?(id: string): Chardev | undefined;
  /** Finds a network back end by its id. */
  netdev?(id: string): NetBackend | undefined;
  /** The address of a network card: as given, or the next free one. */
  mac?(given: Uint8Array | undefined): Uint8Array;
  /** Ports: the serial device they go on. */
  readonly serial?: VirtioSerial | undefined;
}

/** What a driver's `create` made. */
export interface Created {
  /** Drivers on PCI: what goes onto the bus, at `place` if the command line says so. */
  readonly pci?: VirtioPci;
  readonly place?: { readonly slot: number; readonly func: number } | undefined;
  /** All but ports. On `virtio-bus`, plug it into a transport. */
  readonly device?: VirtioDevice;
  readonly port?: ConsolePort;
}

/** A driver that `-device` can name. */
export interface CatalogEntry {
  readonly driver: string;
  /** QEMU's other names. */
  readonly aliases: readonly string[];
  /** QEMU's name of the kind of bus it goes on. */
  readonly bus: "PCI" | "virtio-bus" | "virtio-serial-bus";
  readonly help: string;
  readonly properties: readonly PropertySpec[];
  /**
   * Builds it.
   *
   * @throws {UsageError} if a property is unknown, wrong, or not modelled; the message says what is possible.
   */
  create(ctx: MachineContext, props: Props, host: CreateHost): Created;
}

/** How a family of devices is made, whatever the bus. */
interface Model {
  readonly stem: string;
  readonly help: string;
  readonly transitionalId: number;
  readonly classCode: (values: PropValues) => number;
  properties(pci: boolean, modes?: boolean): PropertySpec[];
  /** MSI-X vectors where the command line does not say: as many as the device has a use for. */
  readonly vectors?: (device: VirtioDevice) => number;
  make(ctx: MachineContext, host: CreateHost, driver: string, values: PropValues): VirtioDevice;
}

/** QEMU's DEV_NVECTORS_UNSPECIFIED: the device has its own number, 2 for the entropy device. */
const VECTORS_UNSPECIFIED = 0xffff_ffff;
const MAX_VECTORS = 2048;

const RNG: Model = {
  stem: "virtio-rng",
  help: "entropy device",
  transitionalId: 0x1005,
  classCode: () => 0x00ff00,
  properties: rngProperties,
  make(ctx, { name }, driver, values) {
    const maxBytes = values.bigint("max-bytes");
    const periodMs = values.number("period");
    if (maxBytes >= 1n << 63n) throw new UsageError(`-device ${driver}: max-bytes must be below 2^63`);
    if (periodMs === 0) throw new UsageError(`-device ${driver}: period must be a positive number of ms`);
    return new VirtioRng(ctx, name, { hostFeatures: offeredFeatures(values), maxBytes, periodMs });
  },
};
const SERIAL: Model = {
  stem: "virtio-serial",
  help: "console device; its ports are virtconsole and virtserialport",
  transitionalId: 0x1003,
  // Classes of QEMU's past; any other is taken for the default (virtio_serial_pci_realize).
  classCode: (values) =>
    [0x0380, 0x00ff].includes(values.number("class")) ? values.number("class") << 8 : 0x078000,
  properties: serialProperties,
  make(ctx, { name }, driver, values) {
    const maxPorts = values.number("max_ports");
    if (maxPorts < 1 || maxPorts > 511) {
      throw new UsageError(`-device ${driver}: max_ports=${maxPorts} is wrong, expected 1 to 511`);
    }
    return new VirtioSerial(ctx, name, {
      hostFeatures: offeredFeatures(values),
      maxPorts,
      emergencyWrite: values.bool("emergency-write"),
      size: values.size("x-size"),
    });
  },
};

const NET: Model = {
  stem: "virtio-net",
  help: "network card",
  transitionalId: 0x1000,
  classCode: () => 0x020000,
  properties: netProperties,
  // The configuration, two for each pair, the control queue.
  vectors: (device) => 2 * (device as VirtioNet).maxPairs + 2,
  make: makeNet,
};

/** Legacy and modern as the properties say; on a root bus, `auto` means both (QEMU's virtio_pci_realize). */
function modes(driver: string, values: PropValues, suffix: string): { legacy: boolean; modern: boolean } {
  if (suffix === "-transitional") return { legacy: true, modern: true };
  if (suffix === "-non-transitional") return { legacy: false, modern: true };
  const legacy = values.text("disable-legacy") !== "on";
  const modern = !values.bool("disable-modern");
  if (!legacy && !modern) {
    throw new UsageError(
      `-device ${driver}: neither modern nor legacy mode is enabled; set disable-modern or disable-legacy to off`,
    );
  }
  return { legacy, modern };
}

function pciEntry(model: Model, suffix: "" | "-transitional" | "-non-transitional"): CatalogEntry {
  const driver = `${model.stem}-pci${suffix}`;
  const properties = model.properties(true, suffix === "");
  return {
    driver,
    aliases: suffix === "" ? [model.stem] : [],
    bus: "PCI",
    help: `${model.help} on PCI${suffix === "" ? "" : `, ${suffix.slice(1)}`}`,
    properties,
    create(ctx, props, host) {
      const values = parseProps(driver, properties, props);
      const { legacy, modern } = modes(driver, values, suffix);
      if (legacy && values.bool("iommu_platform")) {
        throw new UsageError(
          `-device ${driver}: iommu_platform is for modern devices only, say disable-legacy=on`,
        );
      }
      const asked = values.number("vectors");
      if (asked !== VECTORS_UNSPECIFIED && asked > MAX_VECTORS) {
        throw new UsageError(`-device ${driver}: vectors=${asked} is wrong, expected 0 to ${MAX_VECTORS}`);
      }
      const device = model.make(ctx, host, driver, values);
      const vectors = asked === VECTORS_UNSPECIFIED ? model.vectors?.(device) ?? 2 : asked;
      const pci = new VirtioPci(device, {
        transitionalId: model.transitionalId,
        classCode: model.classCode(values),
        modern,
        legacy,
        vectors,
        pagePerVq: values.bool("page-per-vq"),
        multifunction: values.bool("multifunction"),
      });
      return { pci, device, place: values.place() };
    },
  };
}
function busEntry(model: Model): CatalogEntry {
  const driver = `${model.stem}-device`;
  const properties = model.properties(false);
  return {
    driver,
    aliases: [],
    bus: "virtio-bus",
    help: `${model.help} on virtio-mmio`,
    properties,
    create: (ctx, props, host) => ({
      device: model.make(ctx, host, driver, parseProps(driver, properties, props)),
    }),
  };
}
function portEntry(driver: "virtconsole" | "virtserialport"): CatalogEntry {
  const properties = portProperties();
  return {
    driver,
    aliases: [],
    bus: "virtio-serial-bus",
    help: driver === "virtconsole" ? "a port that the guest makes a console" : "a port for any use",
    properties,
    create(_ctx, props, host) {
      const values = parseProps(driver, properties, props);
      if (host.serial === undefined) {
        throw new UsageError(
          `-device ${driver}: no virtio-serial-pci or virtio-serial-device before it to go on`,
        );
      }
      const id = values.text("chardev");
      const chardev = id === undefined ? undefined : host.chardev?.(id);
      if (id !== undefined && chardev === undefined) {
        throw new UsageError(`-device ${driver}: there is no -chardev with id=${id}`);
      }
      const nr = values.number("nr");
      try {
        const port = host.serial.addPort({
          isConsole: driver === "virtconsole",
          chardev,
          name: values.text("name"),
          nr: nr === 0xffff_ffff ? undefined : nr,
        });
        return { port };
      } catch (error) {
        throw new UsageError(`-device ${(error as Error).message}`);
      }
    },
  };
}

/** Every virtio device there is, by QEMU's names. */
export const deviceCatalog: readonly CatalogEntry[] = [
  ...[RNG, SERIAL, NET].flatMap((model) => [
    pciEntry(model, ""),
    pciEntry(model, "-transitional"),
    pciEntry(model, "-non-transitional"),
    busEntry(model),
  ]),
  portEntry("virtconsole"),
  portEntry("virtserialport"),
];

/**
 * A driver by its name or alias, or undefined.
 *
 * ```ts
 * import { findDriver } from "./catalog.ts";
 * const rng = findDriver("virtio-rng")!;
 * console.assert(rng.driver === "virtio-rng-pci" && rng.properties.some((p) => p.name === "packed"));
 * ```
 */
export function findDriver(name: string): CatalogEntry | undefined {
  return deviceCatalog.find((entry) => entry.driver === name || entry.aliases.includes(name));
}
