import type { MachineContext } from "../bus.ts";
import { UsageError } from "../description/types.ts";
import type { CreateHost } from "./catalog.ts";
import { VirtioNet } from "./net.ts";
import { offeredFeatures } from "./properties.ts";
import type { PropValues } from "./props.ts";

const QUEUE_SIZES = [256, 512, 1024];
/** Largest transmit queue over a back end in the same process (QEMU's VIRTIO_NET_TX_QUEUE_DEFAULT_SIZE). */
const MAX_TX_QUEUE = 256;
/** Queues that a device can have (QEMU's VIRTIO_QUEUE_MAX). */
const MAX_QUEUES = 1024;
/** QEMU's first address. */
const FIRST_MAC = Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);

/** A network card as its properties describe it. @throws {UsageError} */
export function makeNet(
  ctx: MachineContext,
  host: CreateHost,
  driver: string,
  values: PropValues,
): VirtioNet {
  const wrong = (name: string, expected: string): never => {
    throw new UsageError(`-device ${driver}: ${name} is wrong, expected ${expected}`);
  };
  const size = (name: string) =>
    QUEUE_SIZES.includes(values.number(name))
      ? values.number(name)
      : wrong(`${name}=${values.number(name)}`, QUEUE_SIZES.join(", "));
  const id = values.text("netdev");
  const backend = id === undefined ? undefined : host.netdev?.(id);
  if (id !== undefined && backend === undefined) {
    throw new UsageError(`-device ${driver}: there is no -netdev with id=${id}`);
  }
  if ((backend?.queues ?? 1) * 2 + 1 > MAX_QUEUES) {
    wrong(`netdev=${id} with ${backend?.queues} queues`, `at most ${(MAX_QUEUES - 1) >> 1}`);
  }
  const duplex = values.text("duplex");
  if (duplex !== undefined && duplex !== "half" && duplex !== "full") {
    wrong(`duplex=${duplex}`, "half or full");
  }
  const speed = values.number("speed");
  if (speed < -1) wrong(`speed=${speed}`, "a number from -1 to 2147483647");
  const given = values.mac("mac");
  const timer = values.text("tx") === "timer";
  const options = {
    hostFeatures: offeredFeatures(values, true),
    mac: host.mac?.(given) ?? given ?? FIRST_MAC,
    backend,
    rxQueueSize: size("rx_queue_size"),
    txQueueSize: Math.min(size("tx_queue_size"), MAX_TX_QUEUE),
    mtu: values.number("host_mtu"),
    speed: speed === -1 ? undefined : speed,
    duplex: duplex === undefined ? undefined : duplex === "full" ? 1 : 0,
    txTimer: timer ? values.number("x-txtimer") : undefined,
    txBurst: values.number("x-txburst"),
    vnetHdr: values.bool("x-vnet-hdr"),
  };
  try {
    return new VirtioNet(ctx, host.name, options);
  } catch (error) {
    // The netdev has a card already.
    throw new UsageError(`-device ${driver}: ${(error as Error).message}`);
  }
}
