import type { Machine } from "../../../devices/machine/mod.ts";
import type { Kernel } from "../../../kernel/mod.ts";
import type { Task } from "../../../kernel/executor.ts";

/** A machine of a scene. Several share one time, and the hub that their `n0` is plugged into. */
export interface Actor {
  /** The command line of `main.ts`; a netdev is `-netdev hubport,id=n0,hubid=0`, the console `-chardev ringbuf,id=c0`. */
  readonly line: string;
  /** Nanoseconds from a notification until the device acts. */
  readonly latency?: number;
  /** Makes its devices unusual, before the kernel sees them. */
  prepare?(machine: Machine): void;
  /** Runs in the place of the line's application; the exit status. */
  app?(kernel: Kernel): Task<number>;
}

export type Scene = readonly Actor[];

const CONSOLE = "-chardev ringbuf,id=c0 -serial chardev:c0";

/** A PCI machine with an entropy device. */
export function rngLine(words = ""): string {
  return `-machine q35 -m 32M -nodefaults ${CONSOLE} -device virtio-rng-pci${words} stdin`;
}
/** A PCI machine with a network card on the scene's hub, and an address: 10.0.0.`host`. */
export function netLine(host: number, words: string, app: string): string {
  const mac = `52:54:00:00:00:0${host}`;
  return `-machine q35 -m 32M -nodefaults ${CONSOLE} -netdev hubport,id=n0,hubid=0 ` +
    `-device virtio-net-pci,netdev=n0,mac=${mac}${words} -append '-ip 10.0.0.${host} -mask 255.255.255.0' ${app}`;
}
