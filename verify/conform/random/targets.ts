/** What can be driven: device, transport, ring. */
export interface Target {
  /** `serial-mmio-packed`. */
  readonly name: string;
  readonly device: "rng" | "serial" | "net";
  /**
   * `pci`: modern on q35. `transitional`: with the legacy ports. `mmio`: version 2 on microvm. `mmio1`: version 1, QEMU's
   * default there.
   */
  readonly transport: "pci" | "transitional" | "mmio" | "mmio1";
  /** Whether it is virtio-mmio, of either version. */
  readonly mmio: boolean;
  /** Whether RING_PACKED is offered. */
  readonly packed: boolean;
  /** The machine, in QEMU's words. */
  readonly words: string;
  readonly queues: number;
  /** MSI-X vectors. */
  readonly vectors: number;
}

/** The name of the serial device's second port. */
export const PORT_NAME = "org.pagurus.0";
/** Ports of the serial device: queues are two for each, and two for control. */
const SERIAL_PORTS = 3;
/** Queues and MSI-X vectors by device. */
const QUEUES = { rng: 1, serial: 2 + 2 * SERIAL_PORTS, net: 3 } as const;
const VECTORS = { rng: 2, serial: 2, net: 4 } as const;
/**
 * A hub with the card, its peer, and QEMU's user network: as that one takes every frame, a sender never waits, and
 * frames that the card does not take keep their order.
 */
const HUB = "-netdev hubport,id=h0,hubid=0 -netdev hubport,id=h1,hubid=0 " +
  "-netdev user,id=u0,ipv6=off -netdev hubport,id=h2,hubid=0,netdev=u0";

function target(device: Target["device"], transport: Target["transport"], packed: boolean): Target {
  const props = packed ? ",packed=on" : "";
  const mode = transport === "pci"
    ? ",disable-legacy=on"
    : transport === "transitional"
    ? ",disable-legacy=off"
    : "";
  const mmio = transport === "mmio" || transport === "mmio1";
  const on = mmio ? "device" : "pci";
  const machine = transport === "mmio"
    ? "-machine microvm -global virtio-mmio.force-legacy=false"
    : mmio
    ? "-machine microvm"
    : "-machine q35";
  const words = [machine, "-m 16M -nodefaults"];
  if (device === "rng") {
    words.push(
      "-object rng-random,id=r0,filename=/dev/zero",
      `-device virtio-rng-${on},rng=r0${mode}${props}`,
    );
  } else if (device === "net") {
    words.push(
      HUB,
      `-device virtio-net-${on},netdev=h0,mq=on${mode}${props}`,
      `-device virtio-net-${on},netdev=h1`,
    );
  } else {
    words.push(
      "-chardev stdio,id=c0",
      `-device virtio-serial-${on},max_ports=${SERIAL_PORTS}${mode}${props}`,
      "-device virtconsole,chardev=c0",
      `-device virtserialport,name=${PORT_NAME},nr=1`,
    );
  }
  return {
    name: `${device}-${transport}-${packed ? "packed" : "split"}`,
    device,
    transport,
    mmio,
    packed,
    words: words.join(" "),
    queues: QUEUES[device],
    vectors: VECTORS[device],
  };
}

/** Every target. */
export const TARGETS: readonly Target[] = (["rng", "serial", "net"] as const).flatMap((device) =>
  (["pci", "transitional", "mmio", "mmio1"] as const).flatMap((transport) =>
    // RING_PACKED is in the second word of the features, of which version 1 takes nothing.
    (transport === "mmio1" ? [false] : [false, true]).map((packed) => target(device, transport, packed))
  )
);

/** A target by name. @throws {RangeError} if there is none. */
export function targetOf(name: string): Target {
  const found = TARGETS.find((t) => t.name === name);
  if (found === undefined) {
    throw new RangeError(`no target '${name}' (possible: ${TARGETS.map((t) => t.name).join(", ")})`);
  }
  return found;
}
