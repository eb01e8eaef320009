/**
 * A plain model of both rings, for judging: with `hermit` it makes the mistakes listed in the table of known defects
 * (each made visible through `hit`), without it does what virtio 1.4 says. The first must reproduce the trace, the
 * second must reproduce our queue; where the two models part, the named defect is the reason.
 *
 * Written for reading, not for speed; shares no code with drivers/virtio.
 */

export interface Elem {
  name: string;
  phys: number;
  len: number;
  capacity: number;
  writable: boolean;
}
export interface Tok {
  name: string;
  elems: Elem[];
  indirect: boolean;
  /** Where the indirect table lies, if the token has one. */
  table?: number;
}
export type BarrierType = "read" | "write" | "general";
export interface Outcome {
  ok?: boolean;
  err?: string;
  panic?: boolean;
  /** `next` of the notification, if one was sent. */
  notify?: number;
  barriers: BarrierType[];
  /** Contents of the indirect tables made, by token name. */
  tables: Map<string, Uint8Array>;
  returned?: { token: Tok; written: number }[];
}
export interface ModelState {
  free: number[];
  capacity: number;
  live: { id: number; token: string; ndesc: number }[];
  hasUsed: boolean;
  read: { off: number; wrap: number };
  write: { off: number; wrap: number };
}
export interface ModelConfig {
  size: number;
  eventIdx: boolean;
  indirectDesc: boolean;
  inOrder: boolean;
  /** True: with the known defects. */
  hermit: boolean;
  hit(id: string): void;
}
export interface Areas {
  desc: Uint8Array;
  driver: Uint8Array;
  device: Uint8Array;
}

export const F_NEXT = 1, F_WRITE = 2, F_INDIRECT = 4;
/** Little-endian reads and writes. */
export const u16 = (b: Uint8Array, o: number) => b[o] | (b[o + 1] << 8);
export const u32 = (b: Uint8Array, o: number) => (u16(b, o) | (u16(b, o + 2) << 16)) >>> 0;
export const put = (b: Uint8Array, o: number, bytes: number, value: number) => {
  for (let i = 0; i < bytes; i++) b[o + i] = Math.floor(value / 2 ** (8 * i)) & 255;
};

/** virtio 1.4, 2.7.10: is `event` among the entries made from `old` up to `now`? */
export const needEvent = (event: number, now: number, old: number): boolean =>
  ((now - event - 1) & 0xffff) < ((now - old) & 0xffff);

/** The same for positions in a packed ring (virtio 1.4, 2.8.10); `old` up to, not including, `now`. */
export function packedNeedEvent(
  size: number,
  event: { off: number; wrap: number },
  old: { off: number; wrap: number },
  now: { off: number; wrap: number },
): boolean {
  const at = (p: { off: number; wrap: number }) => p.off + (p.wrap === old.wrap ? 0 : size);
  const e = event.off + (event.wrap === old.wrap ? 0 : size);
  return e >= at(old) && e < at(now);
}

export const consuming = (tok: Tok) => (tok.indirect ? 1 : tok.elems.length);
export const writableBytes = (tok: Tok) =>
  tok.elems.reduce((sum, e) => sum + (e.writable ? e.capacity : 0), 0);

/** What both ring models have. */
export abstract class RingModel {
  protected readonly free: Set<number>;
  protected readonly live = new Map<number, { tok: Tok; chain: number[] }>();
  /** Tokens in the order in which they were made available (for IN_ORDER). */
  protected order: number[] = [];
  protected readonly pendingReturn: { token: Tok; written: number; take?: () => void }[] = [];

  constructor(protected readonly cfg: ModelConfig, readonly areas: Areas) {
    this.free = new Set(Array.from({ length: cfg.size }, (_, i) => i));
  }

  abstract dispatchBatch(toks: Tok[], notif: boolean, batch?: boolean): Outcome;
  abstract tryRecv(): Outcome;
  abstract setNotifs(on: boolean): void;
  abstract hasUsed(): boolean;
  abstract state(): ModelState;
  dispatch(tok: Tok, notif: boolean): Outcome {
    return this.dispatchBatch([tok], notif);
  }

  /** Puts buffers that a blocking dispatch met in line for the next tryRecv. */
  keep(item: { token: Tok; written: number }): void {
    this.pendingReturn.push(item);
  }
  protected takeKept(): { token: Tok; written: number } | undefined {
    const item = this.pendingReturn.shift();
    item?.take?.();
    return item;
  }
  protected outcome(part: Partial<Outcome> = {}): Outcome {
    return { barriers: [], tables: new Map(), ...part };
  }
  protected allocate(): number | undefined {
    if (this.free.size === 0) return undefined;
    // Small ids are nearly always free, so that counting up from 0 is short.
    let id = 0;
    while (!this.free.has(id)) id++;
    this.free.delete(id);
    return id;
  }
  protected states() {
    return {
      free: [...this.free].sort((a, b) => a - b),
      live: [...this.live].sort((a, b) => a[0] - b[0])
        .map(([id, l]) => ({ id, token: l.tok.name, ndesc: consuming(l.tok) })),
    };
  }
  /** What refuses a token before anything happens; only in the corrected model. */
  protected refusal(toks: Tok[]): string | undefined {
    let refusal: string | undefined;
    if (toks.length === 0) {
      this.cfg.hit("D20");
      refusal = "BufferNotSpecified";
    }
    for (const tok of toks) {
      if (tok.elems.length === 0) {
        this.cfg.hit("D16");
        refusal ??= "BufferNotSpecified";
        continue;
      }
      if (tok.elems.some((e) => (e.writable ? e.capacity : e.len) === 0)) {
        this.cfg.hit("D17");
        refusal ??= "BufferNotSpecified";
      }
      if (tok.indirect && !this.cfg.indirectDesc) {
        this.cfg.hit("D07");
        refusal ??= "FeatureNotSupported";
      }
    }
    return refusal;
  }
  protected writeDesc(b: Uint8Array, at: number, phys: number, len: number, a: number, c: number): void {
    put(b, at, 8, phys);
    put(b, at + 8, 4, len);
    put(b, at + 12, 2, a);
    put(b, at + 14, 2, c);
  }
}

/** What a descriptor says: how much to read, or how much may be written. */
export const elemLength = (e: Elem) => (e.writable ? e.capacity : e.len);
