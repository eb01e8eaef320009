/**
 * What a machine says of itself while it runs. Both halves send the same records to one sink, so that a trace shows
 * register accesses, ring bytes, notifications and interrupts in the order in which they happened.
 */

/** One record. `t` (virtual nanoseconds) is added by the sink. Addresses and values are numbers; a writer prints hex. */
export type TraceEvent =
  /** A load or store outside RAM, as seen by the guest. `dev` and `reg` when known. */
  | { ev: "mmio_read" | "mmio_write"; addr: number; width: number; value: number; dev?: string; reg?: string }
  | { ev: "port_read" | "port_write"; port: number; width: number; value: number; dev?: string; reg?: string }
  | {
    ev: "pci_cfg_read" | "pci_cfg_write";
    bdf: string;
    offset: number;
    width: number;
    value: number;
    dev?: string;
  }
  /** A write to device-visible memory; `by` the driver or the device; `area` such as `virtio-rng queue 0 desc`. */
  | {
    ev: "mem_write";
    by: "driver" | "device";
    addr: number;
    hex: string;
    area?: string;
    /** A fill: the bytes of `hex` this many times. */
    repeat?: number;
  }
  /** A write to a page table in RAM. The CPU writes it: no device looks. `repeat` as in `mem_write`. */
  | { ev: "page_table_write"; addr: number; hex: string; repeat?: number }
  /** CR3 was loaded: where the top table is from here on. */
  | { ev: "page_table_root"; addr: number }
  | { ev: "barrier"; kind: string }
  /** The driver told the device about a queue. */
  | { ev: "notify"; dev: string; queue: number; data?: number }
  /** An interrupt line changed, a message was sent, or a vector reached the CPU. */
  | { ev: "irq_line"; line: number; level: boolean; dev?: string }
  | { ev: "msi"; addr: number; data: number; dev?: string }
  | { ev: "interrupt"; vector: number }
  /** The CPU is halted until an interrupt comes, or until a time (virtual nanoseconds). */
  | { ev: "idle"; until?: number }
  /** The CPU is halted, and nothing can ever wake it. */
  | { ev: "stuck" }
  | { ev: "task_switch"; task: string }
  /** The running task gave way: it waits for something, or it is over. */
  | { ev: "task_wait"; task: string; on: string; lost?: LostWake }
  | { ev: "task_end"; task: string; how: "finished" | "failed" | "cancelled" }
  /** Host input that entered the machine (recorded, so that a run can be repeated). */
  | { ev: "input"; chardev: string; hex: string }
  | { ev: "output"; chardev: string; hex: string }
  /** An Ethernet frame that a network back end gave to its card, or got from it. */
  | { ev: "frame_in" | "frame_out"; netdev: string; hex: string }
  /** The machine as it is switched on: QEMU's name of it, RAM in bytes, and the command line that it hands to the kernel. */
  | { ev: "machine"; machine: string; memory: number; commandLine: string }
  /** A device that is there from the start: QEMU's driver, its name as in `dev`, and where it is (`00:01.0`). */
  | { ev: "device"; driver: string; name: string; place: string }
  /** A PCI function at power on: its 256 bytes of configuration, and a 1 for each bit that software may write. */
  | { ev: "pci_function"; bdf: string; dev: string; hex: string; mask: string }
  /** An event under QEMU's own name (`virtqueue_pop`, `virtio_notify`, ...) with QEMU's arguments. */
  | { ev: "qemu"; name: string; text: string }
  /**
   * A rule of the specification was broken during the event before this one: what was found, and the whole report as JSON
   * (`verify/strict/report.ts`).
   */
  | {
    ev: "rule";
    rule: string;
    level: "violation" | "warning" | "note";
    found: string;
    report: string;
    dev?: string;
    queue?: number;
  };

/**
 * Why a task waits in vain. `unkept`: what it waits for has kept no waker, so nothing can wake it. `ready`: what it waits
 * for is there, and nobody has woken it. `forgotten`: it was woken, and does not get its turn.
 */
export type LostWake = "unkept" | "ready" | "forgotten";

/** Where records go. Callers test `on` before they build a record, so that a machine without trace pays one branch. */
export interface TraceSink {
  readonly on: boolean;
  emit(event: TraceEvent): void;
}

/** The sink of a machine without trace. */
export const NO_TRACE: TraceSink = { on: false, emit: () => {} };
