import { F } from "../../spec/mod.ts";
import { bytesDiffer, sameStep } from "./compare.ts";
import { type Areas, type RingModel } from "./model.ts";
import { PackedModel } from "./model_packed.ts";
import { type DriverState, toHex, type TraceStep } from "./schema.ts";
import { DeviceReplay } from "./device_steps.ts";

/** The state after a step: areas and the driver's variables. */
export abstract class StateReplay extends DeviceReplay {
  // The state after a step.

  protected compareState(step: TraceStep): void {
    this.checkAskedEvent(step);
    const areas = this.log.next(
      step,
      (name, message) => this.differs(`area ${name}`, message, "the last step's"),
    );
    for (const { name } of this.trace.areas) {
      const key = name as keyof Areas;
      const trace = areas[key],
        hermit = this.hermit.areas[key],
        ours = this.ourAreas[key],
        fixed = this.fixed.areas[key];
      if (!bytesDiffer(trace, ours)) continue;
      const wrong = bytesDiffer(trace, hermit);
      if (wrong) {
        this.differs(
          `area ${name} at offset ${wrong.offset} (neither as ours nor as Hermit's)`,
          wrong.a,
          bytesDiffer(trace, ours)!.b,
        );
      }
      const split = bytesDiffer(ours, fixed, (o) => this.masked(key, o));
      if (split) {
        const side = bytesDiffer(trace, ours)!;
        this.differs(`area ${name} at offset ${side.offset}`, side.a, side.b);
      }
      if (bytesDiffer(trace, ours, (o) => this.masked(key, o) !== undefined) === undefined) {
        for (let o = 0; o < trace.length; o++) {
          const id = trace[o] === ours[o] ? undefined : this.masked(key, o);
          if (id !== undefined) this.report(id);
        }
      } else this.explain(`area ${name}`, "its bytes", "other bytes");
    }
    this.compareDriver(step);
  }

  /** D05: where our queue asks for an event at a descriptor, it must be the chain's last one; it must not refuse. */
  private checkAskedEvent(step: TraceStep): void {
    const packed = this.trace.queue_type === "packed" && this.has(F.EVENT_IDX);
    if (!packed || !step.op.notif || !step.result.ok) return;
    const ours = this.ourAreas.driver, fixed = this.fixed.areas.driver, mode = ours[2] & 3;
    if (mode === 1 || (mode === 2 && bytesDiffer(ours, fixed))) {
      this.differs("area driver: event of the transfer", toHex(fixed), toHex(ours));
    }
  }

  /** Bytes whose value the corrected model leaves open, and the divergence that they belong to. */
  protected masked(area: keyof Areas, offset: number): string | undefined {
    if (area === "driver" && this.has(F.EVENT_IDX)) {
      if (this.trace.queue_type === "packed") return this.met("D05") ? "D05" : undefined;
      return offset >= 4 + 2 * this.trace.size ? "D13" : undefined;
    }
    if (
      area === "driver" && offset < 2 && this.trace.queue_type === "split" && this.met("D11") && this.disabled
    ) {
      return "D11";
    }
    return this.has(F.IN_ORDER) && this.trace.queue_type === "split" ? "D14" : undefined;
  }

  protected compareDriver(step: TraceStep): void {
    const t = step.driver_state;
    if (t === null) return;
    const packed = this.trace.queue_type === "packed";
    const h = this.hermit.state(), x = this.fixed.state(), snapshot = this.queue!.snapshot();
    this.checkTraceState(t, h, packed);
    const live = (list: { id: number; ndesc: number }[]) =>
      list.map((l) => ({ id: l.id, ndesc: l.ndesc })).sort((a, b) => a.id - b.id);
    const both = (s: typeof h) => ({ free: s.capacity, live: live(s.live), hasUsed: s.hasUsed });
    const trace = {
      free: packed ? t.capacity : t.free_count,
      live: live(t.live),
      hasUsed: t.has_used_buffers,
    };
    const ours = {
      free: snapshot.free,
      live: live(snapshot.inFlight.map((f) => ({ id: f.id, ndesc: f.descriptors }))),
      hasUsed: this.queue!.hasUsedBuffers(),
    };
    if (this.has(F.IN_ORDER)) trace.live = ours.live = [];
    const strip = (s: ReturnType<typeof both>) => this.has(F.IN_ORDER) ? { ...s, live: [] } : s;
    this.judge("driver_state", trace, strip(both(h)), ours, strip(both(x)));
  }

  /** The private variables that the trace shows must fit the model of Hermit, or what follows would prove nothing. */
  protected checkTraceState(t: DriverState, h: ReturnType<RingModel["state"]>, packed: boolean): void {
    const free = typeof t.free === "string"
      ? t.free.split(/[ ,]+/).filter((r) => r !== "").flatMap((r) => {
        const [from, to] = r.split("-").map(Number);
        return Array.from({ length: (to ?? from) - from + 1 }, (_, k) => from + k);
      })
      : t.free;
    const list = (l: typeof t.live) => l.toSorted((a, b) => a.id - b.id);
    const trace: Record<string, unknown> = {
      free,
      free_count: t.free_count,
      live: list(t.live),
      used: t.has_used_buffers,
    };
    const model: Record<string, unknown> = {
      free: h.free,
      free_count: h.free.length,
      live: list(h.live),
      used: h.hasUsed,
    };
    if (packed) {
      Object.assign(trace, {
        write: t.write_index,
        poll: t.poll_index,
        capacity: t.capacity,
        last: t.last_next,
      });
      Object.assign(trace, { drv: t.drv_f_notif_idx, dev: t.dev_f_notif_idx });
      Object.assign(model, { drv: this.has(F.EVENT_IDX), dev: false });
      const last = (this.hermit as PackedModel).lastNext;
      Object.assign(model, { write: h.write, poll: h.read, capacity: h.capacity, last });
    } else {
      trace.read = t.read_idx;
      model.read = h.read.off;
    }
    if (!sameStep(trace, model)) this.differs("driver_state (not as Hermit's)", trace, model);
  }
}
