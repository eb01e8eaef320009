/** Observations made up, to test what judges and reports them. */
import type { Check, Result, Value } from "../../../verify/conform/mod.ts";
import { firstDifference } from "../../../verify/conform/compare.ts";

export function result(id: string, simulated: Value, qemu: Value, kind: Check["kind"] = "probe"): Result {
  const check: Check = {
    id,
    title: `title of ${id}`,
    spec: "virtio 1.4, 2.7",
    kind,
    machine: "-machine q35",
    run: () => null,
  };
  return { check, simulated, qemu, difference: firstDifference(simulated, qemu) };
}
