/** Rules about what drivers read of the buffers that devices fill. */
import type { Rule } from "../../rule.ts";
import { BUFFER_PAST_END } from "./past_end.ts";
import { RECEIVED_THROWN_AWAY, RECEIVED_UNREAD } from "./received_unread.ts";
import { USED_LENGTH } from "./used_length.ts";

export const BUFFER_RULES: readonly Rule[] = [
  USED_LENGTH,
  BUFFER_PAST_END,
  RECEIVED_UNREAD,
  RECEIVED_THROWN_AWAY,
];
