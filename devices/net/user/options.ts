import { type Props, UsageError } from "../../description/types.ts";
import { readBool } from "../../description/words.ts";
import { formatAddress, netmask, parseAddress, prefixOf } from "../../../inet/addresses.ts";

/** A port of the host that leads to the guest (`hostfwd=`). Addresses as 32-bit numbers. */
export interface Forward {
  readonly protocol: "tcp" | "udp";
  /** Where the host listens: as it was written, or 127.0.0.1. */
  readonly hostAddress: string;
  /** 0: any that is free. */
  readonly hostPort: number;
  readonly guestAddress: number;
  readonly guestPort: number;
}

/** The network that `-netdev user` makes. Addresses as 32-bit numbers. */
export interface UserOptions {
  readonly network: number;
  readonly mask: number;
  /** The gateway: behind it is the host's loopback. */
  readonly host: number;
  readonly dns: number;
  /** First address that DHCP gives out. */
  readonly dhcpStart: number;
  /** Told to the guest by DHCP. */
  readonly hostname: string | undefined;
  /** The guest reaches nobody: only forwarded ports work. */
  readonly restrict: boolean;
  readonly forwards: readonly Forward[];
}

/** What may be said of `-netdev user` beside `hostfwd`. */
export const USER_PROPS = [
  "net",
  "host",
  "dns",
  "dhcpstart",
  "hostname",
  "restrict",
  "ipv4",
  "ipv6",
] as const;
/** What QEMU has and this network does not, and why. */
export const USER_REFUSED: Readonly<Record<string, string>> = {
  guestfwd: "guestfwd is not supported: a server on the host is reached at the gateway's address",
  "ipv6-net": "there is no IPv6",
  "ipv6-prefix": "there is no IPv6",
  "ipv6-prefixlen": "there is no IPv6",
  "ipv6-host": "there is no IPv6",
  "ipv6-dns": "there is no IPv6",
  dnssearch: "DHCP does not tell search domains",
  domainname: "DHCP does not tell a domain",
  tftp: "there is no TFTP server",
  "tftp-server-name": "there is no TFTP server",
  bootfile: "nothing boots from the network",
  smb: "there is no file server",
  smbserver: "there is no file server",
};

/**
 * Reads the properties of `-netdev user`, with QEMU's defaults: 10.0.2.0/24, the host at .2, DNS at .3, guests from .15.
 *
 * @param where for messages: `-netdev user,id=n0`.
 * @throws {UsageError}
 */
export function userOptions(where: string, props: Props, hostfwd: readonly string[] = []): UserOptions {
  if (props.ipv6 !== undefined && readBool(where, "ipv6", props.ipv6)) {
    throw new UsageError(`${where}: ipv6=on is not supported, there is only IPv4 (possible: ipv6=off)`);
  }
  if (props.ipv4 !== undefined && !readBool(where, "ipv4", props.ipv4)) {
    throw new UsageError(`${where}: ipv4=off is not supported, there is only IPv4`);
  }
  const { network, mask } = readNetwork(where, props.net ?? "10.0.2.0/24");
  const inside = (name: "host" | "dns" | "dhcpstart", otherwise: number) => {
    const text = props[name];
    const address = text === undefined ? (network | otherwise & ~mask) >>> 0 : parseAddress(text);
    if (address === undefined) throw new UsageError(`${where}: ${name}=${text} is not an IPv4 address`);
    if ((address & mask) >>> 0 === network) return address;
    throw new UsageError(
      `${where}: ${name}=${text} does not belong to the network ${formatAddress(network)}/${prefixOf(mask)}`,
    );
  };
  const host = inside("host", 0x0202);
  const dns = inside("dns", 0x0203);
  const dhcpStart = inside("dhcpstart", 0x020f);
  if (dns === host) throw new UsageError(`${where}: dns= must be different from host=`);
  if (dhcpStart === host || dhcpStart === dns) {
    throw new UsageError(`${where}: dhcpstart= must be different from host= and dns=`);
  }
  const { hostname } = props;
  if (hostname !== undefined && (hostname === "" || hostname.length > 32 || /[^ -~]/.test(hostname))) {
    throw new UsageError(`${where}: hostname=${hostname} is not a name of 1 to 32 plain characters`);
  }
  const restrict = props.restrict !== undefined && readBool(where, "restrict", props.restrict);
  const forwards = hostfwd.map((text) => readForward(where, text, dhcpStart));
  return { network, mask, host, dns, dhcpStart, hostname, restrict, forwards };
}

/** Reads `[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport`. @throws {UsageError} */
export function readForward(where: string, text: string, guest: number): Forward {
  const wrong = (why: string) =>
    new UsageError(
      `${where}: hostfwd=${text}: ${why}; expected [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport`,
    );
  const m = /^([^:]*):([^:-]*):([^:-]*)-([^:]*):(.*)$/.exec(text);
  if (m === null) throw wrong("is not a rule");
  const [, protocol, hostText, hostPort, guestText, guestPort] = m;
  if (!["", "tcp", "udp"].includes(protocol)) throw wrong(`'${protocol}' is not a protocol`);
  if (hostText !== "" && parseAddress(hostText) === undefined) {
    throw wrong(`'${hostText}' is not an IPv4 address`);
  }
  const guestAddress = guestText === "" ? guest : parseAddress(guestText);
  if (guestAddress === undefined) throw wrong(`'${guestText}' is not an IPv4 address`);
  const port = (value: string, least: number) => {
    const n = /^\d{1,5}$/.test(value) ? Number(value) : NaN;
    if (n >= least && n <= 65535) return n;
    throw wrong(`'${value}' is not a port from ${least} to 65535`);
  };
  return {
    protocol: protocol === "udp" ? "udp" : "tcp",
    hostAddress: hostText === "" ? "127.0.0.1" : hostText,
    hostPort: port(hostPort, 0),
    // 0.0.0.0 is the guest, wherever it is, as with QEMU.
    guestAddress: guestAddress === 0 ? guest : guestAddress,
    guestPort: port(guestPort, 1),
  };
}

/** `a.b.c.d`, `a.b.c.d/bits` or `a.b.c.d/mask`; without a mask the class of old decides, as with QEMU. */
function readNetwork(where: string, text: string): { network: number; mask: number } {
  const [first, second, more] = text.split("/");
  const address = parseAddress(first);
  const wrong = new UsageError(`${where}: net=${text} is not a network (as 10.0.2.0/24)`);
  if (address === undefined || more !== undefined) throw wrong;
  // Without a mask: 8, 16 or 24 bits, by the first ones.
  const bits = second === undefined
    ? address >>> 31 === 0 ? 8 : address >>> 30 === 2 ? 16 : 24
    : /^\d{1,2}$/.test(second)
    ? Number(second)
    : prefixOf(parseAddress(second) ?? 1);
  if (bits === undefined || bits < 4 || bits > 29) throw wrong;
  const mask = netmask(bits);
  return { network: (address & mask) >>> 0, mask };
}
