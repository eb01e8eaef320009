import { DeviceStatus as S } from "../../../../spec/virtio/status.ts";
import type { Rule } from "../../rule.ts";
import { hex, purposeOf } from "./_registers.ts";
import { PerDevice } from "./_state.ts";

/** Half of the features say little. */
export const FEATURES_GIVEN_UP: Rule = {
  id: "features-given-up",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 2.2.1",
  title: "A driver that gives a device up for its features has read all of them",
  hint: "Select word 1 before it is read: VERSION_1 and the features of rings are there.",
  watch(scene) {
    const state = new PerDevice(() => ({ words: new Set<number>(), written: false }));
    return {
      access(a) {
        const { device } = a;
        const purpose = purposeOf(a);
        if (device.legacy) return;
        const s = state.of(device);
        if (purpose === "offered" && !a.write) s.words.add(device.featureSelect);
        if (purpose === "accepted" && a.write) s.written = true;
        const failed = purpose === "status" && a.write && (a.value & S.FAILED) !== 0;
        if (!failed || s.written || s.words.size === 0 || s.words.has(0) && s.words.has(1)) return;
        const missing = s.words.has(0) ? 1 : 0;
        scene.report({
          device,
          found: `FAILED was written, and of the offered features word ${missing} was never read`,
          expected: "words 0 and 1 read before the driver decides",
          evidence: [
            { what: a.register ?? "status", address: a.address, value: hex(a.value) },
            { what: "words read", value: [...s.words].join(", ") },
          ],
        });
      },
      reset: (device) => state.clear(device),
    };
  },
};
