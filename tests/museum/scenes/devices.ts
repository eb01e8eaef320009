/** Devices that are unusual, and what may be: a driver has to cope with each of them. */
import type { Machine } from "../../../devices/machine/mod.ts";
import { type Chain, type DeviceQueue, VirtioPci } from "../../../devices/virtio/mod.ts";
import type { NetFrontend } from "../../../devices/net/backend.ts";
import type { PciFunction } from "../../../devices/pci/mod.ts";
import { ETHERNET_HEADER } from "../../../inet/ethernet.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../../../inet/ipv4.ts";
import { TCP_CHECKSUM } from "../../../inet/tcp_header.ts";
import { UDP_CHECKSUM } from "../../../inet/udp.ts";
import { PciCapId, PciCfg, PciCommand } from "../../../spec/pci.ts";
import { NetGso, NetHdr } from "../../../spec/virtio/net.ts";
import { CapCfgType, VirtioPciCap as Cap } from "../../../spec/virtio/pci.ts";

/** What a device model calls, and a scene changes. */
export interface Insides {
  push(index: number, chain: Chain, written: number): void;
  notifyDriver(index: number): void;
  canSend(): boolean;
  sendReady(): void;
  readonly queues: readonly { readonly ring: DeviceQueue | undefined }[];
  /** Network cards: puts frames into buffers. */
  readonly writer: { store(index: number, frame: Uint8Array, header: Uint8Array): boolean };
}

/** The first virtio function of a machine. @throws {Error} if there is none. */
export function virtioFunction(machine: Machine): VirtioPci {
  const found = machine.pci?.functions.map(({ fn }) => fn).find((fn) => fn instanceof VirtioPci);
  if (found === undefined) throw new Error("the machine has no virtio function");
  return found as VirtioPci;
}

export function insides(machine: Machine): Insides {
  return virtioFunction(machine).device as unknown as Insides;
}

/** Every other buffer of a queue comes back `delay` ns late, behind those that were made available after it. */
export function outOfOrder(machine: Machine, queue: number, delay: number): void {
  const device = insides(machine);
  const push = device.push.bind(device);
  let count = 0;
  device.push = (index, chain, written) => {
    if (index !== queue || count++ % 2 === 1) return push(index, chain, written);
    const { ring } = device.queues[index];
    machine.events.schedule(delay, () => {
      // A device that was reset meanwhile has forgotten the buffer.
      if (ring === undefined || device.queues[index].ring !== ring) return;
      push(index, chain, written);
      device.notifyDriver(index);
    });
  };
}

/** The network card sends nothing before time `until` (ns). */
export function stalled(machine: Machine, until: number): void {
  const device = insides(machine);
  const canSend = device.canSend.bind(device);
  device.canSend = () => machine.now() >= until && canSend();
  machine.events.schedule(until, () => device.sendReady());
}

/** Makes the capability list anew: `edit` gets the capabilities, first of the list first, without their `next`. */
export function relist(fn: PciFunction, edit: (list: number[][]) => number[][]): void {
  const list: number[][] = [];
  const { config, writeMask } = fn;
  for (let at = config[PciCfg.CAPABILITIES]; at !== 0; at = config[at + 1]) {
    const length = config[at] === PciCapId.VENDOR ? config[at + Cap.CAP_LEN] : 12;
    list.push([...config.subarray(at, at + length)]);
  }
  const masks = new Map(list.map((bytes) => [key(bytes), writableOf(fn, bytes)]));
  config.fill(0, 0x40);
  writeMask.fill(0, 0x40);
  let at = 0x40, link: number = PciCfg.CAPABILITIES;
  for (const bytes of edit(list)) {
    if (at + bytes.length > 256) {
      throw new Error(`${fn.name}: no room for a capability of ${bytes.length} bytes`);
    }
    config[link] = at;
    config.set(bytes, at);
    config[at + 1] = 0;
    masks.get(key(bytes))?.forEach((mask, i) => writeMask[at + i] = mask);
    if (bytes[0] === PciCapId.MSIX) fn.msixCap = at;
    if (isType(bytes, CapCfgType.Pci)) (fn as unknown as { pciCfgCap: number }).pciCfgCap = at;
    link = at + 1;
    at = (at + bytes.length + 3) & ~3;
  }
}

const key = (bytes: readonly number[]) =>
  `${bytes[0]}/${bytes[0] === PciCapId.VENDOR ? bytes[Cap.CFG_TYPE] : ""}`;

function writableOf(fn: PciFunction, bytes: readonly number[]): number[] {
  for (let at = fn.config[PciCfg.CAPABILITIES]; at !== 0; at = fn.config[at + 1]) {
    if (key([...fn.config.subarray(at, at + 4)]) === key(bytes)) {
      return [...fn.writeMask.subarray(at, at + bytes.length)];
    }
  }
  return [];
}

