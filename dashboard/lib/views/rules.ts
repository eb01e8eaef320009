import type { EventRow } from "../protocol.ts";
import type { Report } from "../../../verify/strict/report.ts";

/** A broken rule with its place in the recording. */
export interface RuleRow {
  /** Number of the report's own event. */
  readonly at: number;
  /** Number of the event during which the rule was broken. */
  readonly cause: number;
  readonly report: Report;
}

/** The reports among events. */
export function ruleRows(rows: readonly EventRow[]): RuleRow[] {
  return rows.flatMap(({ at, event }) =>
    event.ev !== "rule"
      ? []
      : [{ at, cause: Math.max(0, at - 1), report: JSON.parse(event.report) as Report }]
  );
}

/** `virtio-rng-pci.0 queue 0`; `the machine` where no device is named. */
export function whose({ device, queue }: Report): string {
  if (device === undefined) return "the machine";
  return queue === undefined ? device : `${device} queue ${queue}`;
}
