import { F } from "../../spec/mod.ts";
import { bytesDiffer, expectedReturn } from "./compare.ts";
import { DeviceTrack } from "./device.ts";
import { type Areas, type Outcome, type Tok } from "./model.ts";
import { toHex, type TokenSpec, type TraceStep } from "./schema.ts";
import { OutcomeReplay } from "./outcome.ts";
import { barrierType, show } from "./judge.ts";

/** Traces of a queue that ours refuses to make: trace against the model of Hermit. */
export abstract class AloneReplay extends OutcomeReplay {
  /** We refused the size. What is left is to see whether the trace is what Hermit does. */
  protected setUpAlone(step: TraceStep, size: number): boolean {
    this.alone = true;
    const areas: Record<string, Uint8Array> = {};
    for (const a of this.trace.areas) {
      areas[a.name] = new Uint8Array(a.len);
      if (a.len > 0) this.world.alloc.allocate(a.len, a.name);
    }
    this.judgeValue("size", this.trace.size, size);
    this.hermit = this.model(true, size, areas as unknown as Areas);
    this.hermitTrack = new DeviceTrack(
      this.trace.queue_type,
      size,
      this.has(F.EVENT_IDX),
      this.hermit.areas,
      (phys) => this.hermitTables.get(phys),
    );
    this.compareAlone(step);
    return true;
  }

  protected oneAlone(step: TraceStep): void {
    const op = step.op;
    let out: Outcome | undefined;
    let returned: { token: Tok; written: number } | undefined;
    if (op.op === "size_index") this.judgeValue("size", step.result.size, this.trace.size);
    else if (op.op === "has_used_buffers") this.judgeValue("value", step.result.value, this.hermit.hasUsed());
    else if (op.op === "enable_notifs" || op.op === "disable_notifs") {
      this.hermit.setNotifs(op.op === "enable_notifs");
    } else if (op.op === "try_recv") {
      out = this.hermit.tryRecv();
      returned = out.returned?.[0];
    } else if (op.op.startsWith("dispatch")) {
      const toks = this.hermitToks(step, op.tokens ?? [op as TokenSpec]);
      out = op.tokens
        ? this.hermit.dispatchBatch(toks, op.notif!, true)
        : this.hermit.dispatch(toks[0], op.notif ?? false);
      this.keepTables(out, toks);
      if (op.op === "dispatch_blocking" && out.ok) {
        this.duringOp(step);
        this.hermit.setNotifs(false);
        const got = this.hermit.tryRecv();
        returned = got.returned?.[0];
        out = {
          ...out,
          ok: got.ok,
          err: got.err,
          panic: got.panic,
          barriers: [...out.barriers, ...got.barriers],
        };
        if (got.ok) this.hermit.setNotifs(true);
      }
      this.judgeValue("notifications", this.traceNotifications(step), this.modelNotifications(out));
    } else if (op.op === "repeat_cycle") this.repeatAlone(step);
    else if (op.op.startsWith("device_")) this.hermitDevice(step);
    if (out !== undefined) {
      this.judgeValue("result", show(step.result), show(out));
      this.judgeValue("barriers", step.barriers?.map(barrierType), out.barriers);
      const pops = step.returned?.recv.map((r) => r.pop);
      const mine = returned && expectedReturn(returned.token, returned.written, pops, this.contents.hermit);
      this.judgeValue("returned", this.plainReturned(step), mine);
      for (const table of step.indirect ?? []) {
        const bytes = out.tables.get(table.name.replace(/\.indirect$/, ""));
        this.judgeValue(`table ${table.name}`, table.hex, bytes && toHex(bytes));
      }
    }
    this.compareAlone(step);
  }

  protected repeatAlone(step: TraceStep): void {
    const op = step.op;
    const spec: TokenSpec = { token: "T0", send: op.send!, recv: op.recv!, type: op.type! };
    const elems = this.build(spec, step);
    const tok = this.tok(spec, (name) => elems.elems.find((e) => e.name === name)!.elem.phys, undefined);
    let good = 0;
    for (let n = 0; n < op.count!; n++) {
      this.hermit.dispatch(tok, false);
      const chain = this.hermitTrack.pop();
      if (chain === undefined) this.differs(`cycle ${n}`, "a chain", "none");
      const written = chain!.segments.reduce((sum, s) => sum + (s.writable ? s.len : 0), 0);
      const { writes } = this.hermitTrack.complete(chain!.id, written, chain!.ndesc, written > 0);
      for (const w of writes) this.hermit.areas[w.name].set(w.bytes, w.off);
      if (this.hermit.tryRecv().ok) good++;
    }
    this.release(elems);
    this.judgeValue("cycles_ok", step.result.cycles_ok, good);
  }

  protected compareAlone(step: TraceStep): void {
    const areas = this.log.next(
      step,
      (name, message) => this.differs(`area ${name}`, message, "the last step's"),
    );
    for (const { name } of this.trace.areas) {
      const wrong = bytesDiffer(areas[name as keyof Areas], this.hermit.areas[name as keyof Areas]);
      if (wrong) this.differs(`area ${name} at offset ${wrong.offset} (not as Hermit's)`, wrong.a, wrong.b);
    }
    if (step.driver_state) {
      this.checkTraceState(step.driver_state, this.hermit.state(), this.trace.queue_type === "packed");
    }
  }
}
