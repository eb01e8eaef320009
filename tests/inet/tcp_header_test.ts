import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { foldSum, pseudoHeaderSum, sumBytes } from "../../inet/checksum.ts";
import { ACK, FIN, PSH, readTcp, SYN, TcpHeader, writeTcp } from "../../inet/tcp_header.ts";
import { hex, once, recorded } from "./_support.ts";

once("tcp header: iPXE's SYN with all its options", () => {
  const frame = recorded("tcp syn");
  const h = new TcpHeader();
  assertEquals(readTcp(h, frame, 34, frame.length), undefined);
  assertEquals([h.sourcePort, h.destinationPort, h.sequence, h.flags], [27990, 8123, 1961620052, SYN]);
  assertEquals([h.window, h.mss, h.windowScale, h.sackPermitted], [65532, 1460, 9, true]);
  assertEquals(h.payload, frame.length);
  const sum = pseudoHeaderSum(0x0a00020f, 0x0a000202, 6, frame.length - 34) +
    sumBytes(frame, 34, frame.length);
  assertEquals(foldSum(sum), 0xffff);
});

once("tcp header: the header of a FIN without options is written as libslirp does", () => {
  const frame = recorded("tcp fin");
  const h = new TcpHeader();
  assertEquals(readTcp(h, frame, 34, frame.length), undefined);
  assertEquals([h.flags, h.mss, h.windowScale, h.sackPermitted, h.sackBlocks], [FIN | ACK, 0, -1, false, 0]);
  const ours = new Uint8Array(20);
  assertEquals(writeTcp(h, ours, 0), 20);
  const theirs = frame.slice(34, 54);
  theirs.fill(0, 16, 18);
  assertEquals(ours, theirs);
});

once("tcp header: options as RFC 9293, RFC 7323 and RFC 2018 draw them", () => {
  const h = new TcpHeader();
  h.flags = SYN;
  h.mss = 1460;
  h.windowScale = 7;
  h.sackPermitted = true;
  const bytes = new Uint8Array(60);
  assertEquals(writeTcp(h, bytes, 0), 32);
  assertEquals(bytes.slice(20, 32), hex("020405b4 01030307 01010402"));
  const back = new TcpHeader();
  assertEquals(readTcp(back, bytes, 0, 32), undefined);
  assertEquals([back.mss, back.windowScale, back.sackPermitted], [1460, 7, true]);

  // RFC 2018, 8: the first of eight segments of 500 bytes from 5000 on is lost, five have arrived.
  const sack = new TcpHeader();
  sack.flags = ACK;
  sack.acknowledgment = 5000;
  sack.sackBlocks = 1;
  sack.sack.set([5500, 8000]);
  assertEquals(writeTcp(sack, bytes, 0), 32);
  assertEquals(bytes.slice(20, 32), hex("0101050a 0000157c 00001f40"));
  assertEquals(readTcp(back, bytes, 0, 32), undefined);
  assertEquals([back.sackBlocks, back.sack[0], back.sack[1], back.mss], [1, 5500, 8000, 0]);
});

once("tcp header: four blocks fill the options; beside others there is room for fewer", () => {
  const h = new TcpHeader();
  h.sackBlocks = 4;
  h.sack.set([1, 2, 3, 4, 5, 6, 0xfffffff0, 0xffffffff]);
  const bytes = new Uint8Array(60), back = new TcpHeader();
  assertEquals(writeTcp(h, bytes, 0), 56);
  assertEquals(readTcp(back, bytes, 0, 56), undefined);
  assertEquals([back.sackBlocks, back.sack[6], back.sack[7]], [4, 0xfffffff0, 0xffffffff]);
  h.mss = 1000;
  h.windowScale = 1;
  assert(writeTcp(h, bytes, 0) <= 60);
  assertEquals(readTcp(back, bytes, 0, 60), undefined);
  assertEquals([back.mss, back.windowScale, back.sackBlocks], [1000, 1, 3]);
});

once("tcp header: options that make no sense are left out, and nothing else", () => {
  const with_ = (options: string) => {
    const bytes = hex(
      `1234 0050 00000001 00000002 ${
        (5 + hex(options).length / 4).toString(16)
      }0 10 2000 0000 0000 ${options}`,
    );
    const h = new TcpHeader();
    assertEquals(readTcp(h, bytes, 0, bytes.length), undefined);
    return h;
  };
  assertEquals(with_("02 04 05b4").mss, 1460);
  assertEquals(with_("02 03 05 01").mss, 0, "wrong length");
  assertEquals(with_("03 03 0f 00").windowScale, 14, "a shift over 14 counts as 14 (RFC 7323, 2.3)");
  assertEquals(with_("02 00 05b4 02 04 05b4").mss, 0, "length 0 ends it");
  assertEquals(with_("02 01 05b4 02 04 05b4").mss, 0, "length 1 ends it");
  assertEquals(with_("fd 04 0000 02 04 05b4").mss, 1460, "unknown options are passed over");
  assertEquals(with_("02 ff 05b4").mss, 0, "beyond the end");
  assertEquals(with_("01 01 01 02").mss, 0, "cut off");
  assertEquals(with_("00 02 04 05 b4 00 00 00").mss, 0, "behind the end of the list");
  assertEquals(with_("05 0b 00000001 00000002 00 00").sackBlocks, 0, "not a number of blocks");
  assertEquals(with_("05 02 01 01").sackBlocks, 0);
});

once("tcp header: impossible headers", () => {
  const h = new TcpHeader();
  const bytes = recorded("tcp syn").subarray(34);
  assertEquals(readTcp(h, bytes, 0, 19), "truncated");
  assertEquals(readTcp(h, bytes, 0, 40), "data offset");
  const bad = bytes.slice();
  bad[12] = 0x40;
  assertEquals(readTcp(h, bad, 0, bad.length), "data offset");
});

once("tcp header: any bytes are read without an exception, and within them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 80 }), (bytes) => {
      const h = new TcpHeader();
      if (readTcp(h, bytes, 0, bytes.length) !== undefined) return;
      assert(h.payload >= 20 && h.payload <= bytes.length && h.windowScale <= 14 && h.sackBlocks <= 4);
    }),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 40, maxLength: 40 }), (options) => {
      const bytes = new Uint8Array(60);
      bytes[12] = 0xf0;
      bytes.set(options, 20);
      assertEquals(readTcp(new TcpHeader(), bytes, 0, 60), undefined);
    }),
    { numRuns: 3000 },
  );
});

once("tcp header: flags", () => {
  const frame = recorded("http request");
  const h = new TcpHeader();
  assertEquals(readTcp(h, frame, 34, frame.length), undefined);
  assertEquals(h.flags & ~PSH, ACK);
  assertEquals(new TextDecoder().decode(frame.subarray(h.payload, h.payload + 14)), "GET /x.txt HTT");
});
