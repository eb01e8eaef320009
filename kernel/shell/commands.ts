import { sleep } from "../executor.ts";
import { devices, interrupts, mem, tasks, virt2phys, vq } from "./inspect.ts";
import { type Command, CommandError } from "./mod.ts";
import { arp, ifconfig, ip, netstat, nslookup, ping, wget } from "./net.ts";

/** Longest run of random bytes that one command prints. */
const RNG_LIMIT = 65536;
/** How long `rng` waits for the device, in nanoseconds of machine time. */
const RNG_PATIENCE = 1e9;

const help: Command = {
  usage: "help",
  help: "print this list",
  run(_kernel, _args, out) {
    const width = Math.max(...Object.values(COMMANDS).map((c) => c.usage.length));
    for (const command of Object.values(COMMANDS)) out(`${command.usage.padEnd(width)}  ${command.help}`);
  },
};

const rng: Command = {
  usage: "rng N",
  help: "print N random bytes of the entropy device, in hex",
  *run(kernel, args, out) {
    const count = integer(args[0], "the number of bytes", 1, RNG_LIMIT);
    const driver = kernel.parts.drivers.rng[0];
    if (driver === undefined) throw new CommandError("this machine has no entropy device");
    const bytes = new Uint8Array(count);
    const giveUp = kernel.parts.platform.now() + RNG_PATIENCE;
    let pause = 1000; // nanoseconds; longer each time, or a silent device would cost a million turns
    for (let have = 0; have < count;) {
      const n = driver.read(bytes.subarray(have));
      have += n;
      pause = n > 0 ? 1000 : Math.min(pause * 2, 1e6);
      if (n > 0) continue;
      if (kernel.parts.platform.now() > giveUp) {
        throw new Error(`the device gave ${have} of ${count} bytes in one second`);
      }
      kernel.parts.platform.relax();
      yield* sleep(kernel.parts.executor, pause);
    }
    for (let i = 0; i < count; i += 32) {
      out(Array.from(bytes.subarray(i, i + 32), (b) => b.toString(16).padStart(2, "0")).join(""));
    }
  },
};

const dmesg: Command = {
  usage: "dmesg",
  help: "print the kernel's log",
  run(kernel, _args, out) {
    for (const line of kernel.parts.log.lines()) out(line);
  },
};

const echo: Command = {
  usage: "echo TEXT",
  help: "print TEXT",
  run(_kernel, args, out) {
    out(args.join(" "));
  },
};

const shutdown: Command = {
  usage: "shutdown [CODE]",
  help: "end the machine, with exit status CODE (0 to 255)",
  run(kernel, args) {
    kernel.shutdown(args.length === 0 ? 0 : integer(args[0], "the exit status", 0, 255));
  },
};

/** Every command by name. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  __proto__: null as unknown as Command,
  help,
  devices,
  vq,
  mem,
  tasks,
  interrupts,
  rng,
  virt2phys,
  ifconfig,
  ip,
  arp,
  netstat,
  ping,
  nslookup,
  wget,
  dmesg,
  echo,
  shutdown,
};

/** A decimal or 0x number in [min, max]. @throws {CommandError} that says what was expected and found. */
export function integer(
  text: string | undefined,
  what: string,
  min: number,
  max: number,
  show: (n: number) => string = String,
): number {
  const n = /^(0x[0-9a-f]+|\d+)$/i.test(text ?? "") ? Number(text) : NaN;
  if (!(n >= min && n <= max)) {
    throw new CommandError(`${what} must be ${show(min)} to ${show(max)}, not '${text ?? ""}'`);
  }
  return n;
}
