import { VirtioId } from "../../../../spec/virtio/ids.ts";
import type { Rule } from "../../rule.ts";
import { watchDirection } from "../support/direction.ts";

export const RNG_WRITABLE: Rule = {
  id: "rng-writable",
  clauses: ["drivernormative:Device Types / Entropy Device / Device Operation#1"],
  level: "violation",
  section: "virtio 1.4, 5.4.6.1",
  title: "The queue of an entropy device holds writable buffers alone",
  hint: "Set the WRITE flag (2) of the descriptor: the device writes random bytes.",
  watch: (scene) =>
    watchDirection(
      scene,
      ({ device, index }) =>
        device.virtioId === VirtioId.Rng && !device.legacy && index === 0 ? "receive" : undefined,
    ),
};
