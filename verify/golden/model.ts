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
const u16 = (b: Uint8Array, o: number) => b[o] | (b[o + 1] << 8);
const u32 = (b: Uint8Array, o: number) => (u16(b, o) | (u16(b, o + 2) << 16)) >>> 0;
const put = (b: Uint8Array, o: number, bytes: number, value: number) => {
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
    const id = Math.min(...this.free);
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

const elemLength = (e: Elem) => (e.writable ? e.capacity : e.len);

/** The split ring (virtio 1.4, 2.7). */
export class SplitModel extends RingModel {
  private readIdx = 0;

  private flags(tok: Tok, i: number): number {
    return (tok.elems[i].writable ? F_WRITE : 0) | (i + 1 < tok.elems.length ? F_NEXT : 0);
  }
  private table(tok: Tok): Uint8Array {
    const bytes = new Uint8Array(16 * tok.elems.length);
    tok.elems.forEach((e, i) =>
      this.writeDesc(bytes, 16 * i, e.phys, elemLength(e), this.flags(tok, i), i + 1)
    );
    return bytes;
  }

  override dispatchBatch(toks: Tok[], notif: boolean, batch = false): Outcome {
    const out = this.outcome();
    if (this.cfg.hermit) {
      if (batch) {
        this.cfg.hit("D11");
        return this.outcome({ panic: true });
      }
      if (toks[0].elems.length === 0) {
        if (!toks[0].indirect) return this.outcome({ err: "BufferNotSpecified" });
        this.cfg.hit("D16");
        return this.outcome({ panic: true });
      }
    } else {
      const err = this.refusal(toks);
      if (err !== undefined) return this.outcome({ err });
      if (toks.reduce((n, t) => n + consuming(t), 0) > this.free.size) {
        return this.outcome({ err: "NoDescrAvail" });
      }
    }
    const { driver, desc, device } = this.areas;
    const old = u16(driver, 2);
    toks.forEach((tok, k) => {
      const chain: number[] = [];
      const last = consuming(tok) - 1;
      for (let i = last; i >= 0; i--) {
        const index = this.allocate();
        if (index === undefined) {
          if (chain.length > 0) this.cfg.hit("D01");
          out.err = "NoDescrAvail";
          return;
        }
        if (tok.indirect) {
          const table = this.table(tok);
          out.tables.set(tok.name, table);
          this.writeDesc(desc, 16 * index, tok.table ?? 0, table.length, F_INDIRECT, 0);
        } else {
          const e = tok.elems[i];
          this.writeDesc(desc, 16 * index, e.phys, elemLength(e), this.flags(tok, i), chain.at(-1) ?? 0);
        }
        chain.push(index);
      }
      const head = chain.at(-1)!;
      this.live.set(head, { tok, chain });
      this.order.push(head);
      put(driver, 4 + 2 * (((old + k) & 0xffff) % this.cfg.size), 2, head);
    });
    if (out.err !== undefined) return out;
    out.barriers.push("write");
    const now = (old + toks.length) & 0xffff;
    put(driver, 2, 2, now);
    if (notif && this.cfg.hermit) {
      this.cfg.hit("D11");
      return { ...out, panic: true };
    }
    out.barriers.push("general");
    const byFlag = !(u16(device, 0) & 1);
    const byEvent = needEvent(u16(device, 4 + 8 * this.cfg.size), now, old);
    if (this.cfg.eventIdx && byFlag !== byEvent) this.cfg.hit("D13");
    if (this.cfg.eventIdx && !this.cfg.hermit ? byEvent : byFlag) out.notify = now;
    return { ...out, ok: true };
  }

  override tryRecv(): Outcome {
    const waiting = this.takeKept();
    if (waiting !== undefined) return this.outcome({ ok: true, returned: [waiting] });
    if (!this.hasUsed()) {
      return this.outcome({ err: "NoNewUsed", barriers: this.cfg.hermit ? ["read"] : [] });
    }
    const barriers: BarrierType[] = ["read"];
    const at = 4 + 8 * (this.readIdx % this.cfg.size);
    const id = u32(this.areas.device, at), written = u32(this.areas.device, at + 4);
    const entry = this.live.get(id);
    if (entry === undefined) {
      this.cfg.hit("D09");
      if (this.cfg.hermit) return this.outcome({ panic: true, barriers });
      this.readIdx = (this.readIdx + 1) & 0xffff;
      return this.outcome({
        err: id >= this.cfg.size ? "UsedIdOutOfRange" : "UsedIdNotOutstanding",
        barriers,
      });
    }
    if (written > writableBytes(entry.tok)) {
      this.cfg.hit("D18");
      if (!this.cfg.hermit) {
        this.release(id, entry.chain);
        this.readIdx = (this.readIdx + 1) & 0xffff;
        return this.outcome({ err: "UsedLengthTooLarge", barriers });
      }
    }
    if (this.cfg.inOrder && this.order[0] !== id) {
      this.cfg.hit("D14");
      if (!this.cfg.hermit) {
        // One used entry stands for all buffers before it, too; each gives its descriptors back when it is returned.
        this.readIdx = (this.readIdx + 1) & 0xffff;
        for (const head of this.order.splice(0, this.order.indexOf(id) + 1)) {
          const { tok, chain } = this.live.get(head)!;
          const length = head === id ? written : writableBytes(tok);
          this.pendingReturn.push({ token: tok, written: length, take: () => this.release(head, chain) });
        }
        return this.outcome({ ok: true, returned: [this.takeKept()!], barriers });
      }
    }
    if (this.cfg.hermit) {
      this.live.delete(id);
      this.order = this.order.filter((o) => o !== id);
      let index = id, freed = 0;
      while (true) {
        if (index >= this.cfg.size || freed > this.cfg.size) {
          this.cfg.hit("D10");
          return this.outcome({ panic: true, barriers });
        }
        if (entry.chain[entry.chain.length - 1 - freed] !== index) this.cfg.hit("D10");
        this.free.add(index);
        freed++;
        if (!(u16(this.areas.desc, 16 * index + 12) & F_NEXT)) break;
        index = u16(this.areas.desc, 16 * index + 14);
      }
      if (freed !== entry.chain.length) this.cfg.hit("D10");
    } else this.release(id, entry.chain);
    this.readIdx = (this.readIdx + 1) & 0xffff;
    return this.outcome({ ok: true, barriers, returned: [{ token: entry.tok, written }] });
  }
  private release(id: number, chain: number[]): void {
    this.live.delete(id);
    this.order = this.order.filter((o) => o !== id);
    for (const index of chain) this.free.add(index);
  }

  override setNotifs(on: boolean): void {
    // With EVENT_IDX the driver leaves flags at 0 and says it through used_event (virtio 1.4, 2.7.7.1).
    if (this.cfg.eventIdx) this.cfg.hit("D13");
    if (this.cfg.eventIdx && !this.cfg.hermit) return;
    put(this.areas.driver, 0, 2, on ? 0 : 1);
  }
  override hasUsed(): boolean {
    return u16(this.areas.device, 2) !== this.readIdx || this.pendingReturn.length > 0;
  }
  override state(): ModelState {
    return {
      ...this.states(),
      capacity: this.free.size,
      hasUsed: this.hasUsed(),
      read: { off: this.readIdx, wrap: 0 },
      write: { off: u16(this.areas.driver, 2), wrap: 0 },
    };
  }
}

/** The packed ring (virtio 1.4, 2.8). */
export class PackedModel extends RingModel {
  private write = { off: 0, wrap: 1 };
  private poll = { off: 0, wrap: 1 };
  lastNext = { off: 0, wrap: 0 };
  private capacity: number;

  constructor(cfg: ModelConfig, areas: Areas) {
    super(cfg, areas);
    this.capacity = cfg.size;
  }
  private step(p: { off: number; wrap: number }, n: number): { off: number; wrap: number } {
    const off = p.off + n;
    return off >= this.cfg.size ? { off: off - this.cfg.size, wrap: p.wrap ^ 1 } : { off, wrap: p.wrap };
  }
  private marked(flags: number): number {
    return flags | (this.write.wrap ? 0x80 : 0x8000);
  }

  /** Writes all descriptors of a token; the flags of the first are returned, not written. */
  private place(tok: Tok, id: number, out: Outcome): { start: number; first: number } {
    const start = this.write.off;
    let first = 0;
    const one = (phys: number, len: number, flags: number, i: number) => {
      const marked = this.marked(flags);
      if (i === 0) first = marked;
      this.writeDesc(this.areas.desc, 16 * this.write.off, phys, len, id, i === 0 ? flags : marked);
      this.write = this.step(this.write, 1);
      this.capacity--;
    };
    const flags = (e: Elem, i: number) =>
      (e.writable ? F_WRITE : 0) | (i + 1 < tok.elems.length ? F_NEXT : 0);
    if (tok.indirect) {
      const table = new Uint8Array(16 * tok.elems.length);
      tok.elems.forEach((e, i) => {
        const f = flags(e, i);
        if (f & F_NEXT) this.cfg.hit("D06");
        this.writeDesc(table, 16 * i, e.phys, elemLength(e), 0, this.cfg.hermit ? f : f & F_WRITE);
      });
      out.tables.set(tok.name, table);
      one(tok.table ?? 0, table.length, F_INDIRECT, 0);
    } else tok.elems.forEach((e, i) => one(e.phys, elemLength(e), flags(e, i), i));
    return { start, first };
  }

  override dispatchBatch(toks: Tok[], notif: boolean, _batch?: boolean): Outcome {
    const out = this.outcome();
    const old = this.write;
    const placed: { start: number; first: number; id: number; tok: Tok }[] = [];
    if (this.cfg.hermit) {
      if (toks.length === 0) {
        this.cfg.hit("D20");
        return this.outcome({ panic: true });
      }
      const tok = toks[0];
      if (tok.elems.length === 0 && tok.indirect) {
        this.cfg.hit("D16");
        return this.outcome({ panic: true });
      }
      if (consuming(tok) > this.capacity) return this.outcome({ err: "NoDescrAvail" });
      const id = this.allocate();
      if (id === undefined) return this.outcome({ err: "NoDescrAvail" });
      if (tok.elems.length === 0) {
        this.cfg.hit("D16");
        return this.outcome({ err: "BufferNotSpecified" });
      }
      const { start, first } = this.place(tok, id, out);
      for (let k = 1; k < toks.length; k++) {
        if (start === this.write.off) {
          this.cfg.hit("D03");
          return { ...out, panic: true };
        }
        this.cfg.hit("D02");
        out.barriers.push("write");
      }
      placed.push({ start, first, id, tok });
    } else {
      const err = this.refusal(toks);
      if (err !== undefined) return this.outcome({ err });
      if (toks.reduce((n, t) => n + consuming(t), 0) > this.capacity || toks.length > this.free.size) {
        return this.outcome({ err: "NoDescrAvail" });
      }
      for (const tok of toks) {
        const id = this.allocate()!;
        placed.push({ ...this.place(tok, id, out), id, tok });
      }
    }
    out.barriers.push("write");
    for (const p of placed) {
      put(this.areas.desc, 16 * p.start + 14, 2, p.first);
      this.live.set(p.id, { tok: p.tok, chain: [p.id] });
      this.order.push(p.id);
    }
    if (notif && this.cfg.eventIdx) {
      this.cfg.hit("D05");
      const at = this.cfg.hermit ? this.write : this.step(this.write, this.cfg.size - 1);
      const wrap = this.cfg.hermit || this.write.off > 0 ? this.write.wrap : this.write.wrap ^ 1;
      put(this.areas.driver, 0, 2, at.off | (wrap << 15));
      put(this.areas.driver, 2, 2, 2);
    }
    out.barriers.push("general");
    const { device } = this.areas;
    const mode = u16(device, 2) & 3;
    const event = { off: u16(device, 0) & 0x7fff, wrap: u16(device, 0) >> 15 };
    const byEvent = mode === 2 && this.cfg.eventIdx &&
      packedNeedEvent(this.cfg.size, event, old, this.write);
    if (byEvent) this.cfg.hit("D04");
    if (mode === 0 || (byEvent && !this.cfg.hermit)) {
      out.notify = this.write.off | (this.write.wrap << 15);
      this.lastNext = this.write;
    }
    return { ...out, ok: true };
  }

  override tryRecv(): Outcome {
    const waiting = this.takeKept();
    if (waiting !== undefined) return this.outcome({ ok: true, returned: [waiting] });
    if (!this.hasUsed()) return this.outcome({ err: "NoNewUsed" });
    const barriers: BarrierType[] = ["read"];
    const at = 16 * this.poll.off;
    const id = u16(this.areas.desc, at + 12), written = u32(this.areas.desc, at + 8);
    const entry = this.live.get(id);
    if (entry === undefined) {
      this.cfg.hit("D09");
      if (this.cfg.hermit) return this.outcome({ panic: true, barriers });
      this.poll = this.step(this.poll, 1);
      return this.outcome({
        err: id >= this.cfg.size ? "UsedIdOutOfRange" : "UsedIdNotOutstanding",
        barriers,
      });
    }
    const err = written > writableBytes(entry.tok);
    if (err) this.cfg.hit("D18");
    this.live.delete(id);
    this.free.add(id);
    this.order = this.order.filter((o) => o !== id);
    this.poll = this.step(this.poll, consuming(entry.tok));
    this.capacity += consuming(entry.tok);
    if (err && !this.cfg.hermit) return this.outcome({ err: "UsedLengthTooLarge", barriers });
    return this.outcome({ ok: true, barriers, returned: [{ token: entry.tok, written }] });
  }

  override setNotifs(on: boolean): void {
    put(this.areas.driver, 2, 2, on ? 0 : 1);
  }
  override hasUsed(): boolean {
    const flags = u16(this.areas.desc, 16 * this.poll.off + 14) & 0x8080;
    return flags === (this.poll.wrap ? 0x8080 : 0) || this.pendingReturn.length > 0;
  }
  override state(): ModelState {
    return {
      ...this.states(),
      capacity: this.capacity,
      hasUsed: this.hasUsed(),
      read: this.poll,
      write: this.write,
    };
  }
}
