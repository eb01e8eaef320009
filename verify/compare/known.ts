import { DescF } from "../../spec/mod.ts";
import { DeviceStatus } from "../../spec/virtio/status.ts";
import { CLAUSES } from "../golden/divergences.ts";
import { type Comparison, type Found, type Shown, stepAt } from "./compare.ts";

/** A way in which Hermit is known to differ. */
export interface Known {
  /** `D08` of docs/hermit-defects.md; undefined: named there in the closing lines, without a number. */
  readonly id: string | undefined;
  readonly text: string;
  /**
   * `here`: the replay of the golden trace has found it at this step. `earlier`: at an earlier one, from which this may
   * follow. `like`: this is what it looks like.
   */
  readonly how: "here" | "earlier" | "like";
}

const named = (id: string, how: Known["how"] = "like"): Known => ({ id, text: CLAUSES[id], how });
const flag = (s: Shown | undefined, bit: number) => ((s?.value ?? 0) & bit) !== 0;

/** What a difference looks like, by its steps. Either side may be the Hermit. */
function patterns(a: Shown | undefined, b: Shown | undefined, before: Shown | undefined): Known[] {
  const one = a ?? b;
  if (one === undefined) return [];
  const both = a !== undefined && b !== undefined && a.kind === b.kind && a.name === b.name;
  if (!both && one.name === "barrier read") {
    const text =
      "Hermit's split try_recv has its read barrier before the load of used.idx, so also when it finds nothing " +
      "(virtio 1.4, 2.7.14)";
    return [{ id: undefined, text, how: "like" }];
  }
  if (both && one.kind === "barrier" && a.text.replace(/\w+\//, "") === b.text.replace(/\w+\//, "")) {
    return [named("D08")];
  }
  const either = [a, b].filter((s): s is Shown => s !== undefined);
  const has = (name: string) => either.some((s) => s.name === name);
  if (both && one.name === "table.entry" && flag(a, DescF.NEXT) !== flag(b, DescF.NEXT)) {
    return [named("D06")];
  }
  if (!both && has("used_event")) return [named("D13")];
  if (both && one.name === "driver_event.desc") return [named("D05")];
  if (both && one.name === "desc.flags" && flag(a, DescF.INDIRECT) !== flag(b, DescF.INDIRECT)) {
    return [named("D07")];
  }
  if (either.some((s) => s.name === "desc.len" && s.value === 0)) return [named("D17")];
  const odd = (n: number | undefined) => n !== undefined && n > 0 && (n & (n - 1)) !== 0;
  if (either.some((s) => s.kind === "write" && /^queue_(size|num)$/.test(s.name) && odd(s.value))) {
    return [named("D15")];
  }
  const status = (s: Shown | undefined) => s !== undefined && /^(device_)?status$/.test(s.name);
  if (
    status(before) && before!.kind === "write" && before!.value === 0 &&
    either.some((s) => status(s) && s.kind === "read")
  ) {
    return [{
      id: undefined,
      text: "Hermit's reset_dev does not wait for status 0 (virtio 1.4, 4.1.4.3.2)",
      how: "like",
    }];
  }
  if (both && status(a) && (flag(a, DeviceStatus.FAILED) || flag(b, DeviceStatus.FAILED))) {
    return [{
      id: undefined,
      text: "Hermit's set_failed clears the other bits (virtio 1.4, 2.1.1)",
      how: "like",
    }];
  }
  return [];
}

/** Known divergences that a difference may be. Of golden traces the replay knows which it is. */
export function knownDivergences(
  comparison: Comparison,
  { lane, hunk }: Found,
  a: Shown | undefined,
  b: Shown | undefined,
): Known[] {
  const { vocabulary } = comparison;
  const like = patterns(a, b, stepAt(lane.a, hunk.a0 - 1, vocabulary));
  const golden = comparison.a.replay !== undefined ? comparison.a : comparison.b;
  if (golden.replay === undefined) return like;
  const { at, unexplained } = golden.replay;
  const step = (golden === comparison.a ? a : b)?.line ?? (a ?? b)?.line ?? 0;
  if (unexplained !== undefined && step >= unexplained) return [];
  if (like[0]?.id === "D08" && "D08" in at) return [named("D08", "here")];
  if (like.length > 0 && like[0].id === undefined) return like;
  const fits = Object.entries(at).filter(([id]) => id !== "D08");
  const here = fits.filter(([, n]) => n === step);
  if (here.length > 0) return here.map(([id]) => named(id, "here"));
  const earlier = fits.filter(([, n]) => n < step).sort((x, y) => y[1] - x[1]);
  return earlier.slice(0, 1).map(([id]) => named(id, "earlier"));
}
