import {
  type Areas,
  type BarrierType,
  consuming,
  type Elem,
  elemLength,
  F_INDIRECT,
  F_NEXT,
  F_WRITE,
  type ModelConfig,
  type ModelState,
  type Outcome,
  packedNeedEvent,
  put,
  RingModel,
  type Tok,
  u16,
  u32,
  writableBytes,
} from "./model.ts";

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
