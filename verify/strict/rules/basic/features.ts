import { F, unmetRequirements } from "../../../../spec/virtio/features.ts";
import type { Rule } from "../../rule.ts";
import { facility, operation, reserved } from "./_clauses.ts";
import { hexSet, names, OfferedSeen } from "./_features.ts";

/** Only what is offered may be taken. */
export const FEATURES_OFFERED: Rule = {
  id: "features-offered",
  clauses: facility("Feature Bits", 1),
  level: "violation",
  section: "virtio 1.4, 2.2.1",
  title: "The driver accepts only features that the device offers",
  hint:
    "Write (offered & wanted), word by word, and check that each word was selected before it was read and written.",
  watch(scene) {
    const seen = new OfferedSeen();
    return {
      access: (a) => seen.access(a),
      featuresOk(device) {
        const offered = seen.set(device);
        const extra = [0, 1, 2, 3].reduce(
          (set, i) => seen.word(device, i) === undefined ? set : set | device.accepted & wordMask(i),
          0n,
        ) & ~offered;
        if (extra === 0n) return;
        scene.report({
          device,
          found: `the driver accepted ${names(extra, device)}, which the device does not offer`,
          expected: `a subset of ${names(offered, device)}`,
          evidence: [
            { what: "features accepted", value: hexSet(device.accepted) },
            { what: "features offered", value: hexSet(offered) },
          ],
        });
      },
    };
  },
};

const wordMask = (i: number) => 0xffff_ffffn << BigInt(32 * i);

/** Nothing is accepted unseen. */
export const FEATURES_READ: Rule = {
  id: "features-read-first",
  clauses: [...facility("Feature Bits", 3), ...operation("Device Initialization", 1)],
  level: "violation",
  section: "virtio 1.4, 3.1.1",
  title: "The driver reads what the device offers before it accepts features of it",
  hint:
    "Each 32-bit word is selected, read, masked and written; a word that was never read cannot be accepted from.",
  watch(scene) {
    const seen = new OfferedSeen();
    return {
      access: (a) => seen.access(a),
      featuresOk(device) {
        for (let i = 0; i < 4; i++) {
          const taken = device.accepted & wordMask(i);
          if (taken === 0n || seen.word(device, i) !== undefined) continue;
          scene.report({
            device,
            found: `the driver accepted ${names(taken, device)} of feature word ${i}, which it has not read`,
            expected: `feature word ${i} selected and read first`,
            evidence: [{ what: `features accepted, word ${i}`, value: hexSet(taken >> BigInt(32 * i)) }],
          });
        }
      },
    };
  },
};

/** Features that need others. */
export const FEATURES_CONSISTENT: Rule = {
  id: "features-consistent",
  clauses: facility("Feature Bits", 2, 3),
  level: "violation",
  section: "virtio 1.4, 2.2.1",
  title: "The driver accepts a feature only with the features that it requires",
  hint:
    "Look at the feature bit requirements of the device's chapter, and drop what depends on a feature you do not take.",
  watch: (scene) => ({
    featuresOk(device) {
      const unmet = unmetRequirements(device.accepted, device.virtioId);
      if (unmet.length === 0) return;
      scene.report({
        device,
        found: `the driver accepted ${names(device.accepted, device)}`,
        expected: unmet.join("; "),
        evidence: [{ what: "features accepted", value: hexSet(device.accepted) }],
      });
    },
  }),
};

/** VERSION_1 is not optional for a driver of the modern interface. */
export const VERSION_1_ACCEPTED: Rule = {
  id: "version-1-accepted",
  clauses: reserved(1),
  level: "violation",
  section: "virtio 1.4, 6.1",
  title: "The driver accepts VERSION_1 where it is offered",
  hint:
    "VERSION_1 is bit 32: bit 0 of the second word. Select word 1 for reading, and word 1 for writing, too.",
  watch(scene) {
    const seen = new OfferedSeen();
    return {
      access: (a) => seen.access(a),
      featuresOk(device) {
        if ((device.accepted & F.VERSION_1) !== 0n || device.legacy) return;
        const unread = seen.word(device, 1) === undefined;
        // Without it the device has the legacy interface only.
        if (!unread && (seen.set(device) & F.VERSION_1) === 0n) return;
        scene.report({
          device,
          found: `the driver accepted ${names(device.accepted, device)}, without VERSION_1` +
            (unread ? ", and has not read the second word of features" : ""),
          expected: "VERSION_1 among them",
          evidence: [
            { what: "features accepted", value: hexSet(device.accepted) },
            { what: "features offered", value: hexSet(seen.set(device)) },
          ],
        });
      },
    };
  },
};
