import type { Setup } from "./protocol.ts";
import { joinWords, splitWords } from "./words.ts";

/**
 * A command line in QEMU's words as a form can show it: a list of options that keeps its order and everything that the
 * form has no field for. `formOf` never refuses a command line: what is wrong with it the machine says.
 */
export interface Form {
  readonly options: readonly FormOption[];
}

/** `-device virtio-rng-pci,packed=on`; `-nodefaults` has no value. A word without option has an empty name. */
export interface FormOption {
  /** Without dashes. */
  readonly name: string;
  readonly value?: string;
}

/** `first,name=value,...`, as most of QEMU's values are. `first` may be empty. */
export interface PropList {
  readonly first: string;
  readonly props: readonly (readonly [name: string, value: string])[];
}

/** QEMU's options without a value. */
const FLAGS = new Set(
  "nographic nodefaults no-user-config no-reboot no-shutdown enable-kvm no-acpi no-hpet S s daemonize usb"
    .split(" "),
);

export function formOf(words: string): Form {
  const list = splitWords(words);
  const options: FormOption[] = [];
  for (let i = 0; i < list.length; i++) {
    const word = list[i];
    const m = /^--?([A-Za-z][^=]*)(?:=([\s\S]*))?$/.exec(word);
    if (m === null) options.push({ name: "", value: word });
    else if (m[2] !== undefined) options.push({ name: m[1], value: m[2] });
    else if (FLAGS.has(m[1]) || i + 1 >= list.length) options.push({ name: m[1] });
    else options.push({ name: m[1], value: list[++i] });
  }
  return { options };
}
/** The command line of a form; `formOf` of it is the form again. */
export function wordsOf(form: Form): string {
  return joinWords(
    form.options.flatMap(({ name, value }) =>
      name === "" ? [value ?? ""] : value === undefined ? [`-${name}`] : [`-${name}`, value]
    ),
  );
}

/** Reads `first,name=value,flag`: `,,` is a comma, a bare name is `name=on`, `implied=x` is a first word, too. */
export function propsOf(value: string, implied = "driver"): PropList {
  let first = "";
  const props: [string, string][] = [];
  splitCommas(value).forEach((part, i) => {
    const eq = part.indexOf("=");
    if (eq < 0 && i === 0) first = part;
    else if (eq < 0) props.push([part, "on"]);
    else if (part.slice(0, eq) === implied) first = part.slice(eq + 1);
    else props.push([part.slice(0, eq), part.slice(eq + 1)]);
  });
  return { first, props };
}
export function propsText({ first, props }: PropList): string {
  const escape = (text: string) => text.replaceAll(",", ",,");
  const parts = props.map(([name, value]) => `${escape(name)}=${escape(value)}`);
  return [...(first === "" ? [] : [escape(first)]), ...parts].join(",");
}

function splitCommas(text: string): string[] {
  const parts: string[] = [];
  let part = "";
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== ",") part += text[i];
    else if (text[i + 1] === ",") {
      part += ",";
      i++;
    } else {
      parts.push(part);
      part = "";
    }
  }
  parts.push(part);
  return parts.filter((p) => p !== "");
}

/** The last value of an option, as QEMU takes it; undefined: it is not there. */
export function optionOf(form: Form, name: string): string | undefined {
  return form.options.findLast((o) => o.name === name)?.value;
}
/** Sets an option that is there once, where it is or at the end; undefined takes it away. */
export function withOption(form: Form, name: string, value: string | undefined): Form {
  const at = form.options.findLastIndex((o) => o.name === name);
  const others = form.options.filter((o, i) => o.name !== name || i === at);
  if (value === undefined) return { options: others.filter((o) => o.name !== name) };
  if (at < 0) return { options: [...others, { name, value }] };
  return { options: others.map((o) => o.name === name ? { name, value } : o) };
}

export function machineOf(form: Form): PropList {
  return propsOf(optionOf(form, "machine") ?? optionOf(form, "M") ?? "", "type");
}
/** The devices, with their places among the options. */
export function devicesOf(form: Form): readonly { readonly index: number; readonly device: PropList }[] {
  return form.options.flatMap((o, index) =>
    o.name === "device" ? [{ index, device: propsOf(o.value ?? "") }] : []
  );
}
export function withDevice(form: Form, index: number, device: PropList): Form {
  return { options: form.options.map((o, i) => i === index ? { ...o, value: propsText(device) } : o) };
}
export function addDevice(form: Form, device: PropList): Form {
  return { options: [...form.options, { name: "device", value: propsText(device) }] };
}
export function without(form: Form, index: number): Form {
  return { options: form.options.filter((_, i) => i !== index) };
}
export function propOf({ props }: PropList, name: string): string | undefined {
  return props.find(([n]) => n === name)?.[1];
}
/** Sets a property where it is or at the end; undefined takes it away. */
export function withProp(list: PropList, name: string, value: string | undefined): PropList {
  const there = list.props.some(([n]) => n === name);
  const props = value === undefined
    ? list.props.filter(([n]) => n !== name)
    : there
    ? list.props.map((p) => p[0] === name ? [name, value] as const : p)
    : [...list.props, [name, value] as const];
  return { ...list, props };
}

/** The kernel that a machine needs; undefined: the command line names none of the machines. */
export function transportOf(form: Form): Setup["transport"] | undefined {
  const { first } = machineOf(form);
  if (first.startsWith("microvm")) return "mmio";
  return /^(q35|pc)/.test(first) ? "pci" : undefined;
}

