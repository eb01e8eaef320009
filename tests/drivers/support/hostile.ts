import type { FakePlatform } from "./fake_platform.ts";
import type { FakeQueue } from "./fake_virtio.ts";

/** A buffer as the driver made it available. */
export interface SeenBuffer {
  id: number;
  addr: number;
  len: number;
}

/** The device's side of a ring, by hand: nothing is checked, everything can be said. One descriptor a buffer. */
export class HostileRing {
  private readonly view: DataView;
  private availAt = 0;
  private usedAt = 0;
  /** Packed: buffers that were seen, since used descriptors overwrite them. */
  private usedWrap = 1;
  private availWrap = 1;

  constructor(platform: FakePlatform, readonly queue: FakeQueue, readonly packed: boolean) {
    this.view = new DataView(platform.bytes.buffer);
  }
  /** The next buffer that was made available, if any. */
  next(): SeenBuffer | undefined {
    const [desc, driver] = this.queue.areas;
    const { view } = this;
    if (this.packed) {
      const at = desc + 16 * this.availAt;
      const flags = view.getUint16(at + 14, true);
      if ((flags >> 7 & 1) !== this.availWrap || (flags >> 15 & 1) === this.availWrap) return undefined;
      if (++this.availAt === this.queue.size) {
        this.availAt = 0;
        this.availWrap ^= 1;
      }
      return {
        id: view.getUint16(at + 12, true),
        addr: view.getUint32(at, true),
        len: view.getUint32(at + 8, true),
      };
    }
    if (view.getUint16(driver + 2, true) === this.availAt) return undefined;
    const id = view.getUint16(driver + 4 + 2 * (this.availAt % this.queue.size), true);
    this.availAt = this.availAt + 1 & 0xffff;
    const at = desc + 16 * id;
    return { id, addr: view.getUint32(at, true), len: view.getUint32(at + 8, true) };
  }
  /** Says that buffer `id` is used with `length` bytes written. */
  use(id: number, length: number): void {
    const { view } = this;
    if (this.packed) {
      const at = this.queue.areas[0] + 16 * this.usedAt;
      view.setUint32(at + 8, length, true);
      view.setUint16(at + 12, id, true);
      view.setUint16(at + 14, this.usedWrap ? 0x8080 : 0, true);
      if (++this.usedAt === this.queue.size) {
        this.usedAt = 0;
        this.usedWrap ^= 1;
      }
      return;
    }
    const device = this.queue.areas[2];
    const at = device + 4 + 8 * (this.usedAt % this.queue.size);
    view.setUint32(at, id, true);
    view.setUint32(at + 4, length, true);
    this.jump(1);
  }
  /** Split: moves used.idx on by `n` without entries. */
  jump(n: number): void {
    this.usedAt = this.usedAt + n & 0xffff;
    this.view.setUint16(this.queue.areas[2] + 2, this.usedAt, true);
  }
  /** Fills a buffer and uses it, as a good device does. */
  fill(buffer: SeenBuffer, byte: number, length = buffer.len): void {
    new Uint8Array(this.view.buffer, buffer.addr, length).fill(byte);
    this.use(buffer.id, length);
  }
}
