import { testUnless } from "../support/once.ts";
import { assert, assertEquals } from "@std/assert";
import { decodeFrame, hexBytes, pcapFile } from "../../dashboard/lib/views/mod.ts";
import { checksum } from "../../inet/checksum.ts";
import { BUILT, record } from "./recorded_run.ts";

const ignore = Deno.env.get("CAREFUL") === "1";
const test = testUnless(ignore);
const once = testUnless(ignore || BUILT === "mmio");

test("the frames of a boot are taken apart: DHCP, then ARP", async () => {
  const { timeline } = await record([]);
  const frames = timeline.matches({ step: "frame" }).map((at) => {
    const e = timeline.event(at) as { ev: string; hex: string };
    return { t: timeline.time(at), ev: e.ev, bytes: hexBytes(e.hex) };
  });
  const decoded = frames.map((f) => decodeFrame(f.bytes));
  assertEquals(decoded.slice(0, 4).map((f) => f.summary), [
    "DISCOVER",
    "OFFER 10.0.2.15",
    "REQUEST",
    "ACK 10.0.2.15",
  ]);
  assertEquals(decoded[0].layers.map((l) => l.name), ["Ethernet", "IPv4", "UDP", "DHCP"]);
  assertEquals([decoded[0].from, decoded[0].to], ["0.0.0.0:68", "255.255.255.255:67"]);
  assert(decoded.some((f) => f.protocol === "ARP" && f.summary.startsWith("who has ")));
  assert(decoded.every((f) => f.wrong === ""));

  const file = new DataView(pcapFile(frames).buffer);
  assertEquals(file.getUint32(0, true), 0xa1b2c3d4);
  let at = 24;
  for (const { t, bytes } of frames) {
    assertEquals(file.getUint32(at, true) * 1e6 + file.getUint32(at + 4, true), Math.floor(t / 1000));
    assertEquals(file.getUint32(at + 8, true), bytes.length);
    assertEquals(new Uint8Array(file.buffer, at + 16, bytes.length), bytes);
    at += 16 + bytes.length;
  }
  assertEquals(at, file.byteLength);
});

/** An Ethernet header of a type, and what follows. */
const frame = (type: string, rest: string) =>
  hexBytes(`525400123456525500000202${type}${rest}`.replaceAll(" ", ""));

once("a TCP segment shows flags, options and the first line of its data", () => {
  const ip = "4500 0038 0001 0000 4006 62a9 0a00020f 0a000202".replaceAll(" ", "");
  const tcp = "c000 0050 00000001 00000002 5018 ffff 0000 0000".replaceAll(" ", "");
  const text = [..."GET / HTTP/1.0\r\n"].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  const bytes = frame("0800", ip + tcp + text);
  bytes.fill(0, 24, 26);
  const sum = checksum(bytes, 14, 34);
  bytes.set([sum >> 8, sum & 0xff], 24);
  const f = decodeFrame(bytes);
  assertEquals(f.wrong, "");
  assertEquals([f.protocol, f.from, f.to], ["TCP", "10.0.2.15:49152", "10.0.2.2:80"]);
  assertEquals(f.summary, "PSH ACK, sequence 1, 16 bytes: GET / HTTP/1.0");
});

once("what is no frame, or a broken one, is said", () => {
  assertEquals(decodeFrame(new Uint8Array(5)).wrong, "shorter than an Ethernet header");
  assertEquals(decodeFrame(frame("0800", "45")).wrong, "IPv4: truncated");
  assertEquals(decodeFrame(frame("88cc", "00")).summary, "type 0x88cc");
  for (let length = 0; length < 80; length++) {
    const bytes = frame("0800", `4500${"00".repeat(80)}`).subarray(0, length);
    assertEquals(decodeFrame(bytes).length, length);
  }
});
