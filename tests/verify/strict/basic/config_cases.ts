import { ConsoleConfig } from "../../../../spec/virtio/console.ts";
import { NetConfig } from "../../../../spec/virtio/net.ts";
import { CommonCfg as C } from "../../../../spec/virtio/pci.ts";
import { MmioReg as R } from "../../../../spec/virtio/mmio.ts";
import { CONFIG_FIELD_OFFERED, CONFIG_WIDTH } from "../../../../verify/strict/rules/basic/config_fields.ts";
import {
  CONFIG_GENERATION,
  CONFIG_GENERATION_FIELDS,
} from "../../../../verify/strict/rules/basic/config_generation.ts";
import {
  CONFIG_WRITE_AFTER_FEATURES,
  NOTIFY_AFTER_DRIVER_OK,
} from "../../../../verify/strict/rules/basic/early.ts";
import { type Bench, type Case } from "./_bench.ts";

const NET = [{ machine: "q35", device: "net" }, { machine: "microvm", device: "net" }] as const;
const CONSOLE = [
  { machine: "q35", device: "console", props: "x-size=80x25" },
  { machine: "microvm", device: "console", props: "x-size=80x25" },
] as const;
const PLAIN_CONSOLE = [{ machine: "q35", device: "console" }, {
  machine: "microvm",
  device: "console",
}] as const;

/** The address of a card, byte by byte. */
function readMac(b: Bench): void {
  for (let i = 0; i < 6; i++) b.transport.readConfig(NetConfig.MAC + i, 1);
}
/** config_generation reads so. */
const generationSays = (b: Bench, value: number) =>
  b.isPci ? b.says(C.CONFIG_GENERATION, 1, value) : b.says(R.CONFIG_GENERATION, 4, value);

/** The configuration of devices, and what comes too early. */
export const CONFIG_CASES: readonly Case[] = [
  {
    rule: NOTIFY_AFTER_DRIVER_OK,
    what: "a notification before DRIVER_OK",
    steps: (b) => b.upTo("queues").transport.notify(0, 0, b.isPci ? 2 : 4),
    found: "a notification (0x0) while the status is ACKNOWLEDGE|DRIVER|FEATURES_OK",
    expected: "DRIVER_OK written before",
  },
  {
    rule: CONFIG_WRITE_AFTER_FEATURES,
    what: "a write before FEATURES_OK",
    on: NET,
    steps: (b) => b.upTo("negotiate").transport.writeConfig(NetConfig.MAC, 1, 2),
    found: "0x2 was written at 0x0 of the device's configuration while the status is ACKNOWLEDGE|DRIVER",
    expected: "FEATURES_OK before",
  },
  {
    rule: CONFIG_FIELD_OFFERED,
    what: "columns of a console without SIZE",
    on: PLAIN_CONSOLE,
    steps: (b) => b.upTo("confirm").transport.readConfig(ConsoleConfig.COLS, 2),
    found: "a read of cols (2 bytes at 0x0), but the device does not offer SIZE",
    expected: "SIZE offered, and seen as offered",
  },
  {
    rule: CONFIG_FIELD_OFFERED,
    what: "the number of pairs before the features",
    on: NET,
    steps: (b) => b.upTo("acknowledge").transport.readConfig(NetConfig.MAX_VIRTQUEUE_PAIRS, 2),
    found: "a read of max_virtqueue_pairs (2 bytes at 0x8), but the offered features were not read before",
    expected: "MQ or RSS offered, and seen as offered",
  },
  {
    rule: CONFIG_WIDTH,
    what: "four bytes of an address at once",
    on: NET,
    steps: (b) => b.upTo("confirm").transport.readConfig(NetConfig.MAC, 4),
    found: "a read of 4 bytes at 0x0 of the configuration",
    expected: "mac (6 bytes at 0x0) accessed 1 byte at a time",
  },
  {
    rule: CONFIG_WIDTH,
    what: "half of a 16-bit field",
    on: NET,
    steps: (b) => b.upTo("confirm").transport.readConfig(NetConfig.STATUS + 1, 1),
    found: "a read of 1 byte at 0x7 of the configuration",
    expected: "status (2 bytes at 0x6) accessed 2 bytes at a time",
  },
  {
    rule: CONFIG_WIDTH,
    what: "columns and rows with one load",
    on: CONSOLE,
    steps: (b) => b.upTo("confirm").transport.readConfig(ConsoleConfig.COLS, 4),
    found: "a read of 4 bytes at 0x0 of the configuration",
    expected: "cols (2 bytes at 0x0) accessed 2 bytes at a time",
  },
  {
    rule: CONFIG_GENERATION,
    what: "no look at the generation",
    on: NET,
    steps: (b) => readMac(b.upTo("confirm")),
    found: "mac was read in 6 parts, and config_generation not before",
    expected: "config_generation read before and after, with the same value",
  },
  {
    rule: CONFIG_GENERATION_FIELDS,
    what: "a look before, and none after",
    on: CONSOLE,
    steps: (b) => {
      b.upTo("confirm").transport.generation();
      b.transport.readConfig(ConsoleConfig.COLS, 2);
      b.transport.readConfig(ConsoleConfig.ROWS, 2);
    },
    found: "cols and rows were read in 2 parts, and config_generation not afterwards",
  },
  {
    rule: CONFIG_GENERATION,
    what: "the generation changes, and the driver takes what it has",
    on: NET,
    steps: (b) => {
      b.upTo("confirm");
      generationSays(b, 4);
      readMac(b);
      generationSays(b, 5);
    },
    found: "config_generation went from 4 to 5 while mac was read, and not read again",
    expected: "mac read again until config_generation stays the same",
  },
];
