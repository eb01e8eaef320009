import { parseChardev, parseObject, parseSerial } from "./host_words.ts";
import { checkNetdevs, nicAdvice, parseNetdev } from "./net_words.ts";
import { checkDeviceProps, checkGlobal, resolveDriver } from "./props.ts";
import { DEFAULT_MEMORY, parseMemory } from "./sizes.ts";
import { type Token, tokenize } from "./tokens.ts";
import {
  type ChardevDescription,
  type DeviceDescription,
  type GlobalProperty,
  type MachineDescription,
  type MachineKind,
  type NetdevDescription,
  type ObjectDescription,
  type Props,
  UsageError,
} from "./types.ts";
import { readBool, refuseUnknownProps, requireId, splitProps, suggestion } from "./words.ts";

const MACHINES: readonly MachineKind[] = ["q35", "pc", "microvm"];

/** Accepted, and why they mean nothing here. */
const IGNORED: Record<string, string> = {
  cpu: "there is no CPU model, the kernel is TypeScript",
  kernel: "Pagurus boots its own kernel",
  initrd: "Pagurus boots its own applications",
  accel: "there is nothing to accelerate",
  "enable-kvm": "there is nothing to accelerate",
  numa: "there is one node",
  bios: "there is no firmware",
  L: "there is no firmware",
  boot: "the kernel is always what boots",
  vga: "there is no screen",
  rtc: "time is the machine's own",
  name: "machines have no names",
  uuid: "there is no firmware to ask for it",
  msg: "messages are as they are",
  "no-shutdown": "the end of the guest is the end of the machine",
};
/** Accepted: Pagurus does this anyway. */
const AGREED = ["no-user-config", "no-reboot", "no-hpet"];

/**
 * Reads a machine in QEMU's words.
 *
 * ```ts
 * import { parseDescription } from "./parse.ts";
 * const desc = parseDescription(["-machine", "q35", "-m", "64M", "-device", "virtio-rng-pci,packed=on"]);
 * console.assert(desc.memory === 64 * 2 ** 20 && desc.devices[0].props.packed === "on");
 * ```
 *
 * @throws {UsageError} for anything unknown or impossible; the message names it and what is possible.
 */
export function parseDescription(argv: readonly string[]): MachineDescription {
  const { tokens, words } = tokenize(argv);
  if (words.length > 0) {
    throw new UsageError(`'${words[0]}': a word without an option (disk images are not supported)`);
  }
  return describeTokens(tokens);
}

/** {@link parseDescription} for a command line that is cut up already. @throws {UsageError} */
export function describeTokens(tokens: readonly Token[]): MachineDescription {
  // Devices first: a command line for one that is missing is refused for that, not for its back end.
  const devices = valuesOf(tokens, "device").map(parseDevice);
  const reader = new Reader();
  for (const token of tokens) reader.read(token);
  return reader.finish(devices);
}

function valuesOf(tokens: readonly Token[], name: string): string[] {
  return tokens.filter((t) => t.name === name).map((t) => t.value!);
}

function parseDevice(text: string, index: number): DeviceDescription {
  const { first, props } = splitProps("-device", text, "driver");
  const driver = resolveDriver(`-device ${text}`, first);
  if (props.id !== undefined) requireId(`-device ${text}`, props.id);
  checkDeviceProps(driver, props);
  return { driver, props, index };
}

/** What has been read so far. */
class Reader {
  private machine: MachineKind = "pc";
  private machineProps: Props = {};
  private memory = DEFAULT_MEMORY;
  private chardevs: ChardevDescription[] = [];
  private serials: string[] = [];
  private objects: ObjectDescription[] = [];
  private netdevs: NetdevDescription[] = [];
  private globals: GlobalProperty[] = [];
  private append = "";
  private nodefaults = false;
  private nographic = false;
  private trace: string[] = [];
  private ignored: string[] = [];

