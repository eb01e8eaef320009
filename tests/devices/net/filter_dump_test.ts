import { once } from "./once.ts";
import { assertEquals } from "@std/assert";
import { type DumpQueue, FilterDump } from "../../../devices/net/filter_dump.ts";
import { PcapWriter } from "../../../devices/net/pcap.ts";
import { Card, frameOf, Sink, tagOf } from "./support.ts";

/** Reads a pcap by the format's description (draft-ietf-opsawg-pcap), not by our writer. */
function readPcap(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u32 = (at: number) => view.getUint32(at, true);
  const header = {
    magic: u32(0),
    version: [view.getUint16(4, true), view.getUint16(6, true)],
    zone: u32(8),
    figures: u32(12),
    snap: u32(16),
    link: u32(20),
  };
  const packets = [];
  for (let at = 24; at < bytes.length; at += 16 + u32(at + 8)) {
    packets.push({
      at: u32(at) * 1e6 + u32(at + 4),
      length: u32(at + 12),
      bytes: bytes.subarray(at + 16, at + 16 + u32(at + 8)),
    });
  }
  return { header, packets };
}

function capture(queue: DumpQueue, maxLength?: number) {
  const pieces: number[] = [];
  const sink = new Sink();
  const pcap = new PcapWriter((bytes) => pieces.push(...bytes), maxLength);
  const card = new Card(new FilterDump(sink, pcap, queue));
  card.pass(1_234_567_890);
  card.backend.send(frameOf(1, 60));
  card.pass(1_000_000_000);
  sink.frontend!.receive(frameOf(2, 1514));
  card.room = 0;
  sink.frontend!.receive(frameOf(3, 60));
  assertEquals([sink.sent.map(tagOf), card.received.map(tagOf)], [[1], [2]]);
  return readPcap(Uint8Array.from(pieces));
}

once("a pcap: its header, times in microseconds of machine time, frames whole", () => {
  const { header, packets } = capture("all");
  assertEquals(header, { magic: 0xa1b2c3d4, version: [2, 4], zone: 0, figures: 0, snap: 65536, link: 1 });
  assertEquals(packets.map((p) => [p.at, p.length, p.bytes.length]), [[1_234_567, 60, 60], [
    2_234_567,
    1514,
    1514,
  ]]);
  assertEquals(packets.map((p) => tagOf(p.bytes)), [1, 2], "what was refused was not seen on the wire");
});

once("maxlen cuts frames and says how long they were; queue= is seen from the back end, as in QEMU", () => {
  assertEquals(capture("all", 64).packets.map((p) => [p.length, p.bytes.length]), [[60, 60], [1514, 64]]);
  assertEquals(capture("rx").packets.map((p) => p.length), [60]);
  assertEquals(capture("tx").packets.map((p) => p.length), [1514]);
});

// A second reader, where there is one.
if (await new Deno.Command("tshark", { args: ["-v"] }).output().then((o) => o.success, () => false)) {
  once("tshark reads it", async () => {
    const file = await Deno.makeTempFile({ suffix: ".pcap" });
    using out = await Deno.open(file, { write: true });
    const pcap = new PcapWriter((bytes) => void out.writeSync(bytes));
    const arp = new Uint8Array(42);
    arp.fill(0xff, 0, 6);
    arp.set([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1], 12);
    pcap.write(arp, 5e9);
    const args = ["-r", file, "-T", "fields", "-e", "eth.type", "-e", "frame.time_epoch"];
    const { stdout } = await new Deno.Command("tshark", { args }).output();
    await Deno.remove(file);
    assertEquals(new TextDecoder().decode(stdout).trim().replace(/0+$/, ""), "0x0806\t5.");
  });
}
