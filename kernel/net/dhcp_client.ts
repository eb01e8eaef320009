/** The client's side of DHCP (RFC 2131, 4.4), for one interface. Times are nanoseconds of machine time. */
import { formatAddress, prefixOf, sameMac, UNSPECIFIED } from "../../inet/addresses.ts";
import {
  decodeDhcp,
  DHCP_ACK,
  DHCP_DECLINE,
  DHCP_DISCOVER,
  DHCP_NAK,
  DHCP_OFFER,
  DHCP_REQUEST,
  type DhcpMessage,
  encodeDhcp,
} from "../../inet/dhcp.ts";
import { clientMessage, type Lease, leaseOf, setIdentity } from "./dhcp_lease.ts";

/** RFC 2131, 4.1: the first retransmission after 4 s, then twice as long up to 64 s, each give or take a second. */
const FIRST_RETRY = 4e9, LAST_RETRY = 64e9, JITTER = 1e9;
/** Requests for one offer, and for an address that we had, before the next begins. */
const REQUESTS = 4, REBOOT_REQUESTS = 2;
/** RFC 2131, 4.4.5: no more often than once a minute while the lease runs. */
const RENEW_RETRY = 60e9;
/** After a refusal, and after an address that somebody else has (RFC 2131, 3.1 (5)). */
const AFTER_NAK = 1e9, AFTER_DECLINE = 10e9;

/** RFC 2131, figure 5. */
export type DhcpState =
  | "stopped"
  | "init"
  | "selecting"
  | "requesting"
  | "bound"
  | "renewing"
  | "rebinding"
  | "rebooting";

/** What the client asks of the stack. */
export interface DhcpHost {
  readonly mac: Uint8Array;
  random32(): number;
  /**
   * Sends a message from {@link Lease.address} or 0.0.0.0: to `server`, or to everyone. One that gets lost is sent again
   * later.
   */
  send(payload: Uint8Array, source: number, server: number | undefined): void;
  bound(lease: Lease): void;
  /** The address must not be used any more. */
  lost(reason: string): void;
  log(message: string): void;
}

export class DhcpClient {
  state: DhcpState = "stopped";
  /** What is in use. */
  lease: Lease | undefined;
  private offer: DhcpMessage | undefined;
  private xid = 0;
  private began = 0;
  private tries = 0;
  private due: number | undefined;

  constructor(private readonly host: DhcpHost) {}

  /** Begins; with an address that it had before the link went away, asks whether that still holds. */
  start(now: number): void {
    if (this.lease === undefined) return this.init(now);
    this.begin("rebooting", now);
    this.send(now);
  }

  /** Waits for {@link DhcpClient.start}; a lease keeps running. */
  pause(): void {
    if (this.lease === undefined) this.state = "stopped";
    else this.state = "bound";
    this.due = this.lease?.expires;
  }

  nextDeadline(): number | undefined {
    return this.due;
  }

  poll(now: number): void {
    if (this.due === undefined || this.due > now) return;
    const { lease } = this;
    if (lease !== undefined && now >= lease.expires) return this.drop("the lease has run out", now);
    switch (this.state) {
      case "init":
        this.begin("selecting", now);
        return this.send(now);
      case "requesting":
        if (this.tries >= REQUESTS) return this.init(now);
        return this.send(now);
      case "rebooting":
        // Nobody said no: the lease holds until it ends (RFC 2131, 3.7).
        if (this.tries >= REBOOT_REQUESTS) return this.rest(lease!);
        return this.send(now);
      case "bound":
        this.begin("renewing", now);
        return this.send(now);
      case "renewing":
        if (now >= lease!.rebind) this.begin("rebinding", now);
        return this.send(now);
      default:
        return this.send(now);
    }
  }

