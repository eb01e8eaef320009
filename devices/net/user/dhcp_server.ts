import { BROADCAST, formatMac } from "../../../inet/addresses.ts";
import {
  addressesOption,
  decodeDhcp,
  DHCP_ACK,
  DHCP_DISCOVER,
  DHCP_NAK,
  DHCP_OFFER,
  DHCP_OPTION,
  DHCP_REQUEST,
  dhcpMessage,
  encodeDhcp,
  setAddresses,
  setNumber,
  setText,
} from "../../../inet/dhcp.ts";
import type { UserOptions } from "./options.ts";

/** Addresses that are given out, from `dhcpstart` on, as QEMU does. */
const LEASES = 16;
const LEASE_SECONDS = 86400;
/** What QEMU's server sends, whatever is in it. */
const REPLY_LENGTH = 548;

/** An answer, and where its client is if that is known now. */
export interface DhcpReply {
  readonly bytes: Uint8Array;
  /** The address that was given, and to whom. Undefined where none was. */
  readonly given: { readonly address: number; readonly mac: Uint8Array } | undefined;
}

/**
 * A DHCP server that answers as that of QEMU's user-mode network: an address belongs to who asked for it until another
 * needs it, discover and request are answered and all else is not.
 */
export class DhcpServer {
  /** Who has which of the {@link LEASES} addresses. */
  private readonly owners: (string | undefined)[] = new Array(LEASES).fill(undefined);

  constructor(private readonly options: UserOptions) {}

  /** The answer to a client's message, broadcast from the gateway; undefined if there is none. */
  answer(message: Uint8Array): DhcpReply | undefined {
    const request = decodeDhcp(message);
    if (typeof request === "string" || !request.request) return undefined;
    if (request.type !== DHCP_DISCOVER && request.type !== DHCP_REQUEST) return undefined;
    const mac = formatMac(request.chaddr);
    const [asked] = addressesOption(request, DHCP_OPTION.REQUESTED_ADDRESS);
    const wanted = asked ?? (request.ciaddr === 0 ? undefined : request.ciaddr);
    const address = request.type === DHCP_DISCOVER
      ? this.lease(mac, wanted) ?? this.lease(mac, undefined)
      : this.lease(mac, wanted);
    if (address === undefined && request.type === DHCP_DISCOVER) return undefined;

    const { host, dns, mask, restrict, hostname } = this.options;
    const type = address === undefined ? DHCP_NAK : request.type === DHCP_DISCOVER ? DHCP_OFFER : DHCP_ACK;
    const reply = dhcpMessage(type, request.xid, request.chaddr);
    reply.siaddr = host;
    reply.giaddr = request.giaddr;
    setAddresses(reply, DHCP_OPTION.SERVER_ID, host);
    if (address === undefined) setText(reply, DHCP_OPTION.MESSAGE, "requested address not available");
    else {
      reply.yiaddr = address;
      setAddresses(reply, DHCP_OPTION.SUBNET_MASK, mask);
      if (!restrict) {
        setAddresses(reply, DHCP_OPTION.ROUTER, host);
        setAddresses(reply, DHCP_OPTION.DNS_SERVER, dns);
      }
      setNumber(reply, DHCP_OPTION.LEASE_TIME, 4, LEASE_SECONDS);
      if (hostname !== undefined) setText(reply, DHCP_OPTION.HOST_NAME, hostname);
    }
    const bytes = new Uint8Array(REPLY_LENGTH);
    bytes.set(encodeDhcp(reply));
    return { bytes, given: address === undefined ? undefined : { address, mac: request.chaddr } };
  }

  /** The wanted address, if it is this client's or nobody's; without a wish its own, or a free one. */
  private lease(mac: string, wanted: number | undefined): number | undefined {
    const { dhcpStart } = this.options;
    let slot = wanted === undefined ? this.owners.indexOf(mac) : wanted - dhcpStart;
    if (wanted === undefined && slot < 0) slot = this.owners.indexOf(undefined);
    if (slot < 0 || slot >= LEASES) return undefined;
    const owner = this.owners[slot];
    if (owner !== undefined && owner !== mac) return undefined;
    this.owners[slot] = mac;
    const address = dhcpStart + slot;
    return address === BROADCAST ? undefined : address;
  }
}
