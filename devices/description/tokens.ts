import { UsageError } from "./types.ts";
import { suggestion } from "./words.ts";

/** One option as it was written. */
export interface Token {
  /** Without dashes. */
  readonly name: string;
  /** Undefined for an option that takes none. */
  readonly value: string | undefined;
}

/** QEMU's options that take a value: those that are understood, and those that are named when they are refused. */
const WITH_VALUE =
  "machine M m smp device netdev chardev serial object global append trace drive display cpu kernel initrd accel numa " +
  "monitor vga rtc name uuid nic net blockdev hda hdb cdrom fsdev virtfs bios L qmp boot rng-egd mon parallel dtb smbios " +
  "qtest qtest-log d D icount gdb k usbdevice fw_cfg msg overcommit sandbox incoming pidfile";
const WITHOUT_VALUE =
  "nographic nodefaults no-user-config no-reboot no-shutdown enable-kvm no-acpi no-hpet S s daemonize usb";

/** Option name to whether it takes a value. */
export const QEMU_OPTIONS: ReadonlyMap<string, boolean> = new Map([
  ...WITH_VALUE.split(" ").map((o) => [o, true] as const),
  ...WITHOUT_VALUE.split(" ").map((o) => [o, false] as const),
]);

/**
 * Cuts a command line into options and the words that are none. One dash or two; the value follows, or stands after
 * `=`. A `--` before the first option is dropped (a task runner may hand it on: `deno task start stdin -- -m 64M`); any
 * other ends the options.
 *
 * @param own options beyond QEMU's, by their exact spelling with dashes, and whether they take a value; their tokens
 *   keep the dashes.
 * @throws {UsageError} for an unknown option or a missing value.
 */
export function tokenize(
  argv: readonly string[],
  own: ReadonlyMap<string, boolean> = new Map(),
): { tokens: Token[]; words: string[] } {
  const tokens: Token[] = [];
  const words: string[] = [];
  const isOption = (next: string | undefined) => {
    const spelled = next?.split("=")[0] ?? "";
    return own.has(spelled) || /^--?./.test(spelled) && QEMU_OPTIONS.has(spelled.replace(/^--?/, ""));
  };
  for (let i = argv[0] === "--" ? 1 : 0; i < argv.length; i++) {
    const arg = argv[i];
    if (arg === "--" && tokens.length === 0 && isOption(argv[i + 1])) continue;
    if (arg === "--") {
      words.push(...argv.slice(i + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    const eq = arg.indexOf("=");
    const spelled = eq < 0 ? arg : arg.slice(0, eq);
    const mine = own.get(spelled);
    const name = mine !== undefined ? spelled : spelled.replace(/^--?/, "");
    const takesValue = mine ?? QEMU_OPTIONS.get(name);
    if (takesValue === undefined) throw unknownOption(spelled, name, own);
    let value = eq < 0 ? undefined : arg.slice(eq + 1);
    if (!takesValue && value !== undefined) throw new UsageError(`${spelled}: takes no value ('${value}')`);
    if (takesValue && value === undefined) {
      if (++i >= argv.length) throw new UsageError(`${spelled}: requires a value`);
      value = argv[i];
    }
    tokens.push({ name, value });
  }
  return { tokens, words };
}

function unknownOption(spelled: string, name: string, own: ReadonlyMap<string, boolean>): UsageError {
  const ownNames = [...own.keys()].map((o) => o.replace(/^-+/, ""));
  const near = suggestion(name, [...QEMU_OPTIONS.keys(), ...ownNames]);
  return new UsageError(
    `${spelled}: unknown option${near}; possible: -machine, -m, -smp, -device, -chardev, -serial, -object, -global, ` +
      `-netdev, -append, -trace, -display, -nographic, -nodefaults${own.size > 0 ? ", and see --help" : ""}`,
  );
}
