/** The internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit words. */

/** Below this a loop over bytes is faster than a view of words. */
const WORDS_FROM = 160;
/** Bytes whose words can be added without passing 31 bits. */
const CHUNK = 65532;
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** A sum folded to 16 bits, the carries added again (RFC 1071, 2). Takes any integer from 0 to 2^48. */
export function foldSum(sum: number): number {
  if (sum > 0xffffffff) sum = sum % 0x100000000 + Math.floor(sum / 0x100000000);
  if (sum > 0xffffffff) sum -= 0xffffffff;
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

/**
 * The sum of the bytes in [start, end), not complemented: 0 to 0xffff. A last odd byte counts as the high half of a word.
 * Sums of pieces may simply be added, as long as every piece but the last has an even length (otherwise
 * {@link addSumAt}), and folded at the end.
 */
export function sumBytes(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < WORDS_FROM) return sumShort(bytes, start, end);
  let sum = 0;
  while (end - start > CHUNK) {
    sum += sumWords(bytes, start, start + CHUNK);
    start += CHUNK;
  }
  return foldSum(sum + sumWords(bytes, start, end));
}

/** Adds to `sum` the sum of a piece that begins `offset` bytes into the whole: at an odd offset its bytes are swapped. */
export function addSumAt(sum: number, piece: number, offset: number): number {
  return foldSum(sum + ((offset & 1) === 0 ? piece : (piece & 0xff) << 8 | piece >>> 8));
}

/** The checksum of the bytes in [start, end): what a header's field must hold if it was zero while summed. */
export function checksum(bytes: Uint8Array, start: number, end: number): number {
  return sumBytes(bytes, start, end) ^ 0xffff;
}

/**
 * The sum of the pseudo header of UDP and TCP over IPv4 (RFC 768, RFC 9293 3.1).
 *
 * @param length bytes of transport header and payload.
 */
export function pseudoHeaderSum(
  source: number,
  destination: number,
  protocol: number,
  length: number,
): number {
  return foldSum(
    (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length,
  );
}

/** The checksum after a 16-bit word under it changed from `before` to `after` (RFC 1624, 3). */
export function updateChecksum(check: number, before: number, after: number): number {
  return foldSum((check ^ 0xffff) + (before ^ 0xffff) + after) ^ 0xffff;
}

function sumShort(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  const last = end - 7;
  for (; start < last; start += 8) {
    sum += (bytes[start] + bytes[start + 2] + bytes[start + 4] + bytes[start + 6] << 8) +
      (bytes[start + 1] + bytes[start + 3] + bytes[start + 5] + bytes[start + 7]);
  }
  for (; start < end - 1; start += 2) sum += bytes[start] << 8 | bytes[start + 1];
  if (start < end) sum += bytes[start] << 8;
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

/** At least {@link WORDS_FROM} and at most {@link CHUNK} bytes and some: words of 32 bits in between, the ends by bytes. */
function sumWords(bytes: Uint8Array, start: number, end: number): number {
  const head = -(bytes.byteOffset + start) & 3;
  const count = end - start - head >>> 2;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + start + head, count);
  let low = 0, high = 0, i = 0;
  const last = count - 3;
  for (; i < last; i += 4) {
    const a = words[i], b = words[i + 1], c = words[i + 2], d = words[i + 3];
    low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
    high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
  }
  for (; i < count; i++) {
    low += words[i] & 0xffff;
    high += words[i] >>> 16;
  }
  let middle = foldSum((low & 0xffff) + (low >>> 16) + (high & 0xffff) + (high >>> 16));
  if (LITTLE_ENDIAN) middle = (middle & 0xff) << 8 | middle >>> 8;
  const sum = addSumAt(sumShort(bytes, start, start + head), middle, head);
  const tail = head + 4 * count;
  return addSumAt(sum, sumShort(bytes, start + tail, end), tail);
}
