import { F } from "../../spec/mod.ts";
import { sameStep } from "./compare.ts";
import { type AreaWrite, type FoundChain } from "./device.ts";
import { type Areas } from "./model.ts";
import { fromHex, toHex, type TraceChain, type TraceStep } from "./schema.ts";
import { TokenReplay } from "./tokens.ts";
import { AREAS, Stalled } from "./judge.ts";

/** Steps of the device: the trace's own on the model of Hermit, renamed on our ring. */
export abstract class DeviceReplay extends TokenReplay {
  // The device.

  protected hermitWrites(writes: { name: string; off: number; hex: string }[]): void {
    for (const w of writes) {
      const bytes = fromHex(w.hex);
      if ((AREAS as readonly string[]).includes(w.name)) {
        const area = this.hermit.areas[w.name as keyof Areas];
        if (w.off + bytes.length > area.length) {
          this.differs(`device write to ${w.name}`, w, `${area.length} bytes`);
        }
        area.set(bytes, w.off);
      } else this.content("hermit", w.name, w.off, bytes);
    }
  }

  protected content(side: "hermit" | "ours", name: string, off: number, bytes: Uint8Array): void {
    let all = this.contents[side].get(name);
    if (all === undefined || all.length < off + bytes.length) {
      const grown = new Uint8Array(off + bytes.length);
      if (all !== undefined) grown.set(all);
      this.contents[side].set(name, all = grown);
    }
    all.set(bytes, off);
  }

  protected applyOurs(w: AreaWrite): void {
    this.ourAreas[w.name].set(w.bytes, w.off);
    this.ourWrites.push(w);
  }

  protected elemWrite(name: string, off: number, bytes: Uint8Array): void {
    const elem = this.tokens.get(name.slice(0, name.indexOf(".")))?.elems.find((e) => e.name === name)?.elem;
    if (elem === undefined) {
      const table = this.tokens.get(name.replace(/\.indirect$/, ""))?.table;
      if (table !== undefined) this.world.bytes(table.phys + off, bytes.length)?.set(bytes);
      return;
    }
    this.world.bytes(elem.phys + off, bytes.length)?.set(bytes);
    this.content("ours", name, off, bytes);
  }

  protected deviceStep(step: TraceStep): void {
    const ahead = this.doneAhead.has(step.i);
    this.hermitDevice(step);
    if (!ahead) {
      this.ourDevice(step, true);
      for (const w of this.ourWrites) this.fixed.areas[w.name].set(w.bytes, w.off);
    }
  }

  protected hermitPop(trace: TraceChain): void {
    const found = this.hermitTrack.pop();
    const show = (c: FoundChain | undefined) =>
      c && {
        id: c.id,
        ndesc: c.ndesc,
        indirect: c.indirect === undefined ? null : c.indirect,
        segments: c.segments,
      };
    const plain = {
      id: trace.id,
      ndesc: trace.ndesc,
      indirect: trace.indirect && { phys: Number(trace.indirect.phys), len: trace.indirect.len },
      segments: trace.segments.map((s) => ({ phys: Number(s.phys), len: s.len, writable: s.writable })),
    };
    if (!sameStep(plain, show(found))) this.differs("chain that the device found", plain, show(found));
    const token = trace.segments[0]?.name.replace(/\..*/, "") ?? "";
    for (const s of trace.segments) {
      const base = this.hermitElems.get(s.name);
      if (base !== undefined && base + s.off !== Number(s.phys)) {
        this.differs(`address of ${s.name}`, s, base);
      }
    }
    const ours = this.chains.get(trace.label)?.ours;
    this.chains.set(trace.label, { trace, hermit: found!, ours, token });
  }

  protected hermitDevice(step: TraceStep): void {
    const op = step.op;
    if (op.op === "device_pop") {
      if (step.result.chain) this.hermitPop(step.result.chain);
      else if (this.hermitTrack.pop() !== undefined) {
        this.differs("chain that the device found", "none", "one");
      }
      return;
    }
    if (op.op === "device_complete" || op.op === "device_push_used_raw") {
      const known = op.op === "device_complete" ? this.chains.get(op.chain!) : undefined;
      if (op.op === "device_complete" && known === undefined) this.differs("chain", op.chain, "never popped");
      const id = known?.hermit.id ?? op.id!, ndesc = known?.hermit.ndesc ?? op.ndesc!;
      const wrote = op.op === "device_complete" ? op.write_bytes! > 0 : this.rawWriteFlag(step);
      const { writes, interrupt } = this.hermitTrack.complete(id, op.used_len!, ndesc, wrote);
      this.checkDeviceWrites(
        step.device_writes ?? [],
        writes,
        known?.trace,
        op.write_bytes ?? 0,
        op.seed ?? 0,
      );
      if (step.result.interrupt !== undefined && step.result.interrupt !== interrupt) {
        this.differs("interrupt", step.result.interrupt, interrupt);
      }
    }
    this.hermitWrites(step.device_writes ?? []);
  }

  protected rawWriteFlag(step: TraceStep): boolean {
    const flags = step.device_writes?.find((w) => w.name === "desc" && w.off % 16 === 14);
    return flags !== undefined && (parseInt(flags.hex.slice(0, 2), 16) & 2) !== 0;
  }

  protected duringOp(step: TraceStep): void {
    for (const during of step.device_during_op ?? []) {
      this.hermitPop(during.chain);
      const chain = this.chains.get(during.chain.label)!.hermit;
      const { writes, interrupt } = this.hermitTrack.complete(
        chain.id,
        during.used_len,
        chain.ndesc,
        during.used_len > 0,
      );
      this.judgeValue("interrupt", during.interrupt, interrupt);
      this.checkDeviceWrites(during.device_writes, writes, during.chain, during.used_len, during.seed);
      this.hermitWrites(during.device_writes);
    }
  }

