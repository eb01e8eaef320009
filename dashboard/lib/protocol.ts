/**
 * What a page and a machine say to each other, whatever lies between: a worker in the page, a WebSocket to a machine in a
 * terminal, a recorded file. The page asks (`Request`, each with an id), the other side answers (`Reply`) and tells of
 * news unasked (`News`). All of it can be posted; over a WebSocket it goes through `codec.ts`.
 *
 * Events have numbers from 0 on. "At moment i" means: after event i has happened; -1 is before the first.
 */
import type { TraceEvent } from "../../spec/trace.ts";
import type { EventFilter, EventKind, MachineState, Step } from "../../verify/record/mod.ts";

export type { TraceEvent } from "../../spec/trace.ts";
export type {
  ChardevState,
  DeviceState,
  EventFilter,
  EventKind,
  LineState,
  MachineState,
  MessageState,
  NetdevState,
  PciState,
  QueueState,
  RedirectionState,
  RegisterState,
  Step,
  TaskState,
  VectorState,
  VirtioState,
} from "../../verify/record/mod.ts";

/** Bytes of a page of memory: the unit in which memory is asked for. */
export const PAGE_SIZE = 4096;

/** A machine to be booted: all that a link holds. */
export interface Setup {
  /** Which kernel: the worker of that transport is started. */
  readonly transport: "pci" | "mmio";
  /** The machine in QEMU's words (`-machine q35 -device ...`), as on a command line. */
  readonly words: string;
  readonly seed: number;
  readonly app: string;
  /** Arguments of the app, by spaces. */
  readonly args: string;
  /** Device memory at an offset, freed memory poisoned. */
  readonly careful: boolean;
  /** Rules of the specification are watched; broken ones are events of kind `rule`. */
  readonly strict: boolean;
  /** Virtual ns between a notification and the device acting on it. */
  readonly latency: number;
}

/** One event with its number and virtual time in nanoseconds. */
export interface EventRow {
  readonly at: number;
  readonly t: number;
  readonly event: TraceEvent;
}

/** What can be asked, and what the answer is. */
export interface Calls {
  /** Boots a machine (a worker only); what ran before is gone. Fails with the sentence of a wrong command line. */
  boot: { args: { setup: Setup }; answer: { ignored: readonly string[] } };
  /**
   * The state at a moment, and pages of memory by number (address / 4096). A page that was never written is missing in the
   * answer: it is all zeros. `console`: the end of the output of each chardev up to there, at most that many bytes.
   */
  state: {
    args: { at: number; pages: readonly number[]; console?: number };
    answer: {
      state: MachineState;
      pages: readonly (readonly [number, Uint8Array])[];
      /** Numbers of all pages that had been written. */
      written: readonly number[];
      console: Readonly<Record<string, Uint8Array>>;
    };
  };
  /** Events from number `from` on. */
  events: { args: { from: number; count: number }; answer: { rows: readonly EventRow[] } };
  /** Numbers of the events that one of the filters means, from `from` on, at most `most`; rising. */
  matches: {
    args: { filters: readonly EventFilter[]; from: number; most: number };
    answer: { numbers: Float64Array };
  };
  /** The events that one of the filters means, whole, from `from` on: for frames, for plots. */
  rows: {
    args: { filters: readonly EventFilter[]; from: number; to: number; most: number };
    answer: { rows: readonly EventRow[] };
  };
  /** The nearest event that one of the filters means, `from` included; -1: there is none (yet). */
  next: {
    args: { filters: readonly EventFilter[]; from: number; direction: 1 | -1 };
    answer: { at: number };
  };
  /** The first event at a virtual time or later. */
  atTime: { args: { t: number }; answer: { at: number } };
  /** How many events there are in each of `buckets` equal parts of the recording, for a time line: by group of kinds. */
  density: {
    args: { buckets: number };
    answer: { first: number; length: number; groups: Readonly<Record<Step, Uint32Array>> };
  };
  /**
   * Bytes typed into a chardev. `at` -1: now. Otherwise the machine is run again from its seed with the input that it had
   * got by moment `at`, and goes on from there with this (a worker only): what came after is another story now.
   */
  input: { args: { chardev: string; bytes: Uint8Array; at: number }; answer: Record<string, never> };
  /** Lets the machine run, or holds it where it is (a worker only). */
  hold: { args: { held: boolean }; answer: Record<string, never> };
}

export type CallName = keyof Calls;

export interface Request<K extends CallName = CallName> {
  readonly id: number;
  readonly call: K;
  readonly args: Calls[K]["args"];
}

export type Reply =
  | { readonly id: number; readonly ok: Calls[CallName]["answer"] }
  /** `error` is a sentence for the user. */
  | { readonly id: number; readonly error: string };

