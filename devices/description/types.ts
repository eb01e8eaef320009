/** Properties as they were written after the commas, `,,` already turned into `,`; a bare `name` is `name=on`. */
export type Props = Record<string, string>;

/** The machines that are modelled: QEMU's names without a version. */
export type MachineKind = "q35" | "pc" | "microvm";

/** One `-device driver,prop=value`. */
export interface DeviceDescription {
  /** QEMU's name, an alias resolved: `virtio-rng-pci`. */
  readonly driver: string;
  /** Without `driver`; `id`, `bus` and `addr` are among them. */
  readonly props: Props;
  /** Position among the `-device` options, from 0: the order in which devices are created. */
  readonly index: number;
}

/** One `-chardev backend,id=...`, or the one that `-serial stdio` and its like make (`serial0`, ...). */
export interface ChardevDescription {
  readonly backend: "stdio" | "null" | "file" | "ringbuf";
  readonly id: string;
  /** Without `id`: `mux`, `signal`, `path`, ... */
  readonly props: Props;
}

/** One `-object type,id=...`. */
export interface ObjectDescription {
  readonly type: string;
  readonly id: string;
  readonly props: Props;
}

/** One `-netdev type,id=...`. */
export interface NetdevDescription {
  /** `user`, `socket` or `hubport`. */
  readonly type: string;
  readonly id: string;
  readonly props: Props;
  /** Each `hostfwd=`, in order. */
  readonly hostfwd?: readonly string[];
}

/** One `-global driver.property=value`. */
export interface GlobalProperty {
  readonly driver: string;
  readonly property: string;
  readonly value: string;
}

/** A machine in QEMU's words, read and checked as far as that is possible without building it. */
export interface MachineDescription {
  readonly machine: MachineKind;
  /** Without `type`: `acpi=off`, `pit=off`, ... */
  readonly machineProps: Props;
  /** RAM in bytes. */
  readonly memory: number;
  readonly devices: readonly DeviceDescription[];
  readonly chardevs: readonly ChardevDescription[];
  /** The chardev of COM1, COM2, ...; undefined: there is no such port (`-serial none`, or not asked for). */
  readonly serial: readonly (string | undefined)[];
  readonly objects: readonly ObjectDescription[];
  readonly netdevs: readonly NetdevDescription[];
  readonly globals: readonly GlobalProperty[];
  /** The kernel's command line. */
  readonly append: string;
  readonly nodefaults: boolean;
  /** `-trace` patterns, in order; a leading `-` switches off. */
  readonly trace: readonly string[];
  /** What was accepted but means nothing here: one sentence each, for standard error. */
  readonly ignored: readonly string[];
}

/** The command line is wrong: the message names what, and what is possible. Exit status 2. */
export class UsageError extends Error {
  override name = "UsageError";
}
