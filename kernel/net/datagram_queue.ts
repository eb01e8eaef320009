/** A datagram's place in a queue; one object serves for all of them. */
export class QueuedDatagram {
  /** The other end. */
  address = 0;
  port = 0;
  /** Bytes of payload. */
  length = 0;
  /** Where the payload stands in {@link DatagramQueue.bytes}. */
  at = 0;
}

/** Bytes of a record before its payload: length, address, port. */
const RECORD = 12;
const FIRST_SIZE = 4096;

/**
 * Datagrams, in order, in one ring of bytes that grows as it is needed. A datagram lies in one piece; so the ring may
 * have a gap at its end.
 */
export class DatagramQueue {
  /** What payloads stand in; another array after {@link DatagramQueue.push}. */
  bytes = new Uint8Array(0);
  /** Datagrams in the queue. */
  length = 0;
  /** Bytes of their payload. */
  size = 0;
  private view = new DataView(this.bytes.buffer);
  private head = 0;
  private tail = 0;
  /** Where the last record before the gap ends, while the ring is wrapped; otherwise -1. */
  private wrap = -1;
  private readonly first = new QueuedDatagram();

  /** @param limit bytes, those of the records' heads included; an empty queue takes a datagram of any size. */
  constructor(public limit: number) {}

  /** Adds the payload in [start, end) of `bytes`; false if there is no room for it. */
  push(address: number, port: number, bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (this.length > 0 && this.size + length + RECORD * this.length > this.limit) return false;
    const at = this.reserve(RECORD + (length + 3 & ~3));
    const { view } = this;
    view.setUint32(at, length);
    view.setUint32(at + 4, address);
    view.setUint32(at + 8, port);
    this.bytes.set(bytes.subarray(start, end), at + RECORD);
    this.length++;
    this.size += length;
    return true;
  }

  /** The oldest datagram, which stays; valid until the next call. Undefined: there is none. */
  peek(): QueuedDatagram | undefined {
    if (this.length === 0) return undefined;
    if (this.tail === this.wrap) {
      this.tail = 0;
      this.wrap = -1;
    }
    const { first, view, tail } = this;
    first.length = view.getUint32(tail);
    first.address = view.getUint32(tail + 4);
    first.port = view.getUint32(tail + 8);
    first.at = tail + RECORD;
    return first;
  }

  /** Removes the oldest datagram. */
  drop(): void {
    const first = this.peek();
    if (first === undefined) return;
    this.tail += RECORD + (first.length + 3 & ~3);
    this.length--;
    this.size -= first.length;
    if (this.length > 0) return;
    this.head = this.tail = 0;
    this.wrap = -1;
    // What a burst has needed is given back.
    if (this.bytes.length > 16 * FIRST_SIZE) this.resize(0);
  }

  /** Removes all, and gives the memory back. */
  clear(): void {
    this.length =
      this.size =
      this.head =
      this.tail =
        0;
    this.wrap = -1;
    this.resize(0);
  }

  private reserve(needed: number): number {
    for (;;) {
      const { head, tail, wrap, bytes } = this;
      if (wrap < 0) {
        if (head + needed <= bytes.length) {
          this.head = head + needed;
          return head;
        }
        // The record behind must not touch the one in front: head === tail says that the ring is empty.
        if (needed < tail) {
          this.wrap = head;
          this.head = needed;
          return 0;
        }
      } else if (head + needed < tail) {
        this.head = head + needed;
        return head;
      }
      this.grow(needed);
    }
  }

  private grow(needed: number): void {
    const old = this.bytes, { head, tail, wrap } = this;
    let size = Math.max(FIRST_SIZE, 2 * old.length);
    while (size < old.length + needed) size *= 2;
    this.resize(size);
    if (wrap < 0) {
      this.bytes.set(old.subarray(tail, head));
      this.head = head - tail;
    } else {
      this.bytes.set(old.subarray(tail, wrap));
      this.bytes.set(old.subarray(0, head), wrap - tail);
      this.head = wrap - tail + head;
    }
    this.tail = 0;
    this.wrap = -1;
  }
  private resize(size: number): void {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }
}
