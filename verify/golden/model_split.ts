import {
  type BarrierType,
  consuming,
  elemLength,
  F_INDIRECT,
  F_NEXT,
  F_WRITE,
  type ModelState,
  needEvent,
  type Outcome,
  put,
  RingModel,
  type Tok,
  u16,
  u32,
  writableBytes,
} from "./model.ts";

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
