import type { NetBackend } from "./backend.ts";
import { NetFilter } from "./filter.ts";
import type { PcapWriter } from "./pcap.ts";

/** Which frames are written: `rx` those that the back end receives from the guest, `tx` those that it sends to it. */
export type DumpQueue = "all" | "rx" | "tx";

/**
 * Writes down what passes between a card and its back end (QEMU's filter-dump). Times are the machine's, from 0 on: the
 * same run gives the same file.
 *
 *     -netdev user,id=n0 -object filter-dump,id=d0,netdev=n0,file=net.pcap
 */
export class FilterDump extends NetFilter {
  /** @param flush writes out what the file's buffer holds; called when the machine goes to sleep. */
  constructor(
    backend: NetBackend,
    private readonly pcap: PcapWriter,
    private readonly queue: DumpQueue = "all",
    private readonly flush: () => void = () => {},
  ) {
    super(backend);
  }

  override inputReady(): Promise<void> {
    this.flush();
    return super.inputReady();
  }

  override send(frame: Uint8Array): void {
    if (this.queue !== "tx") this.pcap.write(frame, this.clock?.now() ?? 0);
    super.send(frame);
  }
  protected override receive(frame: Uint8Array): boolean {
    const taken = super.receive(frame);
    if (taken && this.queue !== "rx") this.pcap.write(frame, this.clock?.now() ?? 0);
    return taken;
  }
}
