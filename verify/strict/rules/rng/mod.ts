/** Rules of the entropy device (virtio 1.4, 5.4). */
import type { Rule } from "../../rule.ts";
import { RNG_WRITABLE } from "./direction.ts";
import { RNG_LENGTH_EXAMINED, RNG_USED_LENGTH } from "./used_length.ts";

export const RNG_RULES: readonly Rule[] = [RNG_WRITABLE, RNG_LENGTH_EXAMINED, RNG_USED_LENGTH];
