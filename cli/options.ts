import {
  describeTokens,
  type MachineDescription,
  type Token,
  tokenize,
  UsageError,
} from "../devices/description.ts";

/**
 * Options of the simulator itself. They are read by the same tokenizer as QEMU's: commander, and most others, take
 * `-machine` for seven options of one letter.
 */
const OWN: ReadonlyMap<string, boolean> = new Map([
  ["--seed", true],
  ["--trace", true],
  ["--latency", true],
  ["--dashboard", true],
  ["--strict", true],
  ["--strict-report", true],
  ["--platform", true],
  ["--qemu", true],
  ["--careful", false],
  ["--help", false],
  ["-help", false],
  ["-h", false],
  ["--version", false],
  ["-version", false],
]);

/** Seed without `--seed`. */
export const DEFAULT_SEED = 1;

/** What the command line asks for. */
export interface Options {
  readonly what: "run" | "help" | "version";
  readonly platform: "simulated" | "qemu";
  /** The QEMU program, where it is not `qemu-system-x86_64`. */
  readonly qemu: string | undefined;
  readonly seed: number;
  /** File for the trace as JSON lines. */
  readonly traceFile: string | undefined;
  /** Virtual nanoseconds between a notification and the device acting on it. */
  readonly latency: number;
  /** Port of the page that looks at the machine, `any`: none was named; undefined: no page. */
  readonly dashboard: number | "any" | undefined;
  readonly careful: boolean;
  /** Rules of the specification are watched: how, and where the reports go besides the terminal. */
  readonly strict: { readonly mode: "report" | "stop"; readonly file: string | undefined } | undefined;
  readonly app: string;
  readonly appArgs: readonly string[] | undefined;
  readonly desc: MachineDescription;
}

/**
 * The machine that is started without any machine option, for a kernel of this transport.
 *
 * @param network ports of the host's loopback that lead to the guest (`tcp:9975`); undefined: no network card.
 */
export function demoMachine(transport: string, network?: readonly string[]): string[] {
  const mmio = transport === "mmio";
  const suffix = mmio ? "device" : "pci";
  const words = [
    ...(mmio ? "-machine microvm -m 64M -global virtio-mmio.force-legacy=off" : "-machine q35 -m 64M").split(
      " ",
    ),
    ...["-chardev", "stdio,id=char0,mux=on", "-serial", "chardev:char0"],
    ...["-device", `virtio-rng-${suffix}`, "-device", `virtio-serial-${suffix}`],
    ...["-device", "virtconsole,chardev=char0"],
  ];
  if (network === undefined) return words;
  const forwards = network.map((rule) => {
    const [protocol, port] = rule.split(":");
    return `,hostfwd=${protocol}:127.0.0.1:${port}-:${port}`;
  });
  return [
    ...words,
    "-netdev",
    `user,id=net0${forwards.join("")}`,
    "-device",
    `virtio-net-${suffix},netdev=net0`,
  ];
}

/** Options that say nothing of the machine's parts: with these alone it is still the demo machine. */
const KEEPS_DEMO = ["append", "trace", "m", "display", "smp"];

/**
 * Reads the whole command line.
 *
 * @param transport of this kernel: a machine without its kind of bus is refused.
 * @param apps what there is to run: some need a network.
 * @throws {UsageError}
 */
