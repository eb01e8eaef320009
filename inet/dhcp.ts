/** DHCP messages (RFC 2131, 2; options of RFC 2132), as client and server send them. */
import { copyMac, MAC_LENGTH, readAddress, writeAddress } from "./addresses.ts";

export const DHCP_SERVER_PORT = 67;
export const DHCP_CLIENT_PORT = 68;

/** Values of option 53 (RFC 2132, 9.6). */
export const DHCP_DISCOVER = 1, DHCP_OFFER = 2, DHCP_REQUEST = 3, DHCP_DECLINE = 4;
export const DHCP_ACK = 5, DHCP_NAK = 6, DHCP_RELEASE = 7, DHCP_INFORM = 8;

/** Option codes (RFC 2132). */
export const DHCP_OPTION = {
  SUBNET_MASK: 1,
  ROUTER: 3,
  DNS_SERVER: 6,
  HOST_NAME: 12,
  DOMAIN_NAME: 15,
  INTERFACE_MTU: 26,
  BROADCAST: 28,
  NTP_SERVER: 42,
  REQUESTED_ADDRESS: 50,
  LEASE_TIME: 51,
  OVERLOAD: 52,
  MESSAGE_TYPE: 53,
  SERVER_ID: 54,
  PARAMETER_LIST: 55,
  MESSAGE: 56,
  MAX_MESSAGE_SIZE: 57,
  RENEWAL_TIME: 58,
  REBINDING_TIME: 59,
  VENDOR_CLASS: 60,
  CLIENT_ID: 61,
} as const;

const BOOT_REQUEST = 1, BOOT_REPLY = 2, ETHERNET = 1;
const COOKIE = 0x63825363;
const SNAME = 44, FILE = 108, FIXED = 236, OPTIONS = 240;
const PAD = 0, END = 255;
const BROADCAST_FLAG = 0x8000;
/** Messages shorter than BOOTP's (RFC 951) are dropped by some relays. */
const MINIMUM = 300;

/** What is wrong with a message; `foreign`: not DHCP on Ethernet. */
export type DhcpError = "truncated" | "foreign" | "no message type" | "option";

/** A message. Addresses are 0 where there is none. */
export interface DhcpMessage {
  /** From a client; otherwise from a server. */
  request: boolean;
  /** Option 53: {@link DHCP_DISCOVER} and so on. */
  type: number;
  /** Transaction: unsigned 32 bits. */
  xid: number;
  /** Seconds since the client began. */
  secs: number;
  /** The client cannot take unicast packets yet (RFC 2131, 4.1). */
  broadcast: boolean;
  /** The client's address, as it says; that given to it; the next server's; the relay's. */
  ciaddr: number;
  yiaddr: number;
  siaddr: number;
  giaddr: number;
  /** The client's MAC address. */
  chaddr: Uint8Array;
  /** Options but 53, pad, end and 52 (which is followed): what an option holds, by its code. */
  options: Map<number, Uint8Array>;
}

/** A message with everything absent, to fill in. */
export function dhcpMessage(type: number, xid: number, chaddr: Uint8Array): DhcpMessage {
  const request = type !== DHCP_OFFER && type !== DHCP_ACK && type !== DHCP_NAK;
  return {
    request,
    type,
    xid,
    chaddr: chaddr.slice(0, MAC_LENGTH),
    secs: 0,
    broadcast: false,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
    options: new Map(),
  };
}

/** Reads a UDP payload; a string says what is wrong with it. Pieces of one option are put together (RFC 3396). */
export function decodeDhcp(bytes: Uint8Array): DhcpMessage | DhcpError {
  if (bytes.length < OPTIONS) return "truncated";
  const op = bytes[0];
  if (op !== BOOT_REQUEST && op !== BOOT_REPLY || bytes[1] !== ETHERNET || bytes[2] !== MAC_LENGTH) {
    return "foreign";
  }
  if (readAddress(bytes, FIXED) !== COOKIE) return "foreign";
  const options = new Map<number, Uint8Array>();
  if (!readOptions(options, bytes, OPTIONS, bytes.length)) return "option";
  const overload = options.get(DHCP_OPTION.OVERLOAD)?.[0] ?? 0;
  options.delete(DHCP_OPTION.OVERLOAD);
  if ((overload & 1) !== 0 && !readOptions(options, bytes, FILE, FIXED)) return "option";
  if ((overload & 2) !== 0 && !readOptions(options, bytes, SNAME, FILE)) return "option";
  const type = options.get(DHCP_OPTION.MESSAGE_TYPE);
  if (type === undefined || type.length !== 1) return "no message type";
  options.delete(DHCP_OPTION.MESSAGE_TYPE);
  return {
    request: op === BOOT_REQUEST,
    type: type[0],
    xid: readAddress(bytes, 4),
    secs: bytes[8] << 8 | bytes[9],
    broadcast: (bytes[10] & BROADCAST_FLAG >>> 8) !== 0,
    ciaddr: readAddress(bytes, 12),
    yiaddr: readAddress(bytes, 16),
    siaddr: readAddress(bytes, 20),
    giaddr: readAddress(bytes, 24),
    chaddr: bytes.slice(28, 28 + MAC_LENGTH),
    options,
  };
}

