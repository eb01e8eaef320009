import { type MachineKind, UsageError } from "../description/types.ts";

/** A machine cannot be built as described. The message names what is wrong and what is possible. */
export class MachineError extends UsageError {
  override name = "MachineError";
}

/** `on` or `off` as QEMU reads it. @throws {MachineError} naming `what`. */
export function onOff(what: string, value: string, auto = false): boolean | undefined {
  if (["on", "yes", "true", "y"].includes(value)) return true;
  if (["off", "no", "false", "n"].includes(value)) return false;
  if (auto && value === "auto") return undefined;
  throw new MachineError(
    `${what}: '${value}' is not a value (expected on${auto ? ", off or auto" : " or off"})`,
  );
}

/** A number as QEMU reads it (decimal or 0x) in [min, max]. @throws {MachineError} naming `what`. */
export function number(what: string, value: string, min: number, max: number): number {
  const n = /^(0x[0-9a-f]+|[0-9]+)$/i.test(value) ? Number(value) : NaN;
  if (n >= min && n <= max) return n;
  throw new MachineError(`${what}: '${value}' is not a number from ${min} to ${max}`);
}

/** Refuses properties that are not in `known`. @throws {MachineError} */
export function refuseUnknown(
  what: string,
  props: Readonly<Record<string, string>>,
  known: Iterable<string>,
): void {
  const list = [...known];
  for (const name of Object.keys(props)) {
    if (!list.includes(name)) {
      throw new MachineError(`${what}: property '${name}' is not supported (possible: ${list.join(", ")})`);
    }
  }
}

/** Properties that every machine takes; they mean nothing to a guest of the simulated machine. */
const COMMON = [
  "accel",
  "dump-guest-core",
  "graphics",
  "kernel-irqchip",
  "mem-merge",
  "memory-backend",
  "usb",
];
/**
 * The machine properties that may be given, by machine. Those that are about parts which are not modelled (timers, the
 * old interrupt controller, firmware) are accepted, whatever they say.
 */
export const MACHINE_PROPERTIES: Record<MachineKind, readonly string[]> = {
  q35: ["acpi", "hpet", "i8042", "pit", "sata", "smbus", "smm", "vmport", ...COMMON],
  pc: ["acpi", "hpet", "i8042", "pit", "smm", "vmport", ...COMMON],
  microvm: [
    "acpi",
    "auto-kernel-cmdline",
    "ioapic2",
    "isa-serial",
    "pcie",
    "pic",
    "pit",
    "rtc",
    "smm",
    "x-option-roms",
    ...COMMON,
  ],
};
