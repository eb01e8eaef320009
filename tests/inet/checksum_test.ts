import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  addSumAt,
  checksum,
  foldSum,
  pseudoHeaderSum,
  sumBytes,
  updateChecksum,
} from "../../inet/checksum.ts";
import { hex, once } from "./_support.ts";

/** RFC 1071, 1, word for word, without a thought of speed. */
function plainSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) {
    sum += i % 2 === 0 ? bytes[i] * 256 : bytes[i];
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

once("checksum: the example of RFC 1071, 3", () => {
  const bytes = hex("00 01 f2 03 f4 f5 f6 f7");
  assertEquals(sumBytes(bytes, 0, 8), 0xddf2);
  assertEquals(checksum(bytes, 0, 8), 0x220d);
});

once("checksum: a header with its checksum in it sums to all ones", () => {
  const header = hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7");
  assertEquals(sumBytes(header, 0, 20), 0xffff);
  header.fill(0, 10, 12);
  assertEquals(checksum(header, 0, 20), 0xb861);
});

once("checksum: a changed word, by the example of RFC 1624, 4", () => {
  assertEquals(updateChecksum(0xdd2f, 0x5555, 0x3285), 0x0000);
});

once("checksum: any bytes, at any offset, of any length", () => {
  fc.assert(fc.property(
    fc.uint8Array({ maxLength: 700 }),
    fc.nat(9),
    fc.nat(9),
    fc.nat(700),
    (bytes, offset, skip, cut) => {
      // The view begins anywhere in its buffer, and so does the piece in the view.
      const whole = new Uint8Array(offset + skip + bytes.length + 5).fill(0xa5);
      whole.set(bytes, offset + skip);
      const view = whole.subarray(offset);
      const expected = plainSum(bytes), start = skip, end = skip + bytes.length;
      // Zero has two forms; which one comes out does not matter to the receiver.
      assertEquals(sumBytes(view, start, end) % 0xffff, expected % 0xffff);
      const middle = start + Math.min(cut, bytes.length);
      const pieces = addSumAt(sumBytes(view, start, middle), sumBytes(view, middle, end), middle - start);
      assertEquals(pieces % 0xffff, expected % 0xffff);
    },
  ));
});

once("checksum: long inputs do not overflow", () => {
  const bytes = new Uint8Array(300_001).fill(0xff);
  assertEquals(sumBytes(bytes, 0, 300_000), 0xffff);
  assertEquals(sumBytes(bytes, 0, 300_001), plainSum(bytes));
  assertEquals(foldSum(0xffffffff), 0xffff);
  assertEquals(foldSum(2 ** 40), foldSum(2 ** 8));
});

once("checksum: the pseudo header of UDP (RFC 768)", () => {
  // 10.0.2.15 to 10.0.2.3, protocol 17, 41 bytes.
  const pseudo = hex("0a00020f 0a000203 00 11 0029");
  assertEquals(pseudoHeaderSum(0x0a00020f, 0x0a000203, 17, 41), plainSum(pseudo));
  assertEquals(
    pseudoHeaderSum(0xffffffff, 0xfffffffe, 255, 65535),
    plainSum(hex("ffffffff fffffffe 00ff ffff")),
  );
});