/** A message as a UDP payload, padded to BOOTP's length. An option over 255 bytes goes in pieces (RFC 3396). */
export function encodeDhcp(message: DhcpMessage): Uint8Array<ArrayBuffer> {
  const options: number[] = [DHCP_OPTION.MESSAGE_TYPE, 1, message.type];
  for (const [code, value] of message.options) {
    for (let at = 0; at === 0 || at < value.length; at += 255) {
      const piece = value.subarray(at, at + 255);
      options.push(code, piece.length, ...piece);
    }
  }
  options.push(END);
  const bytes = new Uint8Array(Math.max(MINIMUM, OPTIONS + options.length));
  bytes[0] = message.request ? BOOT_REQUEST : BOOT_REPLY;
  bytes[1] = ETHERNET;
  bytes[2] = MAC_LENGTH;
  writeAddress(bytes, 4, message.xid);
  bytes[8] = message.secs >>> 8;
  bytes[9] = message.secs;
  if (message.broadcast) bytes[10] = BROADCAST_FLAG >>> 8;
  writeAddress(bytes, 12, message.ciaddr);
  writeAddress(bytes, 16, message.yiaddr);
  writeAddress(bytes, 20, message.siaddr);
  writeAddress(bytes, 24, message.giaddr);
  copyMac(bytes, 28, message.chaddr, 0);
  writeAddress(bytes, FIXED, COOKIE);
  bytes.set(options, OPTIONS);
  return bytes;
}

/** The addresses of an option such as {@link DHCP_OPTION.ROUTER}; a last incomplete one is left out. */
export function addressesOption(message: DhcpMessage, code: number): number[] {
  const value = message.options.get(code);
  const found: number[] = [];
  for (let at = 0; value !== undefined && at + 4 <= value.length; at += 4) found.push(readAddress(value, at));
  return found;
}

/** An option's number of `size` (1, 2 or 4) bytes, or undefined if it is absent or of another size. */
export function numberOption(message: DhcpMessage, code: number, size: 1 | 2 | 4): number | undefined {
  const value = message.options.get(code);
  if (value === undefined || value.length !== size) return undefined;
  return value.reduce((number, byte) => number * 256 + byte, 0);
}

/** An option's text, without the zeros that some put behind it. */
export function textOption(message: DhcpMessage, code: number): string | undefined {
  const value = message.options.get(code);
  return value && new TextDecoder().decode(value).replace(/\0+$/, "");
}

/** Sets an option to addresses, one after the other. */
export function setAddresses(message: DhcpMessage, code: number, ...addresses: number[]): void {
  const value = new Uint8Array(4 * addresses.length);
  addresses.forEach((address, i) => writeAddress(value, 4 * i, address));
  message.options.set(code, value);
}

/** Sets an option to a number of `size` bytes. */
export function setNumber(message: DhcpMessage, code: number, size: 1 | 2 | 4, number: number): void {
  const value = new Uint8Array(4);
  writeAddress(value, 0, number);
  message.options.set(code, value.slice(4 - size));
}

/** Sets an option to text. */
export function setText(message: DhcpMessage, code: number, text: string): void {
  message.options.set(code, new TextEncoder().encode(text));
}

function readOptions(options: Map<number, Uint8Array>, bytes: Uint8Array, at: number, end: number): boolean {
  while (at < end) {
    const code = bytes[at++];
    if (code === PAD) continue;
    if (code === END) return true;
    if (at >= end || at + 1 + bytes[at] > end) return false;
    const value = bytes.slice(at + 1, at + 1 + bytes[at]);
    const before = options.get(code);
    options.set(code, before === undefined ? value : Uint8Array.of(...before, ...value));
    at += 1 + bytes[at];
  }
  return true;
}
