/** What DHCP messages say of an address, and how they ask for one (RFC 2131, table 5; RFC 2132). */
import { BROADCAST, isLoopback, isMulticast, netmask, prefixOf, UNSPECIFIED } from "../../inet/addresses.ts";
import {
  addressesOption,
  DHCP_OPTION,
  type DhcpMessage,
  dhcpMessage,
  numberOption,
  setAddresses,
  setNumber,
  textOption,
} from "../../inet/dhcp.ts";

/** An address for a time. Addresses as numbers, times in nanoseconds of machine time. */
export interface Lease {
  readonly address: number;
  readonly mask: number;
  /** 0: none. */
  readonly router: number;
  readonly nameServers: readonly number[];
  readonly domain: string | undefined;
  readonly server: number;
  /** When it is renewed with its server, with any server, and when it ends. Infinity: never. */
  readonly renew: number;
  readonly rebind: number;
  readonly expires: number;
}

const FOREVER = 0xffffffff;
/** RFC 2131, 4.4.5: T1 and T2 where the server names none. */
const RENEW = 0.5, REBIND = 0.875;
/** Shorter leases would keep us renewing without end. Seconds. */
const SHORTEST = 10;
const MAX_MESSAGE = 1500;

/** What an offer or an acknowledgment gives; undefined if that cannot be used. */
export function leaseOf(message: DhcpMessage, now: number): Lease | undefined {
  const address = message.yiaddr;
  const [server] = addressesOption(message, DHCP_OPTION.SERVER_ID);
  const told = numberOption(message, DHCP_OPTION.LEASE_TIME, 4);
  if (server === undefined || told === undefined || !isUsable(address)) return undefined;
  const seconds = Math.max(told, SHORTEST), forever = told === FOREVER;
  const at = (option: number, part: number) => {
    if (forever) return Infinity;
    const given = numberOption(message, option, 4);
    // A time that the lease does not have makes no sense.
    return now + 1e9 * (given !== undefined && given < seconds ? given : seconds * part);
  };
  const rebind = at(DHCP_OPTION.REBINDING_TIME, REBIND);
  const [mask = classMask(address)] = addressesOption(message, DHCP_OPTION.SUBNET_MASK);
  const [router = UNSPECIFIED] = addressesOption(message, DHCP_OPTION.ROUTER);
  return {
    address,
    mask: prefixOf(mask) === undefined ? classMask(address) : mask,
    router,
    nameServers: addressesOption(message, DHCP_OPTION.DNS_SERVER),
    domain: textOption(message, DHCP_OPTION.DOMAIN_NAME),
    server,
    renew: Math.min(at(DHCP_OPTION.RENEWAL_TIME, RENEW), rebind),
    rebind,
    expires: forever ? Infinity : now + 1e9 * seconds,
  };
}

/** A message of ours, with what every one of them says (RFC 2131, 3.5). */
export function clientMessage(type: number, xid: number, mac: Uint8Array): DhcpMessage {
  const message = dhcpMessage(type, xid, mac);
  const { SUBNET_MASK, ROUTER, DNS_SERVER, DOMAIN_NAME, LEASE_TIME, RENEWAL_TIME, REBINDING_TIME } =
    DHCP_OPTION;
  message.options.set(
    DHCP_OPTION.PARAMETER_LIST,
    Uint8Array.of(
      SUBNET_MASK,
      ROUTER,
      DNS_SERVER,
      DOMAIN_NAME,
      LEASE_TIME,
      RENEWAL_TIME,
      REBINDING_TIME,
    ),
  );
  setNumber(message, DHCP_OPTION.MAX_MESSAGE_SIZE, 2, MAX_MESSAGE);
  return message;
}

/** Names the address that is asked for or refused, and whose offer it was. */
export function setIdentity(message: DhcpMessage, address: number, server: number | undefined): void {
  setAddresses(message, DHCP_OPTION.REQUESTED_ADDRESS, address);
  if (server !== undefined) setAddresses(message, DHCP_OPTION.SERVER_ID, server);
}

function isUsable(address: number): boolean {
  return address !== UNSPECIFIED && address !== BROADCAST && !isMulticast(address) && !isLoopback(address);
}

/** The mask by the address's class, where a server names none (RFC 1122, 3.3.6 has its history). */
function classMask(address: number): number {
  return netmask(address < 0x80000000 ? 8 : address < 0xc0000000 ? 16 : 24);
}
