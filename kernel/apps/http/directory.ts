/** What a server has: a directory in memory, and what is made when it is asked for. */
import type { Task } from "../../executor.ts";
import type { Kernel } from "../../kernel.ts";
import { BigFile } from "./big_file.ts";
import { metrics } from "./metrics.ts";
import { staticPages } from "./pages.ts";

/** A body and what it is. */
export interface Content {
  readonly type: string;
  /** Bytes of the body. */
  readonly length: number;
  /** Tells two versions apart; absent: it is made anew each time. */
  readonly etag?: string;
  /** The body: as it is, or handed out in pieces. */
  readonly body: Uint8Array | ((piece: (bytes: Uint8Array) => Task<unknown>) => Task<void>);
}

export class Directory {
  private readonly files = new Map<string, Content>();
  private readonly big = new BigFile();
  private readonly encoder = new TextEncoder();

  constructor(private readonly kernel: Kernel) {
    for (const [path, { type, text }] of Object.entries(staticPages(kernel))) {
      const body = this.encoder.encode(text);
      this.files.set(path, { type, length: body.length, body, etag: `"${checksum(body)}"` });
    }
  }

  /** The paths of the files that are always the same. */
  get paths(): string[] {
    return [...this.files.keys()];
  }

  /** What is at a path; undefined: nothing. */
  *get(path: string): Task<Content | undefined> {
    const file = this.files.get(path);
    if (file !== undefined) return file;
    if (path === "/metrics") {
      return this.text(metrics(this.kernel), "text/plain; version=0.0.4; charset=utf-8");
    }
    const big = /^\/big\/(\d+)(\.sha256)?$/.exec(path);
    const size = big === null ? undefined : BigFile.sizeOf(big[1]);
    if (size === undefined) return undefined;
    if (big![2] !== undefined) {
      return this.text(`${yield* this.big.sha256(size)}  ${big![1]}\n`, "text/plain");
    }
    return {
      type: "application/octet-stream",
      length: size,
      etag: `"big-${size}"`,
      body: (piece) => this.big.read(size, piece),
    };
  }

  private text(text: string, type: string): Content {
    const body = this.encoder.encode(text);
    return { type, length: body.length, body };
  }
}

/** FNV-1a over the bytes: enough to tell versions of a file apart. */
function checksum(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