/** The same machine with devices of the other transport: what choosing microvm instead of q35 means. */
export function otherTransport(form: Form, transport: Setup["transport"]): Form {
  const [from, to] = transport === "mmio" ? ["-pci", "-device"] : ["-device", "-pci"];
  // Properties that only one kind of transport has.
  const gone = transport === "mmio"
    ? ["addr", "vectors", "disable-legacy", "disable-modern", "ats", "page-per-vq", "bus"]
    : ["bus"];
  let next: Form = {
    options: form.options.map((o) => {
      if (o.name !== "device") return o;
      const device = propsOf(o.value ?? "");
      if (!/^virtio-/.test(device.first) || !device.first.endsWith(from)) return o;
      const props = device.props.filter(([n]) => !gone.includes(n));
      return { ...o, value: propsText({ first: device.first.slice(0, -from.length) + to, props }) };
    }).filter((o) => !(o.name === "global" && /^virtio-mmio\./.test(o.value ?? ""))),
  };
  next = withOption(next, "machine", transport === "mmio" ? "microvm" : "q35");
  if (transport === "pci") return next;
  return { options: [...next.options, { name: "global", value: "virtio-mmio.force-legacy=off" }] };
}

/** A property that a form offers for a device. */
export interface OfferedProp {
  readonly name: string;
  readonly help: string;
  /** What it is if it is not given. */
  readonly default: string;
  /** `on`/`off`, a number, or text. */
  readonly type: "switch" | "number" | "text";
}

const SWITCHES: readonly OfferedProp[] = [
  { name: "packed", help: "offer the packed ring", default: "off", type: "switch" },
  { name: "indirect_desc", help: "offer indirect descriptors", default: "on", type: "switch" },
  { name: "event_idx", help: "offer notification suppression by index", default: "on", type: "switch" },
  { name: "in_order", help: "offer use in order", default: "off", type: "switch" },
  {
    name: "notification_data",
    help: "offer notifications that say how far the driver is",
    default: "off",
    type: "switch",
  },
];
const PCI_PROPS: readonly OfferedProp[] = [
  { name: "disable-legacy", help: "a modern device only (virtio 1.x)", default: "auto", type: "text" },
  { name: "addr", help: "PCI slot", default: "", type: "text" },
];
const NET_PROPS: readonly OfferedProp[] = [
  {
    name: "netdev",
    help: "the network back end that it is plugged into (-netdev)",
    default: "",
    type: "text",
  },
  { name: "mac", help: "Ethernet address", default: "52:54:00:12:34:56", type: "text" },
  { name: "mrg_rxbuf", help: "offer frames in several receive buffers", default: "on", type: "switch" },
  { name: "rx_queue_size", help: "entries of the receive queue", default: "256", type: "number" },
  { name: "tx_queue_size", help: "entries of the transmit queue", default: "256", type: "number" },
];

/** A device that a form offers, with the properties that are worth a field. Others can be typed into the command line. */
export interface OfferedDevice {
  readonly driver: string;
  readonly label: string;
  readonly transport: Setup["transport"] | "any";
  readonly props: readonly OfferedProp[];
  /** Properties without which it is refused, with a first value. */
  readonly needs: readonly (readonly [string, string])[];
}

function both(
  base: string,
  label: string,
  props: readonly OfferedProp[],
  needs: OfferedDevice["needs"] = [],
) {
  return [
    { driver: `${base}-pci`, label, transport: "pci", props: [...props, ...SWITCHES, ...PCI_PROPS], needs },
    { driver: `${base}-device`, label, transport: "mmio", props: [...props, ...SWITCHES], needs },
  ] as OfferedDevice[];
}

/** The devices that can be added, for the machine's transport. */
export const OFFERED_DEVICES: readonly OfferedDevice[] = [
  ...both("virtio-rng", "Entropy", []),
  ...both("virtio-serial", "Serial ports (console)", []),
  {
    driver: "virtconsole",
    label: "Console on a serial port",
    transport: "any",
    props: [{ name: "chardev", help: "the back end (-chardev)", default: "", type: "text" }],
    needs: [["chardev", "char0"]],
  },
  ...both("virtio-net", "Network card", NET_PROPS, [["netdev", "net0"]]),
];
export const MACHINES: readonly { readonly name: string; readonly help: string }[] = [
  { name: "q35", help: "a PC with PCI Express, where devices are found by walking the bus" },
  { name: "pc", help: "an older PC with PCI (i440FX)" },
  { name: "microvm", help: "a small machine with virtio-mmio: the command line says where devices are" },
];

/** The same devices on another machine: of the other transport if that machine has no other. */
export function onMachine(form: Form, name: string): Form {
  const to = name === "microvm" ? "mmio" : "pci";
  const moved = transportOf(form) === to ? form : otherTransport(form, to);
  const { first, props } = machineOf(moved);
  return withOption(moved, "machine", propsText({ first: name, props: first === name ? props : [] }));
}

/** Adds a device with what it cannot do without; a network card gets a network of its own. */
export function addOffered(form: Form, { driver, needs }: OfferedDevice): Form {
  if (!needs.some(([name]) => name === "netdev")) return addDevice(form, { first: driver, props: needs });
  const taken = new Set(devicesOf(form).map(({ device }) => propOf(device, "netdev")));
  const made = form.options.filter((o) => o.name === "netdev").map((o) =>
    propOf(propsOf(o.value ?? ""), "id")
  );
  let id = made.find((known) => !taken.has(known));
  let next = form;
  for (let n = 0; id === undefined; n++) {
    if (made.includes(`net${n}`)) continue;
    id = `net${n}`;
    next = { options: [...form.options, { name: "netdev", value: `user,id=${id}` }] };
  }
  return addDevice(next, { first: driver, props: [["netdev", id]] });
}
