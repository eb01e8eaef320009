import type { NetDevice, PartialChecksum, ReceivedFrame } from "../../drivers/net/mod.ts";
import { broadcastOf, type Cidr, inNetwork, UNSPECIFIED } from "../../inet/addresses.ts";
import { IPV4_MAX } from "../../inet/ipv4.ts";

/** Frames that wait for a card which is full: answers and pieces of datagrams, which no socket keeps. */
const MAX_WAITING = 256;

/** Counts of one interface, as `ifconfig` shows them. */
export interface InterfaceCounters {
  rxFrames: number;
  rxBytes: number;
  /** Frames that were not for this machine, or made no sense. */
  rxDropped: number;
  txFrames: number;
  txBytes: number;
  /** Frames given up: no link, or too many waited. */
  txDropped: number;
  /** How often the card was full. */
  txRefused: number;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly checksum: PartialChecksum | undefined;
}

/**
 * A card as the stack uses it, and its addresses. A frame that the card refuses is still the sender's, who keeps what it
 * was made of and is told when there is room: so nothing is lost when a card is full.
 */
export class Interface {
  /** 0: none. Host bits as given, with the prefix of the network. */
  address = UNSPECIFIED;
  prefix = 0;
  /** Largest IP packet in bytes. */
  readonly mtu: number;
  /** It refused a frame and has not said since that there is room. */
  full = false;
  /** Whether the cable is plugged in, as {@link NetDevice.onLinkChange} has told. */
  linkUp: boolean;
  readonly counters: InterfaceCounters = {
    rxFrames: 0,
    rxBytes: 0,
    rxDropped: 0,
    txFrames: 0,
    txBytes: 0,
    txDropped: 0,
    txRefused: 0,
  };
  private readonly waiting: Waiting[] = [];

  constructor(readonly name: string, readonly device: NetDevice, readonly isLoopback: boolean) {
    this.mtu = Math.min(device.mtu, IPV4_MAX);
    this.linkUp = device.linkUp();
  }

  get cidr(): Cidr {
    return { address: this.address, prefix: this.prefix };
  }
  /** Whether `address` means everyone on this wire. */
  isBroadcast(address: number): boolean {
    return this.address !== UNSPECIFIED && this.prefix < 31 && address === broadcastOf(this.cidr);
  }
  /** Whether `address` can be reached without a gateway. */
  isOnLink(address: number): boolean {
    return this.address !== UNSPECIFIED && inNetwork(this.cidr, address);
  }

  /**
   * Sends a frame, whose bytes are the caller's again. False: the card is full; {@link NetDevice.onWritable} follows. Without
   * a link, or with a broken card, frames vanish as from a cable that was pulled.
   */
  transmit(frame: Uint8Array, checksum?: PartialChecksum): boolean {
    return this.flush() && this.offer(frame, checksum);
  }

  /** Sends a frame that nobody keeps, now or when the card has room. */
  post(frame: Uint8Array, checksum?: PartialChecksum): void {
    if (this.transmit(frame, checksum)) return;
    if (this.waiting.length >= MAX_WAITING) this.counters.txDropped++;
    else this.waiting.push({ bytes: frame.slice(), checksum });
  }

  /** How many more frames {@link Interface.post} would keep. */
  get room(): number {
    return MAX_WAITING - this.waiting.length;
  }

  /** Sends what waits. False if not all could go. */
  flush(): boolean {
    const { waiting } = this;
    while (waiting.length > 0) {
      if (!this.offer(waiting[0].bytes, waiting[0].checksum)) return false;
      waiting.shift();
    }
    return true;
  }

  /** The next frame that has arrived. */
  receive(): ReceivedFrame | undefined {
    if (this.device.broken !== undefined) return undefined;
    let frame: ReceivedFrame | undefined;
    try {
      frame = this.device.receive();
    } catch (error) {
      this.failed(error);
    }
    if (frame === undefined) return undefined;
    this.counters.rxFrames++;
    this.counters.rxBytes += frame.bytes.length;
    return frame;
  }

  /** True if nothing is left to do for this frame: it was sent, or nobody will ever take it. */
  private offer(frame: Uint8Array, checksum: PartialChecksum | undefined): boolean {
    const { counters } = this;
    if (!this.linkUp || this.device.broken !== undefined) {
      counters.txDropped++;
      return true;
    }
    try {
      if (!this.device.transmit(frame, checksum)) {
        counters.txRefused++;
        this.full = true;
        return false;
      }
    } catch (error) {
      this.failed(error);
      counters.txDropped++;
      return true;
    }
    this.full = false;
    counters.txFrames++;
    counters.txBytes += frame.length;
    return true;
  }

  /** A card that broke is a cable that was pulled; anything else that is thrown is a mistake of ours. */
  private failed(error: unknown): void {
    if (this.device.broken === undefined) throw error;
    this.linkUp = false;
  }
}