  /** The trace's writes must be those of its own operation: data from `seed` on, then the used entry. */
  protected checkDeviceWrites(
    trace: { name: string; off: number; hex: string }[],
    used: AreaWrite[],
    chain: TraceChain | undefined,
    bytes: number,
    seed: number,
  ): void {
    const expected: { name: string; off: number; hex: string }[] = [];
    let done = 0;
    for (const s of chain?.segments ?? []) {
      const n = s.writable ? Math.min(s.len, bytes - done) : 0;
      if (n === 0) continue;
      const data = Uint8Array.from({ length: n }, (_, k) => seed + done + k);
      expected.push({ name: s.name, off: s.off, hex: toHex(data) });
      done += n;
    }
    for (const w of used) expected.push({ name: w.name, off: w.off, hex: toHex(w.bytes) });
    if (!sameStep(trace, expected)) this.differs("device_writes", trace, expected);
  }

  protected ourPop(trace: TraceChain, known: { ours: FoundChain | undefined; token: string }): void {
    const ours = this.tokens.get(known.token);
    if (ours?.token === undefined || !ours.token.inFlight) return;
    const early = this.extra.findIndex((e) => e.token === known.token);
    if (early >= 0) known.ours = this.extra.splice(early, 1)[0].chain;
    while (known.ours === undefined) {
      const chain = this.ourTrack.pop();
      if (chain === undefined) this.differs(`chain of ${known.token}`, trace.label, "not in our ring");
      const token = this.nameOf(chain!.segments[0]?.phys ?? -1).replace(/\..*/, "");
      if (token === known.token) known.ours = chain;
      else if (!this.drifted) this.differs("order of chains", known.token, token);
      else this.extra.push({ chain: chain!, token });
    }
    const show = (segments: { name: string; len: number; writable: boolean }[], c: { ndesc: number }) => ({
      ndesc: c.ndesc,
      segments: segments.map((s) => ({ name: s.name, len: s.len, writable: s.writable })),
    });
    const chain = known.ours;
    const mine = show(chain.segments.map((s) => ({ ...s, name: this.nameOf(s.phys) })), chain);
    if (!sameStep(show(trace.segments, trace), mine)) {
      this.differs("chain in our ring", show(trace.segments, trace), mine);
    }
  }

  /** The part of a device step that concerns our queue. */
  protected ourDevice(step: TraceStep, judge: boolean): void {
    const op = step.op;
    if (op.op === "device_pop") {
      const chain = step.result.chain;
      if (!chain) {
        if (this.drifted) return;
        const found = this.ourTrack.pop();
        if (found !== undefined) this.differs("chain that the device found", "none", found);
        return;
      }
      const known = this.chains.get(chain.label) ??
        { ours: undefined, token: chain.segments[0].name.replace(/\..*/, ""), hermit: undefined as never };
      this.ourPop(chain, known);
      this.chains.set(chain.label, known);
      return;
    }
    if (op.op === "device_poke") {
      for (const w of step.device_writes ?? []) {
        if ((AREAS as readonly string[]).includes(w.name)) {
          this.applyOurs({ name: w.name as keyof Areas, off: w.off, bytes: fromHex(w.hex) });
        } else this.elemWrite(w.name, w.off, fromHex(w.hex));
      }
      return;
    }
    const chain = op.op === "device_complete" ? this.chains.get(op.chain!)?.ours : undefined;
    if (op.op === "device_complete" && chain === undefined) return;
    for (const w of step.device_writes ?? []) {
      if (!(AREAS as readonly string[]).includes(w.name)) this.elemWrite(w.name, w.off, fromHex(w.hex));
    }
    const wrote = op.op === "device_complete" ? op.write_bytes! > 0 : this.rawWriteFlag(step);
    const done = this.ourTrack.complete(chain?.id ?? op.id!, op.used_len!, chain?.ndesc ?? op.ndesc!, wrote);
    for (const w of done.writes) this.applyOurs(w);
    const met = ["D05", "D11", "D12", "D13"].some((id) => this.reported.includes(id) || this.pending.has(id));
    if (judge && step.result.interrupt !== done.interrupt && !met && !this.has(F.EVENT_IDX)) {
      this.differs("interrupt", step.result.interrupt, done.interrupt);
    }
  }

  /** `device_auto`: completes everything available, all writable bytes, seed 0xd0. */
  protected autoComplete(): void {
    for (let chain = this.ourTrack.pop(); chain !== undefined; chain = this.ourTrack.pop()) {
      let written = 0;
      for (const s of chain.segments) {
        if (!s.writable) continue;
        this.elemWrite(
          this.nameOf(s.phys),
          0,
          Uint8Array.from({ length: s.len }, (_, k) => 0xd0 + written + k),
        );
        written += s.len;
      }
      for (const w of this.ourTrack.complete(chain.id, written, chain.ndesc, written > 0).writes) {
        this.applyOurs(w);
      }
    }
  }

  /** A blocking dispatch waits: the device goes on with the steps that the trace has for it. */
  protected runAhead(): void {
    for (let i = this.index + 1; i < this.trace.steps.length; i++) {
      const step = this.trace.steps[i];
      if (!step.op.op.startsWith("device_") || step.op.op === "device_auto") continue;
      if (this.doneAhead.has(i)) continue;
      this.doneAhead.add(i);
      this.ourDevice(step, false);
      if (step.op.op === "device_complete") return;
    }
    throw new Stalled();
  }
}
