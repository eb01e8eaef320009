/** Rules of notifications and of waiting: somebody can always go on. */
import type { Rule } from "../../rule.ts";
import { ENABLE_BARRIER } from "./enable_barrier.ts";
import { USED_BUFFERS_IGNORED } from "./used_ignored.ts";
import { SUPPRESSION_READ_EARLY } from "./suppression_early.ts";
import { INTERRUPT_RACE } from "./interrupt_race.ts";
import { LOST_NOTIFICATION } from "./lost_notification.ts";
import { NEEDLESS_NOTIFICATION } from "./needless_notification.ts";
import { NOTIFICATION_DATA } from "./notification_data.ts";
import { SPINNING_DRIVER, STUCK_MACHINE } from "./stuck.ts";
import { AVAIL_EVENT_IGNORED, USED_FLAGS_IGNORED } from "./suppression_field.ts";

export const LIVENESS_RULES: readonly Rule[] = [
  INTERRUPT_RACE,
  LOST_NOTIFICATION,
  NEEDLESS_NOTIFICATION,
  NOTIFICATION_DATA,
  STUCK_MACHINE,
  SPINNING_DRIVER,
  AVAIL_EVENT_IGNORED,
  USED_FLAGS_IGNORED,
  SUPPRESSION_READ_EARLY,
  USED_BUFFERS_IGNORED,
  ENABLE_BARRIER,
];

export {
  graphDot,
  graphText,
  type WaitEdge,
  waitForGraph,
  type WaitGraph,
  type WaitNode,
} from "./wait_graph.ts";
export { Waiting } from "./waiting.ts";
