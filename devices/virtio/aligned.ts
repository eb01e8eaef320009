/**
 * Unaligned accesses, as QEMU's memory core hands them to a device whose registers do not take them: one naturally
 * aligned piece after the other, lowest address first.
 */
export function readAligned(
  offset: number,
  width: number,
  read: (offset: number, width: number) => number,
): number {
  if ((offset & (width - 1)) === 0) return read(offset, width);
  let value = 0;
  for (let done = 0; done < width;) {
    const piece = pieceAt(offset + done, width - done);
    value += (read(offset + done, piece) >>> 0) % 2 ** (8 * piece) * 2 ** (8 * done);
    done += piece;
  }
  return value;
}

/** See {@link readAligned}. */
export function writeAligned(
  offset: number,
  width: number,
  value: number,
  write: (offset: number, width: number, value: number) => void,
): void {
  if ((offset & (width - 1)) === 0) return write(offset, width, value);
  for (let done = 0; done < width;) {
    const piece = pieceAt(offset + done, width - done);
    write(offset + done, piece, Math.floor(value / 2 ** (8 * done)) % 2 ** (8 * piece));
    done += piece;
  }
}

/** The largest aligned access at `offset` within `left` bytes. */
function pieceAt(offset: number, left: number): number {
  let piece = 1;
  while (piece * 2 <= left && offset % (piece * 2) === 0) piece *= 2;
  return piece;
}