/** Whether a capability is virtio's of this type. */
export const isType = (bytes: readonly number[], type: number): boolean =>
  bytes[0] === PciCapId.VENDOR && bytes[Cap.CFG_TYPE] === type;

/** Order of capabilities in which a driver that looks behind the wrong one finds a number that is not the multiplier. */
const LONG_ORDER: readonly number[] = [
  CapCfgType.Notify,
  CapCfgType.Device,
  CapCfgType.Common,
  CapCfgType.Isr,
  CapCfgType.Pci,
];

/** The notification capability has 4 bytes more than are known (virtio 1.4, 4.1.4: cap_len may be larger). */
export function longNotify(machine: Machine): void {
  relist(virtioFunction(machine), (list) => {
    const rank = (bytes: number[]) => LONG_ORDER.findIndex((type) => isType(bytes, type)) >>> 0;
    return list.toSorted((a, b) => rank(a) - rank(b)).map((bytes) => {
      if (!isType(bytes, CapCfgType.Notify)) return bytes;
      const longer = [...bytes, 0x20, 0, 0, 0];
      longer[Cap.CAP_LEN] = longer.length;
      return longer;
    });
  });
}

/** There are two capabilities of a type: `first` and `second` change what each says. */
export function doubled(
  machine: Machine,
  type: number,
  first: ((bytes: number[]) => void) | undefined,
  second?: (bytes: number[]) => void,
): void {
  relist(virtioFunction(machine), (list) =>
    list.flatMap((bytes) => {
      if (!isType(bytes, type)) return [bytes];
      const [one, two] = [[...bytes], [...bytes]];
      first?.(one);
      second?.(two);
      return [one, two];
    }));
}

/** What firmware leaves behind: every BAR of the virtio function has an address, and is decoded. */
export function asFirmwareLeft(machine: Machine): void {
  const fn = virtioFunction(machine);
  let memory = 0xe000_0000, ports = 0xc000;
  for (const { index, kind, size } of fn.bars) {
    const at = kind === "io" ? ports : Math.ceil(memory / size) * size;
    if (kind === "io") ports += size;
    else memory = at + Math.max(size, 0x1000);
    fn.configWrite(PciCfg.BAR0 + 4 * index, 4, at);
  }
  fn.configWrite(PciCfg.COMMAND, 2, PciCommand.IO | PciCommand.MEMORY | PciCommand.BUS_MASTER);
}

/** Received TCP and UDP frames come as another guest of the host sends them: with the checksum left undone. */
export function partial(machine: Machine): void {
  const card = virtioFunction(machine).device as unknown as NetFrontend;
  const receive = card.receive.bind(card);
  card.receive = (frame) => {
    const transport = frame[ETHERNET_HEADER + 9];
    const offset =
      ({ [PROTOCOL_TCP]: TCP_CHECKSUM, [PROTOCOL_UDP]: UDP_CHECKSUM } as Record<number, number>)[transport];
    const isIpv4 = frame[12] === 0x08 && frame[13] === 0x00;
    if (!isIpv4 || offset === undefined) return receive(frame);
    const start = ETHERNET_HEADER + 4 * (frame[ETHERNET_HEADER] & 15);
    const end = ETHERNET_HEADER + (frame[ETHERNET_HEADER + 2] << 8 | frame[ETHERNET_HEADER + 3]);
    const copy = frame.slice();
    // The sum of the pseudo header: addresses, protocol, length (virtio 1.4, 5.1.6.4).
    let sum = transport + end - start;
    for (let at = ETHERNET_HEADER + 12; at < ETHERNET_HEADER + 20; at += 2) {
      sum += copy[at] << 8 | copy[at + 1];
    }
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    copy[start + offset] = sum >>> 8;
    copy[start + offset + 1] = sum;
    return receive(copy, { csumStart: start, csumOffset: offset, gsoType: NetGso.NONE, gsoSize: 0 });
  };
}

/** Without MRG_RXBUF the field num_buffers holds `count`, as of cards that are real (virtio 1.4, 5.1.6.4.1 wants 1). */
export function strayCount(machine: Machine, count: number): void {
  const { writer, queues } = insides(machine);
  const store = writer.store.bind(writer);
  writer.store = (index, frame, header) => {
    const ring = queues[index].ring!;
    const push = ring.push.bind(ring);
    ring.push = (chain, written) => {
      chain.writeFrom(Uint8Array.of(count, count >> 8), NetHdr.NUM_BUFFERS);
      push(chain, written);
    };
    try {
      return store(index, frame, header);
    } finally {
      ring.push = push;
    }
  };
}
