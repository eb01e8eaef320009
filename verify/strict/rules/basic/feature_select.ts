import type { Access } from "../../events.ts";
import type { Rule, Scene } from "../../rule.ts";
import { MMIO_LAYOUT, operation, overMmio } from "./_clauses.ts";
import { hex, nameOf, purposeOf } from "./_registers.ts";
import { PerDevice } from "./_state.ts";

/** The word that the register shows is chosen first. */
export const FEATURE_WORD_SELECTED: Rule = {
  id: "feature-word-selected",
  clauses: overMmio(MMIO_LAYOUT, 12, 13),
  level: "violation",
  section: "virtio 1.4, 4.2.2.2, 4.1.4.3",
  title: "The word of features is selected before it is read or written",
  hint:
    "Write the number of the word (0, 1) to the select register each time; what stands there is not known.",
  watch(scene) {
    const selected = new PerDevice(() => ({ offered: false, accepted: false, told: false }));
    return {
      access(a) {
        const purpose = purposeOf(a);
        if (a.device.legacy) return;
        const s = selected.of(a.device);
        if (purpose === "offeredSelect" && a.write) s.offered = true;
        else if (purpose === "acceptedSelect" && a.write) s.accepted = true;
        else if (purpose === "offered" && !a.write && !s.offered) report(scene, a, "read");
        else if (purpose === "accepted" && a.write && !s.accepted) report(scene, a, "written");
      },
    };
  },
};

function report(scene: Scene, a: Access, how: string): void {
  scene.report({
    device: a.device,
    found: `${nameOf(a)} was ${how} (${hex(a.value)}), and no word was ever selected`,
    expected: "the select register written before",
    evidence: [{ what: nameOf(a), address: a.address, value: hex(a.value) }],
  });
}

interface Selector {
  value: number | undefined;
  used: boolean;
  /** The word that was selected before, and not used. */
  skipped: number | undefined;
  /** Values written by word since the last reset. */
  words: Map<number, number>;
}

/** Two selections and then two accesses: the first word was never touched. */
export const FEATURE_SELECT_USED: Rule = {
  id: "feature-select-used",
  clauses: operation("Device Initialization", 1),
  level: "violation",
  section: "virtio 1.4, 3.1.1, 4.1.4.3, 4.2.2",
  title: "Between two selections of a word of features that word is read, or written",
  hint:
    "The accesses must reach the device in program order: no merging, no caching of a register (volatile).",
  watch(scene) {
    const make = (): Selector => ({ value: undefined, used: true, skipped: undefined, words: new Map() });
    const state = new PerDevice(() => ({ offered: make(), accepted: make() }));
    const select = (s: Selector, value: number) => {
      if (!s.used && s.value !== value) s.skipped = s.value;
      s.value = value;
      s.used = false;
    };
    return {
      access(a) {
        const { device } = a;
        const purpose = purposeOf(a);
        if (device.legacy) return;
        const { offered, accepted } = state.of(device);
        if (purpose === "offeredSelect" && a.write) return select(offered, a.value);
        if (purpose === "acceptedSelect" && a.write) return select(accepted, a.value);
        const isRead = purpose === "offered" && !a.write;
        if (!isRead && !(purpose === "accepted" && a.write)) return;
        const s = isRead ? offered : accepted;
        const before = s.words.get(s.value ?? 0);
        // A word that is read again may have been forgotten; one that is written again with something else was meant
        // for another. One that leaves bits out may be a second thought.
        const lost = !isRead && s.used && before !== undefined && (a.value & ~before) !== 0;
        if (s.skipped !== undefined || lost) {
          scene.report({
            device,
            found: s.skipped !== undefined
              ? `word ${s.skipped} was selected, and then word ${s.value} before ${nameOf(a)} was ` +
                (isRead ? "read" : "written")
              : `${nameOf(a)} was written with ${hex(a.value)} after ${hex(before!)}, both as word ${
                s.value ?? 0
              }`,
            expected: "the selection of a word, its access, then the next selection",
            evidence: [{ what: nameOf(a), address: a.address, value: hex(a.value) }],
          });
        }
        s.skipped = undefined;
        s.used = true;
        s.words.set(s.value ?? 0, a.value);
      },
      reset: (device) => state.clear(device),
    };
  },
};
