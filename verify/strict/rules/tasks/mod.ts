/** Rules of the executor and its tasks: no part of virtio, but what makes drivers stand still as well. */
import type { Rule } from "../../rule.ts";
import { IDLE_IN_VAIN } from "./idle_in_vain.ts";
import { TASK_LOST_WAKE } from "./lost_wake.ts";
import { TASK_SPINS } from "./spinning.ts";

export const TASK_RULES: readonly Rule[] = [TASK_LOST_WAKE, TASK_SPINS, IDLE_IN_VAIN];
