/** Writers of traces: JSON lines, QEMU's log format, and the device memory that records what drivers write. */
import type { TraceEvent, TraceSink } from "../../spec/trace.ts";
export { jsonLine, JsonLinesTrace } from "./json_lines.ts";
export { Owners } from "./owners.ts";
export { matchesPatterns, QemuLog } from "./qemu_log.ts";
export { TracedDeviceMemory, tracedPageTables } from "./traced_memory.ts";

/** One sink that hands every record to several; off when all are. */
export function tee(sinks: readonly TraceSink[]): TraceSink {
  const live = sinks.filter((s) => s.on);
  return {
    on: live.length > 0,
    emit(event: TraceEvent) {
      for (const sink of live) sink.emit(event);
    },
  };
}