  read({ name, value }: Token): void {
    if (name in IGNORED) {
      this.ignored.push(`-${name}${value === undefined ? "" : ` ${value}`}: ${IGNORED[name]}`);
      return;
    }
    if (AGREED.includes(name)) return;
    const text = value ?? "";
    switch (name) {
      case "machine":
      case "M":
        return this.readMachine(text);
      case "m":
        return this.readMemory(text);
      case "smp":
        return readSmp(text);
      case "device":
        return;
      case "chardev":
        return this.addChardev(`-chardev ${text}`, parseChardev(text));
      case "serial":
        this.serials.push(text);
        return;
      case "object":
        return this.addObject(text);
      case "netdev":
        return this.addNetdev(text);
      case "global":
        return this.addGlobal(text);
      case "append":
        this.append = text;
        return;
      case "nodefaults":
        this.nodefaults = true;
        return;
      case "nographic":
        this.nographic = true;
        return;
      case "no-acpi":
        this.machineProps.acpi = "off";
        return;
      case "trace":
        return this.readTrace(text);
      case "display":
        if (text !== "none") this.ignored.push(`-display ${text}: there is no screen`);
        return;
      case "monitor":
      case "parallel":
      case "net":
      case "nic":
      case "qmp":
        if (text === "none") return;
        if (name.startsWith("n")) throw nicAdvice(name, text);
    }
    throw new UsageError(`-${name}${value === undefined ? "" : ` ${text}`}: not supported by Pagurus`);
  }

  private readMachine(text: string): void {
    const { first, props } = splitProps("-machine", text, "type");
    if (first !== undefined) {
      const plain = first.replace(/^pc-q35-.*/, "q35").replace(/^pc-i440fx-.*/, "pc");
      const machine = MACHINES.find((m) => m === plain);
      if (machine === undefined) {
        throw new UsageError(
          `-machine ${text}: unsupported machine type '${first}'${suggestion(first, MACHINES)}; ` +
            `possible: ${MACHINES.join(", ")}`,
        );
      }
      this.machine = machine;
    }
    Object.assign(this.machineProps, props);
  }

  private readMemory(text: string): void {
    const { first, props } = splitProps("-m", text, "size");
    refuseUnknownProps(`-m ${text}`, props, []);
    this.memory = parseMemory(`-m ${text}`, first ?? "0");
  }

  private addChardev(where: string, chardev: ChardevDescription): void {
    if (this.chardevs.some((c) => c.id === chardev.id)) {
      throw new UsageError(`${where}: Duplicate ID '${chardev.id}' for chardev`);
    }
    if (chardev.backend === "stdio" && this.chardevs.some((c) => c.backend === "stdio")) {
      throw new UsageError(
        `${where}: cannot use stdio by multiple character devices (share one with mux=on)`,
      );
    }
    this.chardevs.push(chardev);
  }

  private addObject(text: string): void {
    const { object, ignored } = parseObject(text);
    if (this.objects.some((o) => o.id === object.id)) {
      throw new UsageError(`-object ${text}: Duplicate ID '${object.id}' for object`);
    }
    this.objects.push(object);
    if (ignored !== undefined) this.ignored.push(ignored);
  }

  private addNetdev(text: string): void {
    const netdev = parseNetdev(text);
    if (this.netdevs.some((n) => n.id === netdev.id)) {
      throw new UsageError(`-netdev ${text}: Duplicate ID '${netdev.id}' for netdev`);
    }
    this.netdevs.push(netdev);
  }

  private addGlobal(text: string): void {
    const m = /^([^.=,]+)\.([^=]+)=(.*)$/.exec(text);
    const { props } = m === null ? splitProps("-global", text) : { props: {} as Props };
    const [driver, property, value] = m?.slice(1) ?? [props.driver, props.property, props.value];
    if (driver === undefined || property === undefined || value === undefined) {
      throw new UsageError(`-global ${text}: expected driver.property=value`);
    }
    const global = { driver, property, value };
    checkGlobal(`-global ${text}`, global);
    this.globals.push(global);
  }

