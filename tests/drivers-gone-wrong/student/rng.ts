import { VirtioId } from "../../../spec/virtio/ids.ts";
import { DriverError } from "./ground.ts";
import type { Piece, Used } from "./ring.ts";
import { Student } from "./student.ts";

/** The driver of an entropy device (virtio 1.4, 5.4): one queue, the device fills what it is given. */
export class RngStudent extends Student {
  override readonly deviceId = VirtioId.Rng;
  /** Requests, each a list of lengths of its buffers in bytes. */
  requests: readonly (readonly number[])[] = [[64], [32, 32, 16], [1], [100, 28]];
  /** All requests at once, or one after the other. */
  atOnce = false;
  /** What was read, request by request. */
  readonly bytes: Uint8Array[] = [];

  override queues(): readonly number[] {
    return [0];
  }
  override work(): void {
    if (this.atOnce) this.workAtOnce();
    else for (const lengths of this.requests) this.ask(lengths);
  }
  ask(lengths: readonly number[]): void {
    this.rings[0].submit(this.makePieces(lengths));
    this.accept(this.nextUsed(this.rings[0]));
  }
  workAtOnce(): void {
    const ring = this.rings[0];
    for (const lengths of this.requests) ring.add(this.makePieces(lengths));
    ring.publish();
    ring.kick();
    for (const _ of this.requests) this.accept(this.nextUsed(ring));
  }
  /** One after the other, without waiting in between. */
  askAll(): void {
    const ring = this.rings[0];
    for (const lengths of this.requests) ring.submit(this.makePieces(lengths));
    for (const _ of this.requests) this.accept(this.nextUsed(ring));
  }
  makePieces(lengths: readonly number[]): Piece[] {
    return lengths.map((length) => ({ buffer: this.allocate(length, "entropy"), length, writable: true }));
  }
  accept(used: Used): void {
    this.bytes.push(this.read(used));
    this.freePieces(used.pieces);
  }
  /** Only what the device says it wrote is entropy (virtio 1.4, 2.7.8.2). */
  read({ pieces, written }: Used): Uint8Array {
    const bytes = new Uint8Array(this.usable(written));
    if (bytes.length === 0) throw new DriverError("a request came back empty");
    let at = 0;
    for (const { buffer, offset = 0, length } of pieces) {
      const part = bytes.subarray(at, at + length);
      this.ground.memory.readBytes(buffer.offset + offset, part);
      at += part.length;
    }
    return bytes;
  }
  usable(written: number): number {
    return written;
  }
}
