/** What devices do when drivers act on them: legal drivers and others. */
import type { Check } from "../check.ts";
import { byMachine } from "../static/mod.ts";
import { controlChecks } from "./console_control.ts";
import { consoleIoChecks } from "./console_io.ts";
import { interruptChecks } from "./interrupts.ts";
import { legacyChecks } from "./legacy.ts";
import { legacyDriverChecks } from "./legacy_driver.ts";
import { legacyMmioChecks } from "./legacy_mmio.ts";
import { mmioChecks } from "./mmio.ts";
import { msixChecks } from "./msix.ts";
import { msixRegisterChecks } from "./msix_registers.ts";
import { negotiationChecks } from "./negotiation.ts";
import { notifyChecks } from "./notify.ts";
import { queueLifeChecks } from "./queue_life.ts";
import { queueChecks } from "./queues.ts";
import { badQuestions } from "./ring_bad.ts";
import { basicQuestions } from "./ring_basic.ts";
import { eventQuestions } from "./ring_events.ts";
import { indirectQuestions } from "./ring_indirect.ts";
import { memoryQuestions } from "./ring_memory.ts";
import { rngChecks } from "./rng.ts";
import { serialPortChecks } from "./serial_port.ts";
import { ringChecks } from "./session.ts";

/** Every probe. */
export const probeChecks: readonly Check[] = byMachine([
  ...ringChecks([
    ...basicQuestions,
    ...badQuestions,
    ...indirectQuestions,
    ...eventQuestions,
    ...memoryQuestions,
  ]),
  ...negotiationChecks,
  ...queueChecks,
  ...queueLifeChecks,
  ...notifyChecks,
  ...interruptChecks,
  ...msixChecks,
  ...msixRegisterChecks,
  ...rngChecks,
  ...mmioChecks,
  ...controlChecks,
  ...consoleIoChecks,
  ...serialPortChecks,
  ...legacyChecks,
  ...legacyDriverChecks,
  ...legacyMmioChecks,
]);