  /** A UDP payload for the client's port has arrived. */
  input(payload: Uint8Array, now: number): void {
    const message = decodeDhcp(payload);
    if (typeof message === "string" || message.request || message.xid !== this.xid) return;
    if (!sameMac(message.chaddr, 0, this.host.mac, 0)) return;
    const { state } = this;
    if (message.type === DHCP_OFFER && state === "selecting") {
      if (leaseOf(message, now) === undefined) return;
      this.offer = message;
      this.begin("requesting", now, false);
      return this.send(now);
    }
    if (state !== "requesting" && state !== "renewing" && state !== "rebinding" && state !== "rebooting") {
      return;
    }
    if (message.type === DHCP_NAK) return this.drop("the server refused the address", now + AFTER_NAK);
    if (message.type === DHCP_ACK) this.acknowledged(message, now);
  }

  /** Somebody else on the wire has the address: tells the server, and looks for another one later. */
  decline(now: number): void {
    const { lease } = this;
    if (lease === undefined) return;
    const message = clientMessage(DHCP_DECLINE, this.xid, this.host.mac);
    setIdentity(message, lease.address, lease.server);
    this.host.send(encodeDhcp(message), UNSPECIFIED, undefined);
    this.drop(`somebody else has ${formatAddress(lease.address)}`, now + AFTER_DECLINE);
  }

  private acknowledged(message: DhcpMessage, now: number): void {
    const lease = leaseOf(message, now);
    if (lease === undefined) return;
    const before = this.lease;
    this.lease = lease;
    this.offer = undefined;
    this.rest(lease);
    if (before?.address !== lease.address) {
      this.host.log(`got ${describeLease(lease)} from ${formatAddress(lease.server)}`);
    }
    this.host.bound(lease);
  }

  /** A lease that runs: nothing to do before half of it is over. */
  private rest(lease: Lease): void {
    this.state = "bound";
    this.due = lease.renew === Infinity ? undefined : lease.renew;
  }
  private init(at: number): void {
    this.state = "init";
    this.offer = undefined;
    this.due = at;
  }
  private drop(reason: string, again: number): void {
    const had = this.lease !== undefined;
    this.lease = undefined;
    this.init(again);
    if (had) this.host.lost(reason);
  }

  /** Enters a state in which messages are sent. A new exchange has a number of its own. */
  private begin(state: DhcpState, now: number, isNew = true): void {
    this.state = state;
    this.tries = 0;
    if (!isNew) return;
    this.xid = this.host.random32();
    this.began = now;
  }

  /** Sends the state's message, and says when it is sent again. */
  private send(now: number): void {
    const { state, lease, host } = this;
    const message = clientMessage(state === "selecting" ? DHCP_DISCOVER : DHCP_REQUEST, this.xid, host.mac);
    message.secs = Math.min(0xffff, Math.floor((now - this.began) / 1e9));
    if (state === "requesting") {
      const offered = leaseOf(this.offer!, now)!;
      setIdentity(message, offered.address, offered.server);
    } else if (state === "rebooting") setIdentity(message, lease!.address, undefined);
    else if (state !== "selecting") message.ciaddr = lease!.address;
    const known = state === "renewing" || state === "rebinding";
    host.send(
      encodeDhcp(message),
      known ? lease!.address : UNSPECIFIED,
      state === "renewing" ? lease!.server : undefined,
    );
    if (known) this.due = this.againWhileBound(now, lease!);
    else {
      const wait = Math.min(FIRST_RETRY * 2 ** this.tries, LAST_RETRY);
      this.due = now + wait + Math.floor((host.random32() / 2 ** 31 - 1) * JITTER);
    }
    this.tries++;
  }

  /** Half of what is left until the next state, but no more than once a minute (RFC 2131, 4.4.5). */
  private againWhileBound(now: number, lease: Lease): number {
    const end = this.state === "renewing" ? lease.rebind : lease.expires;
    return Math.min(end, now + Math.max((end - now) / 2, RENEW_RETRY));
  }
}

/** `10.0.2.15/24, gateway 10.0.2.2` */
export function describeLease({ address, mask, router }: Lease): string {
  const gateway = router === UNSPECIFIED ? "no gateway" : `gateway ${formatAddress(router)}`;
  return `${formatAddress(address)}/${prefixOf(mask)}, ${gateway}`;
}
