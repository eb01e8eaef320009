/** Bytes of the file header and of the header before each packet. */
const FILE_HEADER = 24, RECORD_HEADER = 16;
const MAGIC = 0xa1b2c3d4;
const ETHERNET = 1;

/**
 * Writes captured frames as a pcap file (the classic format, version 2.4, microseconds, little-endian), as QEMU's
 * filter-dump and tcpdump do.
 *
 * ```ts
 * import { PcapWriter } from "./pcap.ts";
 * const pieces: Uint8Array[] = [];
 * const pcap = new PcapWriter((bytes) => pieces.push(bytes.slice()));
 * pcap.write(new Uint8Array(60), 1_500_000_000);
 * console.assert(pieces[0].length === 24 && pieces[1].length === 16 && pieces[2].length === 60);
 * ```
 */
export class PcapWriter {
  declare private readonly header: DataView<ArrayBuffer>;
  declare private readonly headerBytes: Uint8Array;

  /**
   * @param write takes bytes that are the writer's again when it returns.
   * @param maxLength bytes of a frame that are kept (QEMU's `maxlen`).
   */
  constructor(private readonly put: (bytes: Uint8Array) => void, private readonly maxLength = 65536) {
    const file = new DataView(new ArrayBuffer(FILE_HEADER));
    file.setUint32(0, MAGIC, true);
    file.setUint16(4, 2, true);
    file.setUint16(6, 4, true);
    file.setUint32(16, maxLength, true);
    file.setUint32(20, ETHERNET, true);
    put(new Uint8Array(file.buffer));
    this.header = new DataView(new ArrayBuffer(RECORD_HEADER));
    this.headerBytes = new Uint8Array(this.header.buffer);
  }

  /** Adds a frame that was seen at `at` nanoseconds. */
  write(frame: Uint8Array, at: number): void {
    const kept = Math.min(frame.length, this.maxLength);
    const { header } = this;
    header.setUint32(0, Math.floor(at / 1e9), true);
    header.setUint32(4, Math.floor(at % 1e9 / 1000), true);
    header.setUint32(8, kept, true);
    header.setUint32(12, frame.length, true);
    this.put(this.headerBytes);
    this.put(kept === frame.length ? frame : frame.subarray(0, kept));
  }
}
