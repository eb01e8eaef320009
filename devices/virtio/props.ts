import { type Props, UsageError } from "../description/types.ts";

/** How a property's text is read. `address` is a slot and optional function in hexadecimal, as QEMU's `addr`. */
export type PropertyType =
  | "bool"
  | "on/off/auto"
  | "uint16"
  | "uint32"
  | "uint64"
  | "int32"
  | "mac"
  | "text"
  | "address"
  | "size";

/** A property of a device that can be named after `-device driver,`. */
export interface PropertySpec {
  readonly name: string;
  readonly type: PropertyType;
  /** As it would be written; undefined: not set. */
  readonly default?: string;
  readonly help: string;
  /**
   * `modelled`: does what it says. `accepted`: valid, but nothing here could show it. `refused`: QEMU has it, Pagurus
   * does not: any value but the default is an error.
   */
  readonly state: "modelled" | "accepted" | "refused";
  /** Not QEMU 7.2's: since which version, or `pagurus`. */
  readonly since?: string;
}

type Value = boolean | number | bigint | string | undefined;

/** Values of a device's properties, defaults filled in. Asking for a name that is not there is a mistake: it throws. */
export class PropValues {
  constructor(private readonly driver: string, private readonly values: ReadonlyMap<string, Value>) {}

  bool(name: string): boolean {
    return this.get(name) as boolean;
  }
  number(name: string): number {
    return this.get(name) as number;
  }
  bigint(name: string): bigint {
    return this.get(name) as bigint;
  }
  /** Undefined where it was not given and has no default. */
  text(name: string): string | undefined {
    return this.get(name) as string | undefined;
  }
  /** `addr`: slot and function; undefined where the machine chooses. */
  place(name = "addr"): { slot: number; func: number } | undefined {
    const devfn = this.get(name) as number | undefined;
    return devfn === undefined ? undefined : { slot: devfn >> 3, func: devfn & 7 };
  }
  /** `mac`: six bytes; undefined where it was not given. */
  mac(name: string): Uint8Array | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : Uint8Array.from(text.split(":"), (byte) => parseInt(byte, 16));
  }
  /** `x-size`. */
  size(name: string): { cols: number; rows: number } | undefined {
    const packed = this.get(name) as number | undefined;
    return packed === undefined ? undefined : { cols: Math.floor(packed / 65536), rows: packed % 65536 };
  }
  private get(name: string): Value {
    if (!this.values.has(name)) throw new Error(`${this.driver} has no property ${name}`);
    return this.values.get(name);
  }
}

/**
 * Reads the properties of a `-device`.
 *
 * ```ts
 * import { parseProps } from "./props.ts";
 * const specs = [{ name: "packed", type: "bool", default: "off", help: "packed ring", state: "modelled" }] as const;
 * console.assert(parseProps("virtio-rng-pci", specs, { packed: "on" }).bool("packed"));
 * ```
 *
 * @throws {UsageError} for an unknown property (the message lists what exists), a bad value, or one not modelled.
 */
export function parseProps(driver: string, specs: readonly PropertySpec[], props: Props): PropValues {
  const values = new Map<string, Value>();
  for (const spec of specs) {
    values.set(spec.name, spec.default === undefined ? undefined : parse(driver, spec, spec.default));
  }
  for (const [name, text] of Object.entries(props)) {
    const spec = specs.find((s) => s.name === name);
    if (spec === undefined) {
      const known = specs.filter((s) => s.state !== "refused").map((s) => s.name).join(", ");
      throw new UsageError(`-device ${driver}: no property ${name}; there are: ${known}`);
    }
    const value = parse(driver, spec, text);
    if (spec.state === "refused" && value !== values.get(name)) {
      throw new UsageError(
        `-device ${driver}: property ${name}=${text} is QEMU's, but is not modelled here (${spec.help})`,
      );
    }
    values.set(name, value);
  }
  return new PropValues(driver, values);
}

function parse(driver: string, spec: PropertySpec, text: string): Value {
  const bad = (expected: string): never => {
    throw new UsageError(`-device ${driver}: ${spec.name}=${text} is wrong, expected ${expected}`);
  };
  switch (spec.type) {
    case "text":
      return text;
    case "bool":
      if (["on", "yes", "true", "y"].includes(text)) return true;
      return ["off", "no", "false", "n"].includes(text) ? false : bad("on or off");
    case "on/off/auto":
      if (["on", "yes", "true", "y"].includes(text)) return "on";
      if (["off", "no", "false", "n"].includes(text)) return "off";
      return text === "auto" ? "auto" : bad("on, off or auto");
    case "address": {
      const match = /^(?:0x)?([0-9a-f]{1,2})(?:\.([0-7]))?$/i.exec(text);
      const slot = match === null ? 32 : parseInt(match[1], 16);
      return slot < 32
        ? slot * 8 + Number(match![2] ?? 0)
        : bad("SLOT or SLOT.FUNCTION, hexadecimal: 0 to 1f, 0 to 7");
    }
    case "mac":
      return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)
        ? text.replaceAll("-", ":")
        : bad("six bytes: 52:54:00:12:34:56");
    case "int32":
      return /^-?\d{1,10}$/.test(text) && (Number(text) | 0) === Number(text)
        ? Number(text)
        : bad("a number from -2147483648 to 2147483647");
    case "size": {
      const match = /^(\d{1,5})x(\d{1,5})$/.exec(text);
      const [cols, rows] = match === null ? [65536, 65536] : [Number(match[1]), Number(match[2])];
      return cols < 65536 && rows < 65536 ? cols * 65536 + rows : bad("COLSxROWS, such as 80x25");
    }
    default: {
      const bits = Number(spec.type.slice(4));
      const limit = 1n << BigInt(bits);
      const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? BigInt(text) : limit;
      if (value >= limit) bad(`a number from 0 to ${limit - 1n}`);
      return bits === 64 ? value : Number(value);
    }
  }
}
