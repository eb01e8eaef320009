/** The network card: frames both ways, receive modes and filters, commands. */
import type { Check } from "./check.ts";
import { controlQuestions } from "./net_control.ts";
import { netLegacyChecks } from "./net_legacy.ts";
import { receiveQuestions } from "./net_receive.ts";
import { netChecksOf } from "./net_session.ts";
import { transmitQuestions } from "./net_transmit.ts";
import { byMachine } from "./static/mod.ts";

/** Every check of the network card but for its registers, which `static/` has. */
export const netChecks: readonly Check[] = byMachine(
  [...netChecksOf([...receiveQuestions, ...transmitQuestions, ...controlQuestions]), ...netLegacyChecks],
);
