import type { TraceEvent, TraceSink } from "../../spec/trace.ts";
import { CHUNK, Chunk, Strings } from "./columns.ts";
import { Derived } from "./derive.ts";
import { KIND } from "./kinds.ts";
import { PageHistory } from "./memory.ts";

/** Bytes that a recording takes at most, if nothing else is asked for. */
export const DEFAULT_LIMIT = 256 << 20;
/** Bytes of a chardev's output that are kept. */
const OUTPUT_KEPT = 1 << 20;

/** Output of one chardev: the last of it. */
interface Output {
  /** Bytes that were dropped before those kept. */
  start: number;
  bytes: Uint8Array;
  length: number;
}

/**
 * Keeps what happens, within a bound: a sink like any other. Events lie in chunks by columns, before each chunk is a key
 * frame (registers and the like, and the pages of memory that changed). When the bound is reached the oldest chunks go.
 *
 * Read it through a {@link Timeline}.
 */
export class Recorder implements TraceSink {
  readonly on = true;
  /** Virtual time; set once there is a machine. */
  clock: () => number = () => 0;
  /** Called after each event; throws to stop the machine there. */
  onEvent: ((at: number) => void) | undefined;
  readonly strings = new Strings();
  readonly memory = new PageHistory();
  /** Chunks and key frames that are kept, oldest first; key frame i is the state before chunk i. */
  readonly chunks: Chunk[] = [];
  readonly frames: Derived[] = [];
  /** Chunks that were dropped. */
  droppedChunks = 0;
  /** The state after the last event. */
  readonly live: Derived;
  private readonly outputs = new Map<string, Output>();
  private size = 0;
  private total = 0;
  private current: Chunk;

  /** @param limit in bytes; some chunks are kept whatever it is. */
  constructor(readonly limit = DEFAULT_LIMIT) {
    this.live = new Derived(this.strings);
    this.current = this.begin();
  }

  /** Events so far, dropped ones included. */
  get length(): number {
    return this.total;
  }
  /** Number of the oldest event that is kept; as many were dropped. */
  get first(): number {
    return this.droppedChunks * CHUNK;
  }
  /** Bytes taken, about. */
  get bytes(): number {
    return this.size + this.current.bytes + this.memory.bytes + this.strings.bytes;
  }

  emit(event: TraceEvent): void {
    this.add(this.clock(), event);
  }
  /** An event with its time, from a file. */
  add(t: number, event: TraceEvent): void {
    if (this.current.full) this.next();
    const c = this.current, i = c.length;
    c.push(t, event);
    const at = this.total++;
    const kind = c.kind[i];
    if (kind === KIND.mem_write || kind === KIND.page_table_write) {
      this.memory.write(c.a[i], c.payload(i), c.v[i]);
    } else if (kind === KIND.output) this.keepOutput(event as { chardev: string }, c.payload(i));
    this.live.apply(c, i, at);
    this.onEvent?.(at);
  }

  /**
   * The last `most` bytes that a chardev had put out when it had put out `end` bytes in all.
   * Shorter where the beginning was dropped.
   */
  output(chardev: string, end: number, most: number): Uint8Array {
    const o = this.outputs.get(chardev);
    if (o === undefined) return new Uint8Array(0);
    const from = Math.max(0, end - most - o.start), to = Math.max(0, end - o.start);
    return o.bytes.slice(from, to);
  }

  private begin(): Chunk {
    const chunk = new Chunk(this.strings);
    this.memory.freeze(this.droppedChunks + this.chunks.length);
    this.frames.push(this.live.copy());
    this.chunks.push(chunk);
    return chunk;
  }
  private next(): void {
    this.current.seal();
    this.size += this.current.bytes + this.frames.at(-1)!.bytes;
    this.current = this.begin();
    while (this.chunks.length > 2 && this.bytes > this.limit) this.drop();
  }
  private drop(): void {
    this.size -= this.chunks.shift()!.bytes + this.frames.shift()!.bytes;
    this.droppedChunks++;
    this.memory.dropBefore(this.droppedChunks);
  }
  private keepOutput({ chardev }: { chardev: string }, bytes: Uint8Array): void {
    let o = this.outputs.get(chardev);
    if (o === undefined) this.outputs.set(chardev, o = { start: 0, bytes: new Uint8Array(4096), length: 0 });
    if (o.length + bytes.length > o.bytes.length) {
      const dropped = Math.max(0, o.length - OUTPUT_KEPT);
      const larger = new Uint8Array(2 * (o.length - dropped + bytes.length));
      larger.set(o.bytes.subarray(dropped, o.length));
      o.bytes = larger;
      o.start += dropped;
      o.length -= dropped;
    }
    o.bytes.set(bytes, o.length);
    o.length += bytes.length;
  }
}
