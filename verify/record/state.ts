/** What a machine's state consists of, as far as a trace tells: plain data that can be posted, or written as JSON. */

/** One virtqueue as its driver has set it up. Addresses are guest-physical; indices and ring contents are in memory. */
export interface QueueState {
  readonly index: number;
  /** Entries that the device offers (PCI: queue_size before it is written; MMIO: queue_num_max); 0 if never read. */
  max: number;
  /** Entries: a power of two for a split ring. */
  size: number;
  enabled: boolean;
  /** Descriptor table of a split ring, or the descriptor ring of a packed one (virtio 1.4, 2.7 and 2.8). */
  desc: number;
  /** Available ring, or the driver event suppression structure. */
  driver: number;
  /** Used ring, or the device event suppression structure. */
  device: number;
  /** MSI-X vector, -1 without one. */
  vector: number;
  /** How often the driver notified the device about it. */
  notifications: number;
}

/** A virtio device as seen through its registers. Feature words are 32 bits each, lowest first. */
export interface VirtioState {
  /** `virtio-rng-pci.0`; of a virtio-mmio transport, its own name (`virtio-mmio-bus.23`). */
  readonly name: string;
  /** The name that the device itself has in traces; on PCI the same. */
  device: string;
  readonly transport: "pci" | "mmio";
  /** Virtio device id (4: entropy), 0 while unknown. */
  id: number;
  /** As last written or read (virtio 1.4, 2.1). */
  status: number;
  /** Offered by the device, as far as the driver has read. */
  readonly offered: number[];
  /** Written by the driver. */
  readonly accepted: number[];
  /** Whether FEATURES_OK has been written: what was accepted holds. */
  agreed: boolean;
  configVector: number;
  /** Interrupts that it sent: messages, and rises of its line. */
  interrupts: number;
  /** How often status 0 was written. */
  resets: number;
  readonly queues: QueueState[];
}

/** What was last read from or written to a register. */
export interface RegisterState {
  readonly dev: string;
  readonly reg: string;
  /** Guest-physical address, or port. */
  readonly addr: number;
  readonly width: number;
  readonly value: number;
  readonly space: "memory" | "port";
  readonly access: "read" | "write";
  /** Number of the event. */
  readonly at: number;
}

/** A PCI function: its configuration space, and a 1 for each bit that software may write (BAR sizes follow from it). */
export interface PciState {
  readonly bdf: string;
  readonly dev: string;
  readonly config: Uint8Array;
  readonly mask: Uint8Array;
}

export interface LineState {
  readonly line: number;
  dev: string;
  level: boolean;
  /** How often it rose. */
  rises: number;
}

export interface VectorState {
  readonly vector: number;
  /** How often the CPU took it. */
  count: number;
  /** Event of the last time. */
  last: number;
}

/** Messages of one device (MSI): where they go, what they carry, how many. */
export interface MessageState {
  readonly dev: string;
  readonly addr: number;
  readonly data: number;
  count: number;
}

/** One entry of an IOAPIC's redirection table, as written. */
export interface RedirectionState {
  /** Input line, counted over all IOAPICs. */
  readonly line: number;
  low: number;
  high: number;
}

export interface TaskState {
  readonly name: string;
  state: "running" | "waiting" | "ready" | "finished" | "failed" | "cancelled";
  /** What it waits for, else empty. */
  waitingFor: string;
  /** How often it was switched to. */
  switches: number;
}

export interface NetdevState {
  readonly netdev: string;
  /** By the guest. */
  sent: number;
  sentBytes: number;
  received: number;
  receivedBytes: number;
}

export interface ChardevState {
  readonly chardev: string;
  /** Bytes since the beginning. */
  output: number;
  input: number;
}

export interface DeviceState {
  readonly driver: string;
  readonly name: string;
  readonly place: string;
}

/** The machine after one event. Lists are in order of first appearance unless said otherwise. */
export interface MachineState {
  /** Number of the event that has just happened; -1: none has. */
  readonly at: number;
  /** Its time in virtual nanoseconds. */
  readonly t: number;
  /** QEMU's name (`q35`), empty if the trace does not say. */
  readonly machine: string;
  /** RAM in bytes, 0 if the trace does not say. */
  readonly memory: number;
  readonly commandLine: string;
  readonly devices: readonly DeviceState[];
  readonly virtio: readonly VirtioState[];
  readonly registers: readonly RegisterState[];
  readonly pci: readonly PciState[];
  readonly lines: readonly LineState[];
  /** Lowest first. */
  readonly vectors: readonly VectorState[];
  readonly messages: readonly MessageState[];
  readonly redirections: readonly RedirectionState[];
  readonly tasks: readonly TaskState[];
  /** Name of the task that runs or ran last. */
  readonly running: string;
  readonly netdevs: readonly NetdevState[];
  readonly chardevs: readonly ChardevState[];
  /** CR3: guest-physical address of the top page table; -1 before it is known. */
  readonly pageTableRoot: number;
  /** How many events of each kind there have been. */
  readonly counts: Readonly<Record<string, number>>;
}
