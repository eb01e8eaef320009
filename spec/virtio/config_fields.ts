import { ConsoleConfig } from "./console.ts";
import { ConsoleF, NetF } from "./features.ts";
import { VirtioId } from "./ids.ts";
import { NetConfig } from "./net.ts";

/** A field of a device's configuration space (virtio 1.4, 2.5). */
export interface ConfigField {
  readonly name: string;
  /** Bytes from the start of the configuration. */
  readonly offset: number;
  /** Bytes. Fields of more than four are arrays of bytes, or are read in parts. */
  readonly width: number;
  /** Offered features, of which one makes the field meaningful; 0 if it always is. */
  readonly features: bigint;
  /** The field is there without these features, too, but says nothing. */
  readonly always: boolean;
  /** The driver may write it. */
  readonly writable: boolean;
}

type Row = readonly [name: string, offset: number, width: number, features: bigint];

const fields = (
  rows: readonly Row[],
  always: readonly string[],
  writable: readonly string[],
): ConfigField[] =>
  rows.map(([name, offset, width, features]) => ({
    name,
    offset,
    width,
    features,
    always: always.includes(name),
    writable: writable.includes(name),
  }));

const FIELDS: Readonly<Record<number, readonly ConfigField[]>> = {
  // virtio 1.4, 5.1.4
  [VirtioId.Net]: fields(
    [
      ["mac", NetConfig.MAC, 6, NetF.MAC],
      ["status", NetConfig.STATUS, 2, NetF.STATUS],
      ["max_virtqueue_pairs", NetConfig.MAX_VIRTQUEUE_PAIRS, 2, NetF.MQ | NetF.RSS],
      ["mtu", NetConfig.MTU, 2, NetF.MTU],
      ["speed", NetConfig.SPEED, 4, NetF.SPEED_DUPLEX],
      ["duplex", NetConfig.DUPLEX, 1, NetF.SPEED_DUPLEX],
      ["rss_max_key_size", NetConfig.RSS_MAX_KEY_SIZE, 1, NetF.RSS | NetF.HASH_REPORT],
      ["rss_max_indirection_table_length", NetConfig.RSS_MAX_INDIRECTION_TABLE_LENGTH, 2, NetF.RSS],
      ["supported_hash_types", NetConfig.SUPPORTED_HASH_TYPES, 4, NetF.RSS | NetF.HASH_REPORT],
      ["supported_tunnel_types", NetConfig.SIZE, 4, NetF.HASH_TUNNEL],
    ],
    ["mac"],
    [],
  ),
  // virtio 1.4, 5.3.4
  [VirtioId.Console]: fields(
    [
      ["cols", ConsoleConfig.COLS, 2, ConsoleF.SIZE],
      ["rows", ConsoleConfig.ROWS, 2, ConsoleF.SIZE],
      ["max_nr_ports", ConsoleConfig.MAX_NR_PORTS, 4, ConsoleF.MULTIPORT],
      ["emerg_wr", ConsoleConfig.EMERG_WR, 4, ConsoleF.EMERG_WRITE],
    ],
    [],
    ["emerg_wr"],
  ),
  // virtio 1.4, 5.4.4: none
  [VirtioId.Rng]: [],
};

/**
 * The fields of a device's configuration, by offset; undefined for devices whose layout is not known here.
 *
 * ```ts
 * import { configFields } from "./config_fields.ts";
 * console.assert(configFields(3)?.map((f) => f.name).join() === "cols,rows,max_nr_ports,emerg_wr");
 * ```
 */
export function configFields(deviceId: number): readonly ConfigField[] | undefined {
  return FIELDS[deviceId];
}

/**
 * The fields that an access touches.
 *
 * ```ts
 * import { configFieldsAt } from "./config_fields.ts";
 * console.assert(configFieldsAt(1, 8, 4).map((f) => f.name).join() === "max_virtqueue_pairs,mtu");
 * ```
 */
export function configFieldsAt(deviceId: number, offset: number, width: number): readonly ConfigField[] {
  return (FIELDS[deviceId] ?? []).filter((f) => offset < f.offset + f.width && f.offset < offset + width);
}