export function readOptions(
  argv: readonly string[],
  transport: "pci" | "mmio",
  apps: Readonly<Record<string, { readonly network?: readonly string[] }>> = {},
): Options {
  const { tokens, words } = tokenize(modeOfStrict(portOfDashboard(twoDashes(argv))), OWN);
  const own = new Map<string, string | undefined>();
  const rest: Token[] = [];
  for (const token of tokens) {
    if (OWN.has(token.name)) own.set(token.name, token.value);
    else rest.push(token);
  }
  const what = ["-h", "-help", "--help"].some((o) => own.has(o))
    ? "help"
    : own.has("--version") || own.has("-version")
    ? "version"
    : "run";
  const demo = what !== "run" || rest.every((t) => KEEPS_DEMO.includes(t.name));
  const app = words[0] ?? "shell";
  const network = Object.hasOwn(apps, app) ? apps[app].network : undefined;
  const all = demo
    ? [...tokenize(demoMachine(transport, network)).tokens, ...what === "run" ? rest : []]
    : rest;
  const desc = describeTokens(all);
  if (what === "run") checkTransport(desc, transport);
  const platform = own.get("--platform") ?? "simulated";
  if (platform !== "simulated" && platform !== "qemu") {
    throw new UsageError(`--platform ${platform}: unknown; possible: simulated, qemu`);
  }
  const qemu = own.get("--qemu");
  if (qemu !== undefined && platform !== "qemu") throw new UsageError("--qemu: only with --platform qemu");
  if (platform === "qemu" && own.has("--latency")) {
    throw new UsageError(
      "--latency: the real QEMU takes the time that it takes; only with --platform simulated",
    );
  }
  const traceFile = own.get("--trace");
  if (traceFile !== undefined && /\*|^enable=/.test(traceFile)) {
    throw new UsageError(`--trace ${traceFile}: takes a file name; patterns of events are given with -trace`);
  }
  const dashboard = own.get("--dashboard");
  const strict = own.get("--strict") ?? "off";
  if (!isStrictMode(strict)) {
    throw new UsageError(`--strict ${strict}: unknown; possible: ${STRICT_MODES.join(", ")}`);
  }
  const strictFile = own.get("--strict-report");
  if (strictFile !== undefined && strict === "off") {
    throw new UsageError("--strict-report: only with --strict");
  }
  return {
    what,
    platform,
    qemu,
    dashboard: dashboard === undefined
      ? undefined
      : dashboard === ""
      ? "any"
      : integer("--dashboard", dashboard, 0, 65535),
    seed: integer("--seed", own.get("--seed"), DEFAULT_SEED, 0xffff_ffff),
    traceFile,
    latency: integer("--latency", own.get("--latency"), 0, 1e12),
    careful: own.has("--careful"),
    strict: strict === "off" ? undefined : { mode: strict === "stop" ? "stop" : "report", file: strictFile },
    app,
    appArgs: words.length > 1 ? words.slice(1) : undefined,
    desc,
  };
}

/** Options that QEMU has none like: one dash does as well. The words after a lone `--` stay as they are. */
function twoDashes(argv: readonly string[]): string[] {
  const end = argv.lastIndexOf("--");
  return argv.map((word, i) => {
    const ours = /^-(seed|latency|careful|platform|qemu|dashboard|strict|strict-report)(=.*)?$/.test(word);
    const isValue = OPTIONS_WITH_VALUE.test(argv[i - 1] ?? "");
    return ours && !isValue && (end <= 0 || i < end) ? `-${word}` : word;
  });
}
const OPTIONS_WITH_VALUE = /^--?(append|name)$/;

/** `--dashboard` takes a number behind it as its port, and needs none: then its value is empty. */
function portOfDashboard(argv: readonly string[]): string[] {
  const words: string[] = [];
  let options = true;
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === "--" && i > 0) options = false;
    const ours = options && argv[i] === "--dashboard" && !OPTIONS_WITH_VALUE.test(argv[i - 1] ?? "");
    if (!ours) words.push(argv[i]);
    else words.push(`--dashboard=${/^\d+$/.test(argv[i + 1] ?? "") ? argv[++i] : ""}`);
  }
  return words;
}

/** `on` is `report`. */
const STRICT_MODES = ["report", "stop", "on", "off"] as const;
function isStrictMode(word: string): word is typeof STRICT_MODES[number] {
  return (STRICT_MODES as readonly string[]).includes(word);
}

/** `--strict` takes one of its modes behind it, and needs none: then it reports. */
function modeOfStrict(argv: readonly string[]): string[] {
  const end = argv.lastIndexOf("--");
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const ours = (end <= 0 || i < end) && argv[i] === "--strict" &&
      !OPTIONS_WITH_VALUE.test(argv[i - 1] ?? "");
    if (!ours) words.push(argv[i]);
    else words.push(`--strict=${isStrictMode(argv[i + 1] ?? "") ? argv[++i] : "report"}`);
  }
  return words;
}

function integer(option: string, text: string | undefined, otherwise: number, max: number): number {
  if (text === undefined) return otherwise;
  const n = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : NaN;
  if (n >= 0 && n <= max) return n;
  throw new UsageError(`${option} ${text}: expected a whole number from 0 to ${max}`);
}

function checkTransport(desc: MachineDescription, transport: "pci" | "mmio"): void {
  const microvm = desc.machine === "microvm";
  if (transport === "pci" && microvm) {
    throw new UsageError(
      "-machine microvm: has virtio-mmio devices only, and this kernel is built for PCI; " +
        "use `deno task start:mmio` (DENO_CONDITIONS=mmio), or q35 or pc",
    );
  }
  if (transport === "mmio" && !microvm) {
    throw new UsageError(
      `-machine ${desc.machine}: has PCI devices only, and this kernel is built for virtio-mmio; ` +
        "use `deno task start` (without DENO_CONDITIONS=mmio), or -machine microvm",
    );
  }
}