  private readTrace(text: string): void {
    const { first, props } = splitProps("-trace", text, "enable");
    refuseUnknownProps(`-trace ${text}`, props, []);
    if (first === undefined || first === "help") {
      throw new UsageError(
        `-trace ${text}: expected a pattern of QEMU's event names, as 'virtio*' or 'virtqueue_*'`,
      );
    }
    this.trace.push(first);
  }

  finish(devices: DeviceDescription[]): MachineDescription {
    const serial = this.finishSerial();
    checkIds(devices, this.objects);
    checkFrontEnds(this.chardevs, serial, devices);
    this.ignored.push(...checkNetdevs(this.netdevs, devices, this.objects));
    const { machine, machineProps, memory, chardevs, objects, netdevs, globals, append, nodefaults } = this;
    const { trace, ignored } = this;
    return {
      machine,
      machineProps,
      memory,
      devices,
      chardevs,
      serial,
      objects,
      netdevs,
      globals,
      append,
      nodefaults,
      trace,
      ignored,
    };
  }

  /** COM1 without `-serial`: standard input and output where nothing else has them; QEMU would open a window. */
  private finishSerial(): (string | undefined)[] {
    const words = this.serials;
    if (words.length === 0 && !this.nodefaults) {
      const free = !this.chardevs.some((c) => c.backend === "stdio");
      if (this.nographic) words.push("mon:stdio");
      else if (free) words.push("stdio");
    }
    const serial = words.map((text, i) => {
      const { id, made } = parseSerial(text, `serial${i}`);
      if (made !== undefined) {
        const signal: Props = made.backend === "stdio" && this.nographic ? { signal: "off" } : {};
        this.addChardev(`-serial ${text}`, { ...made, props: { ...made.props, ...signal } });
      }
      return id;
    });
    while (serial.length > 0 && serial.at(-1) === undefined) serial.pop();
    return serial;
  }
}

function readSmp(text: string): void {
  const { first, props } = splitProps("-smp", text, "cpus");
  refuseUnknownProps(`-smp ${text}`, props, ["sockets", "dies", "cores", "threads", "maxcpus"]);
  for (const value of [first ?? "1", ...Object.values(props)]) {
    if (value !== "1") {
      throw new UsageError(`-smp ${text}: only 1 is possible, the simulated kernel runs on one CPU`);
    }
  }
}

function checkIds(devices: readonly DeviceDescription[], objects: readonly ObjectDescription[]): void {
  const seen = new Set<string>();
  for (const { driver, props } of devices) {
    const where = `-device ${driver}`;
    if (props.id !== undefined) {
      if (seen.has(props.id)) {
        throw new UsageError(`${where},id=${props.id}: Duplicate ID '${props.id}' for device`);
      }
      seen.add(props.id);
    }
    if (props.rng !== undefined && !objects.some((o) => o.id === props.rng && o.type.startsWith("rng-"))) {
      throw new UsageError(
        `${where},rng=${props.rng}: Device '${props.rng}' not found (-object rng-builtin,id=...)`,
      );
    }
  }
}

/** Each chardev exists and has one front end, or several with mux=on. */
function checkFrontEnds(
  chardevs: readonly ChardevDescription[],
  serial: readonly (string | undefined)[],
  devices: readonly DeviceDescription[],
): void {
  const used = new Set<string>();
  const use = (where: string, id: string) => {
    const chardev = chardevs.find((c) => c.id === id);
    if (chardev === undefined) {
      const ids = chardevs.map((c) => c.id).join(", ") || "none";
      throw new UsageError(
        `${where}: there is no chardev '${id}'${suggestion(id, chardevs.map((c) => c.id))}; possible: ${ids}`,
      );
    }
    const mux = chardev.props.mux !== undefined && readBool(where, "mux", chardev.props.mux);
    if (used.has(id) && !mux) {
      throw new UsageError(`${where}: Device '${id}' is in use (a chardev with mux=on can be shared)`);
    }
    used.add(id);
  };
  for (const id of serial) if (id !== undefined) use(`-serial chardev:${id}`, id);
  for (const { driver, props } of devices) {
    if (props.chardev !== undefined) use(`-device ${driver},chardev=${props.chardev}`, props.chardev);
  }
}
