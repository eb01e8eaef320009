import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseMac } from "../../inet/addresses.ts";
import {
  addressesOption,
  decodeDhcp,
  DHCP_ACK,
  DHCP_DISCOVER,
  DHCP_OFFER,
  DHCP_OPTION,
  DHCP_REQUEST,
  type DhcpMessage,
  dhcpMessage,
  encodeDhcp,
  numberOption,
  setAddresses,
  setNumber,
  setText,
  textOption,
} from "../../inet/dhcp.ts";
import { hex, once, recorded } from "./_support.ts";

const MAC = parseMac("52:54:00:12:34:56")!;
const UDP_PAYLOAD = 42;

function decoded(bytes: Uint8Array): DhcpMessage {
  const message = decodeDhcp(bytes);
  if (typeof message === "string") throw new Error(message);
  return message;
}

once("DHCP: what iPXE asks", () => {
  const discover = decoded(recorded("dhcp discover").subarray(UDP_PAYLOAD));
  assertEquals([discover.request, discover.type, discover.xid, discover.secs], [
    true,
    DHCP_DISCOVER,
    0xa0f5c15c,
    4,
  ]);
  assertEquals([discover.broadcast, discover.ciaddr, discover.yiaddr], [false, 0, 0]);
  assertEquals(discover.chaddr, MAC);
  assertEquals(discover.options.get(DHCP_OPTION.CLIENT_ID), hex("01 525400123456"));
  assertEquals(discover.options.get(DHCP_OPTION.PARAMETER_LIST)?.length, 23);
  const request = decoded(recorded("dhcp request").subarray(UDP_PAYLOAD));
  assertEquals(request.type, DHCP_REQUEST);
  assertEquals(addressesOption(request, DHCP_OPTION.REQUESTED_ADDRESS), [0x0a00020f]);
  assertEquals(addressesOption(request, DHCP_OPTION.SERVER_ID), [0x0a000202]);
});

once("DHCP: what libslirp answers", () => {
  for (const [name, type] of [["dhcp offer", DHCP_OFFER], ["dhcp ack", DHCP_ACK]] as const) {
    const message = decoded(recorded(name).subarray(UDP_PAYLOAD));
    assertEquals([message.request, message.type, message.yiaddr], [false, type, 0x0a00020f]);
    assertEquals(addressesOption(message, DHCP_OPTION.SUBNET_MASK), [0xffffff00]);
    assertEquals(addressesOption(message, DHCP_OPTION.ROUTER), [0x0a000202]);
    assertEquals(addressesOption(message, DHCP_OPTION.DNS_SERVER), [0x0a000203]);
    assertEquals(numberOption(message, DHCP_OPTION.LEASE_TIME, 4), 86400);
    assertEquals(textOption(message, DHCP_OPTION.HOST_NAME), "shell");
    assertEquals(textOption(message, DHCP_OPTION.DOMAIN_NAME), "example.org");
  }
});

once("DHCP: a message there and back", () => {
  const message = dhcpMessage(DHCP_ACK, 0xdeadbeef, MAC);
  assert(!message.request);
  Object.assign(message, { secs: 300, broadcast: true, ciaddr: 1, yiaddr: 0xffffffff, siaddr: 3, giaddr: 4 });
  setAddresses(message, DHCP_OPTION.ROUTER, 0x0a000202, 0x0a000203);
  setNumber(message, DHCP_OPTION.LEASE_TIME, 4, 0xffffffff);
  setNumber(message, DHCP_OPTION.INTERFACE_MTU, 2, 1500);
  setText(message, DHCP_OPTION.HOST_NAME, "pagurus");
  message.options.set(200, new Uint8Array(600).map((_, i) => i));
  message.options.set(80, new Uint8Array(0));
  const bytes = encodeDhcp(message);
  assert(bytes.length >= 300);
  assertEquals(decoded(bytes), message);
  assertEquals(numberOption(message, DHCP_OPTION.INTERFACE_MTU, 4), undefined, "another size");
  assertEquals(encodeDhcp(dhcpMessage(DHCP_DISCOVER, 1, MAC)).length, 300, "as long as BOOTP's");
});

once("DHCP: options in the fields for names (RFC 2132, 9.3)", () => {
  const bytes = encodeDhcp(dhcpMessage(DHCP_OFFER, 1, MAC));
  bytes.set(hex("35 01 02 34 01 03 ff"), 240);
  bytes.set(hex("06 04 0a000203 ff"), 108);
  bytes.set(hex("03 04 0a000202 ff"), 44);
  const message = decoded(bytes);
  assertEquals(addressesOption(message, DHCP_OPTION.DNS_SERVER), [0x0a000203]);
  assertEquals(addressesOption(message, DHCP_OPTION.ROUTER), [0x0a000202]);
});

once("DHCP: what is wrong is said", () => {
  const good = encodeDhcp(dhcpMessage(DHCP_DISCOVER, 1, MAC));
  const wrong = (change: (bytes: Uint8Array) => void) => {
    const bytes = good.slice();
    change(bytes);
    return decodeDhcp(bytes);
  };
  assertEquals(decodeDhcp(good.subarray(0, 239)), "truncated");
  assertEquals(wrong((b) => b[0] = 3), "foreign");
  assertEquals(wrong((b) => b[1] = 6), "foreign");
  assertEquals(wrong((b) => b[236] = 0), "foreign");
  assertEquals(wrong((b) => b.fill(0, 240)), "no message type");
  assertEquals(wrong((b) => b[241] = 255), "option");
  assertEquals(decodeDhcp(good.subarray(0, 242)), "option");
});

once("DHCP: any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (options) => {
      const bytes = new Uint8Array(240 + options.length);
      bytes.set(encodeDhcp(dhcpMessage(DHCP_DISCOVER, 1, MAC)).subarray(0, 240));
      bytes.set(options, 240);
      decodeDhcp(bytes);
    }),
    { numRuns: 2000 },
  );
});
