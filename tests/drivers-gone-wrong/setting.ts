import { ConsoleF, F, NetF } from "../../spec/virtio/features.ts";
import type { InterruptKind } from "./student/mod.ts";

/** A machine with one device, and how the student drives it. */
export interface Setting {
  readonly device: "rng" | "console" | "net";
  readonly machine: "q35" | "pc" | "microvm";
  readonly ring: "split" | "packed";
  readonly eventIdx: boolean;
  readonly indirect: boolean;
  readonly interrupts: InterruptKind;
  /** More properties of the device, in QEMU's words: `max_ports=2`. */
  readonly props?: string;
  /** The simulated entropy device answers in any order, in its own time, and does not always want to be told. */
  readonly restless?: boolean;
  /** Features that the driver takes on top of the usual ones. */
  readonly wants?: bigint;
}

const DRIVER = { rng: "virtio-rng", console: "virtio-serial", net: "virtio-net" } as const;

/** The machine in QEMU's words. `netdev` is what the card is connected with, `memory` as in `-m`. */
export function machineWords(s: Setting, netdev = "hubport,hubid=0", memory = "4M"): string {
  const pci = s.machine !== "microvm";
  const machine = pci ? s.machine : "microvm,acpi=off";
  const props = [
    `${DRIVER[s.device]}-${pci ? "pci" : "device"}`,
    ...s.ring === "packed" ? ["packed=on"] : [],
    ...s.device === "net" ? ["netdev=n0"] : [],
    ...s.props === undefined ? [] : [s.props],
  ].join(",");
  return [
    `-machine ${machine} -m ${memory} -nodefaults -device ${props}`,
    ...pci ? [] : ["-global virtio-mmio.force-legacy=off"],
    ...s.device === "console" ? ["-chardev stdio,id=c0 -device virtconsole,chardev=c0"] : [],
    ...s.device === "net" ? [`-netdev ${netdev},id=n0`] : [],
  ].join(" ");
}

const USUAL: Record<Setting["device"], bigint> = {
  rng: 0n,
  console: ConsoleF.SIZE,
  net: NetF.MAC | NetF.STATUS | NetF.CTRL_VQ | NetF.CTRL_RX | NetF.MTU,
};

/** The features that the student can use. */
export function wanted(s: Setting): bigint {
  return F.VERSION_1 | F.RING_RESET | USUAL[s.device] | (s.wants ?? 0n) |
    (s.ring === "packed" ? F.RING_PACKED : 0n) |
    (s.eventIdx ? F.EVENT_IDX : 0n) |
    (s.indirect ? F.INDIRECT_DESC : 0n);
}

/** `rng q35 packed msix event_idx indirect`. */
export function settingName(s: Setting): string {
  return [
    s.device,
    s.machine,
    s.ring,
    s.interrupts,
    ...s.eventIdx ? ["event_idx"] : [],
    ...s.indirect ? ["indirect"] : [],
    ...s.props === undefined ? [] : [s.props],
  ].join(" ");
}
