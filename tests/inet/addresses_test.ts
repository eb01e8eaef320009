import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  broadcastOf,
  formatAddress,
  formatCidr,
  formatMac,
  inNetwork,
  isBroadcastMac,
  isGroupMac,
  isLoopback,
  isMulticast,
  netmask,
  networkOf,
  parseAddress,
  parseCidr,
  parseMac,
  prefixOf,
  readAddress,
  sameMac,
  writeAddress,
} from "../../inet/addresses.ts";
import { hex, once } from "./_support.ts";

once("addresses: text and numbers", () => {
  assertEquals(parseAddress("10.0.2.15"), 0x0a00020f);
  assertEquals(parseAddress("255.255.255.255"), 0xffffffff);
  assertEquals(parseAddress("0.0.0.0"), 0);
  for (
    const wrong of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "01.2.3.4",
      "1.2.3.4 ",
      "1.2.3.-4",
      "0x1.2.3.4",
      "a.b.c.d",
    ]
  ) {
    assertEquals(parseAddress(wrong), undefined, wrong);
  }
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (address) => {
    assertEquals(parseAddress(formatAddress(address)), address);
    const bytes = new Uint8Array(6);
    writeAddress(bytes, 1, address);
    assertEquals(readAddress(bytes, 1), address);
    assertEquals([bytes[0], bytes[5]], [0, 0]);
  }));
});

once("addresses: networks", () => {
  const net = parseCidr("10.0.2.15/24")!;
  assertEquals(formatAddress(networkOf(net)), "10.0.2.0");
  assertEquals(formatAddress(broadcastOf(net)), "10.0.2.255");
  assert(inNetwork(net, parseAddress("10.0.2.200")!));
  assert(!inNetwork(net, parseAddress("10.0.3.1")!));
  assertEquals(formatCidr(parseCidr("192.168.0.0/255.255.0.0")!), "192.168.0.0/16");
  assertEquals([netmask(0), netmask(1), netmask(31), netmask(32)], [0, 0x80000000, 0xfffffffe, 0xffffffff]);
  for (let prefix = 0; prefix <= 32; prefix++) assertEquals(prefixOf(netmask(prefix)), prefix);
  assertEquals(prefixOf(0xff00ff00), undefined);
  for (
    const wrong of ["10.0.2.0", "10.0.2.0/33", "10.0.2.0/", "10.0.2.0/255.0.255.0", "/24", "10.0.2.0/2x"]
  ) {
    assertEquals(parseCidr(wrong), undefined, wrong);
  }
  assert(inNetwork(parseCidr("0.0.0.0/0")!, 0xfffffffe));
  assert(isMulticast(0xe0000001) && isMulticast(0xefffffff) && !isMulticast(0xf0000000));
  assert(isLoopback(0x7f000001) && isLoopback(0x7fffffff) && !isLoopback(0x80000000));
});

once("addresses: MAC", () => {
  assertEquals(parseMac("52:54:00:12:34:56"), hex("525400123456"));
  assertEquals(parseMac("52-54-0-12-34-56"), hex("525400123456"));
  assertEquals(formatMac(hex("00 525400123456"), 1), "52:54:00:12:34:56");
  for (
    const wrong of [
      "52:54:00:12:34",
      "52:54:00:12:34:56:78",
      "52:54:00:12:34:5g",
      "52:54-00:12:34:56",
      "525400123456",
    ]
  ) {
    assertEquals(parseMac(wrong), undefined, wrong);
  }
  assert(isBroadcastMac(hex("ffffffffffff"), 0) && !isBroadcastMac(hex("fffffffffffe"), 0));
  assert(isGroupMac(hex("01005e000001"), 0) && !isGroupMac(hex("525400123456"), 0));
  assert(sameMac(hex("aabbccddeeff"), 0, hex("00aabbccddeeff"), 1));
});
