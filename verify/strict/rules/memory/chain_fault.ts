import type { Chain, ChainFault, ChainFaultKind } from "../../model/chain.ts";
import type { QueueModel } from "../../model/queue.ts";
import type { Evidence } from "../../report.ts";
import type { Rule, Scene } from "../../rule.ts";
import { bytesAt, chainName, descriptorAt } from "./support.ts";

/** A rule about the way in which a chain is written: the model has found the fault, the rule says which rule it breaks. */
export interface ChainFaultSpec extends Omit<Rule, "watch"> {
  /** Of which rings. */
  readonly ring: "split" | "packed" | "both";
  readonly kinds: readonly ChainFaultKind[];
  /** What the rule wants, for the report. */
  readonly expected: string;
  /** Faults that this rule has nothing to say about. */
  readonly unless?: (fault: ChainFault, chain: Chain, queue: QueueModel) => boolean;
}

/** Makes the rule. One report for a chain: what follows from its first fault of the kind is not told again. */
export function chainFaultRule(spec: ChainFaultSpec): Rule {
  const { ring, kinds, expected, unless, ...rule } = spec;
  return {
    ...rule,
    watch: (scene) => ({
      published(queue, chain) {
        if (ring !== "both" && queue.ring?.kind !== ring) return;
        const fault = chain.faults.find((f) => kinds.includes(f.kind) && unless?.(f, chain, queue) !== true);
        if (fault !== undefined) report(scene, queue, chain, fault, expected);
      },
    }),
  };
}

function report(scene: Scene, queue: QueueModel, chain: Chain, fault: ChainFault, expected: string): void {
  scene.report({
    device: queue.device,
    queue,
    found: `${chainName(queue, chain)}: ${fault.text}`,
    expected,
    evidence: evidenceOf(scene, queue, chain, fault),
    place: chain.place,
  });
}

/** The descriptor with the fault, and the head if that is another. */
function evidenceOf(scene: Scene, queue: QueueModel, chain: Chain, fault: ChainFault): Evidence[] {
  const ring = queue.ring!;
  const own = chain.descriptors.map((d) => ring.addressOf("descriptor", d));
  let { descriptor } = fault;
  if (fault.kind === "index") {
    // What is out of the table cannot be shown; who named it can.
    if (own.length === 0) {
      const entry = ring.addressOf("availEntry", chain.position);
      return [bytesAt(scene, `available ring entry ${chain.position % ring.size}`, entry, 2)];
    }
    descriptor = chain.segments.at(-1)?.descriptor ?? own[own.length - 1];
  }
  const shown = [descriptor, ...own.slice(0, 1).filter((head) => head !== descriptor)];
  return shown.filter((at) => scene.machine.isRam(at, 16)).map((at) => descriptorAt(scene, queue, at));
}