/** Where the recording is, sent some ten times a second while it grows. */
export interface Progress {
  /** Number of the oldest event that is kept: as many were dropped to keep within the bound. */
  readonly first: number;
  /** Number of the next event. */
  readonly length: number;
  /** Virtual time of the last, in nanoseconds. */
  readonly t: number;
  /** Bytes that the recording takes, and its bound. */
  readonly bytes: number;
  readonly limit: number;
  readonly machine: "none" | "running" | "idle" | "held" | "ended" | "failed" | "recorded";
  /** Exit status, once it has ended. */
  readonly exitCode?: number;
  /** Why it failed, in a sentence. */
  readonly failure?: string;
}

export type News =
  /** First message of the other side: what it is and what can be done with it. */
  | { readonly news: "hello"; readonly source: Source }
  | { readonly news: "progress"; readonly progress: Progress }
  /** The recording starts anew (boot, fork): everything known is void. */
  | { readonly news: "restart"; readonly why: "boot" | "fork" };

export interface Source {
  readonly kind: "worker" | "attached" | "file";
  /** The file's name, or the command line of the attached machine. */
  readonly title: string;
  readonly canBoot: boolean;
  readonly canInput: boolean;
  readonly canFork: boolean;
}

/** Both directions of a connection, however it is made. */
export interface Port {
  send(message: unknown): void;
  /** Called for each message of the other side. */
  onMessage: ((message: unknown) => void) | undefined;
  /** Called once when the other side has gone, with a sentence. */
  onClose: ((why: string) => void) | undefined;
  close(): void;
}

/** Filters of the steps that the page offers. */
export const STEP_NAMES: readonly { readonly step: Step; readonly label: string; readonly help: string }[] = [
  { step: "event", label: "Event", help: "the next event of any kind" },
  {
    step: "register",
    label: "Register",
    help: "the next access to a register, a port or configuration space",
  },
  { step: "ring", label: "Ring write", help: "the next write to a virtqueue, by driver or device" },
  { step: "notification", label: "Notification", help: "the next time a driver notifies a device" },
  { step: "interrupt", label: "Interrupt", help: "the next interrupt that the CPU takes" },
  { step: "task", label: "Task switch", help: "the next time another task runs" },
  { step: "frame", label: "Frame", help: "the next Ethernet frame, in or out" },
  { step: "rule", label: "Broken rule", help: "the next rule of the specification that is broken" },
  { step: "console", label: "Console", help: "the next input or output of a console" },
];

/** A breakpoint: an event that ends playing, or (on the live machine) stops the view there. */
export interface Breakpoint {
  readonly filter: EventFilter;
  readonly on: boolean;
}

/** In words: `register write at 0xe0004014 of virtio-rng`. */
export function filterText(f: EventFilter): string {
  const hex = (n: number) => `0x${n.toString(16)}`;
  const named = f.rule !== undefined && f.rule !== "";
  const kinds = f.kinds?.map((kind) => KIND_LABELS[kind]).join(", ");
  const parts: string[] = [named ? "broken" : kinds ?? f.step ?? "any event"];
  if (f.from !== undefined) {
    parts.push(
      f.to === undefined || f.to === f.from ? `at ${hex(f.from)}` : `at ${hex(f.from)} to ${hex(f.to)}`,
    );
  }
  if (f.dev !== undefined && f.dev !== "") parts.push(`of ${f.dev}`);
  if (f.reg !== undefined && f.reg !== "") parts.push(`register ${f.reg}`);
  if (f.queue !== undefined) parts.push(`queue ${f.queue}`);
  if (named) parts.push(`rule ${f.rule}`);
  if (f.value !== undefined) parts.push(`value ${hex(f.value)}`);
  return parts.join(" ");
}

/** All kinds that can be chosen for a breakpoint or a filter, with a word for each. */
export const KIND_LABELS: Readonly<Record<EventKind, string>> = {
  mmio_read: "register read",
  mmio_write: "register write",
  port_read: "port read",
  port_write: "port write",
  pci_cfg_read: "PCI configuration read",
  pci_cfg_write: "PCI configuration write",
  mem_write: "memory write",
  page_table_write: "page table write",
  page_table_root: "page table root (CR3)",
  barrier: "barrier",
  notify: "notification",
  irq_line: "interrupt line",
  msi: "message (MSI)",
  interrupt: "interrupt taken",
  idle: "CPU halted",
  stuck: "CPU stuck",
  task_switch: "task switch",
  task_wait: "task waits",
  task_end: "task ends",
  input: "input",
  output: "output",
  frame_in: "frame to the guest",
  frame_out: "frame from the guest",
  machine: "machine",
  device: "device",
  pci_function: "PCI function",
  qemu: "QEMU's trace event",
  rule: "rule broken",
};
