import type { Chain } from "./chain.ts";
import { NetCtrlMac, NetCtrlRx, NetCtrlVlan } from "../../spec/virtio/net.ts";

const ADDRESS = 6;
/** Addresses that the table holds, unicast and multicast together (QEMU's MAC_TABLE_ENTRIES). */
const TABLE = 64;
const VLANS = 4096;
/** Where a frame has its type, and the type of a VLAN tag. */
const TYPE = 12, VLAN_HIGH = 0x81, VLAN_LOW = 0x00;

/** The modes of class RX, by command. */
const MODES = ["promisc", "allmulti", "alluni", "nomulti", "nouni", "nobcast"] as const;

/**
 * What a network device lets through to its driver (virtio 1.4, 5.1.6.5.1 to 5.1.6.5.3), as QEMU's `receive_filter`: in
 * promiscuous mode, which it starts in, everything, tagged or not.
 */
export class ReceiveFilter {
  promisc = true;
  allmulti = false;
  alluni = false;
  nomulti = false;
  nouni = false;
  nobcast = false;
  /** More addresses were given than the table holds: all of that kind pass. */
  private uniOverflow = false;
  private multiOverflow = false;
  /** Addresses one after the other: unicast up to `firstMulti`, then multicast up to `inUse`. */
  private table = new Uint8Array(TABLE * ADDRESS);
  private firstMulti = 0;
  private inUse = 0;
  /** A 1 for each tag that passes. */
  private readonly vlans = new Uint8Array(VLANS).fill(1);

  /** @param mac the device's own address, as it is now. */
  constructor(private readonly mac: Uint8Array) {}

  /** What a device reset does, but for the tags: those go with the features. */
  reset(): void {
    for (const mode of MODES) this[mode] = mode === "promisc";
    this.uniOverflow = this.multiOverflow = false;
    this.firstMulti = this.inUse = 0;
    this.table.fill(0);
  }
  /** Features were written: with CTRL_VLAN no tag passes until it is added, without it all do. */
  setVlanFilter(on: boolean): void {
    this.vlans.fill(on ? 0 : 1);
  }

  /** Whether a frame goes to the driver. */
  accepts(frame: Uint8Array): boolean {
    if (this.promisc) return true;
    if (frame[TYPE] === VLAN_HIGH && frame[TYPE + 1] === VLAN_LOW) {
      if (this.vlans[(frame[TYPE + 2] & 0x0f) << 8 | frame[TYPE + 3]] === 0) return false;
    }
    if ((frame[0] & 1) !== 0) {
      if (isBroadcast(frame)) return !this.nobcast;
      if (this.nomulti) return false;
      return this.allmulti || this.multiOverflow || this.listed(frame, this.firstMulti, this.inUse);
    }
    if (this.nouni) return false;
    return this.alluni || this.uniOverflow || equal(frame, this.mac, 0) ||
      this.listed(frame, 0, this.firstMulti);
  }

  // Commands; `at` is where their data starts in the chain's readable bytes. They answer whether they were understood.

  /** Class RX. */
  rxMode(command: number, chain: Chain, at: number): boolean {
    const on = new Uint8Array(1);
    if (chain.readInto(on, at) < 1 || command > NetCtrlRx.NOBCAST) return false;
    this[MODES[command]] = on[0] !== 0;
    return true;
  }
  /** Class VLAN. */
  vlan(command: number, chain: Chain, at: number): boolean {
    const id = new Uint8Array(2);
    if (chain.readInto(id, at) < 2) return false;
    const tag = id[0] | id[1] << 8;
    if (tag >= VLANS || command > NetCtrlVlan.DEL) return false;
    this.vlans[tag] = command === NetCtrlVlan.ADD ? 1 : 0;
    return true;
  }
  /** Class MAC; ADDR_SET writes the device's own address. */
  address(command: number, chain: Chain, at: number): boolean {
    if (command === NetCtrlMac.ADDR_SET) {
      if (chain.readableLength - at !== ADDRESS) return false;
      chain.readInto(this.mac, at);
      return true;
    }
    return command === NetCtrlMac.TABLE_SET && this.setTable(chain, at);
  }

  /** Two lists; all or nothing. Lengths are 32 bits wide and may wrap, as QEMU's do. */
  private setTable(chain: Chain, at: number): boolean {
    const table = new Uint8Array(TABLE * ADDRESS);
    const unicast = countAt(chain, at);
    if (unicast === undefined) return false;
    at += 4;
    let left = Math.max(0, chain.readableLength - at);
    let length = Math.imul(unicast, ADDRESS) >>> 0;
    if (length > left) return false;
    let inUse = 0;
    if (unicast <= TABLE) {
      chain.readInto(table.subarray(0, length), at);
      inUse = unicast;
    }
    at += length;
    const firstMulti = inUse;
    const multicast = countAt(chain, at);
    if (multicast === undefined) return false;
    at += 4;
    left = Math.max(0, chain.readableLength - at);
    length = Math.imul(multicast, ADDRESS) >>> 0;
    if (length !== left) return false;
    const fits = multicast <= TABLE - inUse;
    if (fits) {
      chain.readInto(table.subarray(inUse * ADDRESS, inUse * ADDRESS + length), at);
      inUse += multicast;
    }
    this.table = table;
    this.firstMulti = firstMulti;
    this.inUse = inUse;
    this.uniOverflow = unicast > TABLE;
    this.multiOverflow = !fits;
    return true;
  }
  private listed(frame: Uint8Array, from: number, to: number): boolean {
    for (let i = from; i < to; i++) if (equal(frame, this.table, i * ADDRESS)) return true;
    return false;
  }
}

/** The le32 at byte `at` of a chain's readable bytes. */
function countAt(chain: Chain, at: number): number | undefined {
  const bytes = new Uint8Array(4);
  if (chain.readInto(bytes, at) < 4) return undefined;
  return (bytes[0] | bytes[1] << 8 | bytes[2] << 16 | bytes[3] << 24) >>> 0;
}

function isBroadcast(frame: Uint8Array): boolean {
  for (let i = 0; i < ADDRESS; i++) if (frame[i] !== 0xff) return false;
  return true;
}

/** Whether a frame is for the address at byte `at` of a list. */
function equal(frame: Uint8Array, list: Uint8Array, at: number): boolean {
  for (let i = 0; i < ADDRESS; i++) if (frame[i] !== list[at + i]) return false;
  return true;
}
