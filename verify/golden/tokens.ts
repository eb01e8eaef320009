import { BufferElem, DeviceVec } from "../../drivers/virtio/virtqueue/buffer.ts";
import { AvailBufferToken } from "../../drivers/virtio/virtqueue/token.ts";
import { F } from "../../spec/mod.ts";
import { type Areas, type Outcome, type RingModel, type Tok } from "./model.ts";
import { SplitModel } from "./model_split.ts";
import { PackedModel } from "./model_packed.ts";
import { type ElemSpec, type TokenSpec, type TraceStep } from "./schema.ts";
import { BYTES16, JudgeReplay, type OurToken } from "./judge.ts";

/** Elements and tokens: ours, and as the models see them. */
export abstract class TokenReplay extends JudgeReplay {
  protected model(hermit: boolean, size: number, areas: Areas): RingModel {
    const Model = this.trace.queue_type === "packed" ? PackedModel : SplitModel;
    return new Model({
      size,
      eventIdx: this.has(F.EVENT_IDX),
      indirectDesc: this.has(F.INDIRECT_DESC),
      inOrder: this.has(F.IN_ORDER),
      hermit,
      hit: (id) => this.hit(id),
    }, areas);
  }

  /** Makes our elements and token. @throws {VirtqError} as the classes do; nothing stays allocated then. */
  protected build(spec: TokenSpec, step: TraceStep, reuse = false): OurToken {
    const name = spec.token ?? "";
    const ours: OurToken = { name, token: undefined, elems: [] };
    const make = (e: ElemSpec, send: boolean, i: number): BufferElem => {
      const owner = `${name}.${send ? "send" : "recv"}${i}`;
      const object = step.objects?.find((o) => o.name === owner);
      const bytes = Uint8Array.from({ length: e.len }, (_, k) => (object?.seed ?? 0) + k);
      let elem: BufferElem;
      if (e.kind === "sized") {
        elem = BufferElem.sized(this.world.alloc, BYTES16, owner, send ? bytes : undefined);
      } else {
        const vec = DeviceVec.withCapacity(this.world.alloc, e.capacity ?? e.len, owner);
        if (send || e.capacity !== undefined) vec.set(send ? bytes : new Uint8Array(e.len));
        elem = BufferElem.vector(vec);
      }
      ours.elems.push({ name: owner, elem, send });
      return elem;
    };
    try {
      const send = spec.send.map((e, i) => make(e, true, i));
      const recv = spec.recv.map((e, i) => make(e, false, i));
      ours.token = AvailBufferToken.new(send, recv);
    } catch (e) {
      this.release(ours);
      throw e;
    }
    if (!reuse) this.tokens.set(name, ours);
    this.byToken.set(ours.token, ours);
    return ours;
  }

  protected release(ours: OurToken): void {
    for (const { elem } of ours.elems) {
      if (this.world.alloc.isLive(elem.vec.buffer)) elem.free();
    }
  }

  /** The token as the models see it; `phys` by element name. */
  protected tok(spec: TokenSpec, phys: (name: string) => number, table: number | undefined): Tok {
    const name = spec.token ?? "";
    const elem = (e: ElemSpec, send: boolean, i: number) => {
      const label = `${name}.${send ? "send" : "recv"}${i}`;
      return { name: label, phys: phys(label), len: e.len, capacity: e.capacity ?? e.len, writable: !send };
    };
    const elems = [
      ...spec.send.map((e, i) => elem(e, true, i)),
      ...spec.recv.map((e, i) => elem(e, false, i)),
    ];
    return { name, elems, indirect: spec.type === "indirect", table };
  }

  protected nameOf(phys: number): string {
    for (const ours of this.tokens.values()) {
      for (const e of ours.elems) {
        if (e.elem.phys === phys && this.world.alloc.isLive(e.elem.vec.buffer)) return e.name;
      }
    }
    return "?";
  }

  protected hermitToks(step: TraceStep, specs: TokenSpec[]): Tok[] {
    for (const o of step.objects ?? []) this.hermitElems.set(o.name, Number(o.phys));
    for (
      const [spec, o] of specs.flatMap((s) => this.elemSpecs(s)).map((e) =>
        [e, step.objects?.find((o) => o.name === e.name)] as const
      )
    ) {
      if (o === undefined) continue;
      const expected = { len: spec.len, capacity: spec.capacity };
      if (o.len !== expected.len || o.capacity !== expected.capacity) {
        this.differs(`element ${o.name}`, { len: o.len, capacity: o.capacity }, expected);
      }
    }
    const tables = new Map((step.indirect ?? []).map((o) => [o.name, Number(o.phys)]));
    for (const o of step.indirect ?? []) this.judgeValue(`length of ${o.name}`, o.len, o.hex.length / 2);
    return specs.map((s) =>
      this.tok(
        s,
        (n) => this.hermitElems.get(n) ?? 0,
        tables.get(`${s.token}.indirect`) ?? this.duringTable(step, s),
      )
    );
  }

  /** Length and capacity that the elements of a token have before the device writes. */
  protected elemSpecs(s: TokenSpec): { name: string; len: number; capacity: number }[] {
    const one = (e: ElemSpec, send: boolean, i: number) => ({
      name: `${s.token}.${send ? "send" : "recv"}${i}`,
      len: send || e.kind === "sized" || e.capacity !== undefined ? e.len : 0,
      capacity: e.capacity ?? e.len,
    });
    return [...s.send.map((e, i) => one(e, true, i)), ...s.recv.map((e, i) => one(e, false, i))];
  }

  protected keepTables(hermit: Outcome, toks: Tok[]): void {
    for (const [name, bytes] of hermit.tables) {
      const table = toks.find((x) => x.name === name)?.table;
      if (table !== undefined) this.hermitTables.set(table, bytes);
    }
  }

  /** A blocking dispatch records its table only in the chain that the device saw. */
  protected duringTable(step: TraceStep, spec: TokenSpec): number | undefined {
    const name = `${spec.token}.`;
    const found = step.device_during_op?.find((d) => d.chain.segments.some((s) => s.name.startsWith(name)));
    return found?.chain.indirect ? Number(found.chain.indirect.phys) : undefined;
  }
}
