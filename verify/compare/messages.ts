import type { Decoder } from "./decoder.ts";

/**
 * Message signalled interrupts: which vector is whose follows from what the driver wrote into the MSI-X tables
 * (PCI 3.0, 6.8.2). Vectors themselves differ from kernel to kernel.
 */
export class Messages {
  private readonly entries = new Map<number, { device: number; entry: string }>();

  constructor(private readonly decoder: Decoder) {}

  register(device: number, reg: string, value: number, write: boolean): void {
    const entry = write ? /^msix\[(\d+)\]\.data$/.exec(reg)?.[1] : undefined;
    if (entry !== undefined) this.entries.set(value, { device, entry });
  }
  sent(data: number, line: number): void {
    const found = this.entries.get(data);
    if (found === undefined) {
      this.decoder.out.leaveOut("messages of no virtio device");
      return;
    }
    const at = { device: found.device, lane: "message" as const, ref: -1, line };
    this.decoder.out.add(
      at,
      "message",
      `message of MSI-X entry ${found.entry}`,
      "interrupt",
      Number(found.entry),
    );
  }
}
