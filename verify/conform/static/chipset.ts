import type { Width } from "../../../arch/platform.ts";
import type { Check, Value } from "../check.ts";
import { PciConfig } from "../driver/mod.ts";
import type { World } from "../world.ts";
import { dump, dumpAll, hex } from "./dump.ts";
import { configSpace, writeMask } from "./pci_config.ts";
import { machineWords } from "./variants.ts";

const SPEC = "PCI 3.0, 6";

/** Functions of the machine itself. */
const FUNCTIONS: readonly [machine: string, name: string, slot: number, func: number][] = [
  ["q35", "mch", 0, 0],
  ["q35", "lpc", 31, 0],
  ["q35", "ahci", 31, 2],
  ["q35", "smbus", 31, 3],
  ["pc", "i440fx", 0, 0],
  ["pc", "piix3", 1, 0],
  ["pc", "piix3-ide", 1, 1],
  ["pc", "piix4-pm", 1, 3],
];

/** Vendor and device of every place on buses 0 and 1, and what an empty place answers. */
function census(world: World): Value {
  const found: Record<string, string> = {};
  for (let slot = 0; slot < 32; slot++) {
    for (let func = 0; func < 8; func++) {
      const cfg = new PciConfig(world, { slot, func });
      if (cfg.exists) found[`${slot}.${func}`] = hex(cfg.read(0));
    }
  }
  const empty = new PciConfig(world, { slot: 17 });
  const before = configSpace(empty);
  for (let at = 0; at < 256; at += 4) empty.write(at, 0x1234_5678);
  return { found, empty: before, "empty, written": dump((at) => empty.read(at), 0, 256, 4, 4) };
}

/** Every access to the ports of mechanism 1, across their ends, too; the address register's own rules. */
function configPorts(world: World): Value {
  const { platform } = world;
  const all = () => dumpAll((at, width) => platform.portRead(0xcf8 + at, width), 0, 8);
  const written: Record<string, Value> = {};
  const addresses = [
    0,
    0x8000_0000,
    0x8000_0003,
    0x8000_00fc,
    0x8000_0100,
    0x8001_0000,
    0x8100_0000,
    0x7fff_ffff,
    0x8000_8808,
  ];
  for (const address of addresses) {
    platform.portWrite(0xcf8, 4, address);
    written[hex(address)] = all();
  }
  // Narrow and misplaced writes do not reach the register. Port 0xcf9 is another device's: it resets the machine.
  platform.portWrite(0xcf8, 4, 0x8000_0000);
  for (const [at, width] of [[0, 1], [0, 2], [2, 1], [2, 2], [3, 1]] as const) {
    platform.portWrite(0xcf8 + at, width, 0x5a5a_5a5a);
    written[`+${at} width ${width}`] = hex(platform.portRead(0xcf8, 4));
  }
  return written;
}

/** Unaligned writes of every width to a function's BAR register, also across the data port's end. */
function configWrites(world: World): Value {
  const cfg = new PciConfig(world, { slot: 4 });
  const { platform } = world;
  const results: Record<string, Value> = {};
  for (const width of [1, 2, 4] as Width[]) {
    for (let at = 0; at < 4; at++) {
      for (const reg of [0x3c, 0xf0, 0xfc]) {
        cfg.write(reg, 0);
        cfg.read(reg);
        platform.portWrite(0xcfc + at, width, 0xa1b2_c3d4);
        results[`${hex(reg, 1)} +${at} width ${width}`] = [reg - 4, reg, (reg + 4) & 0xff].map((r) =>
          hex(cfg.read(r))
        )
          .join(" ");
        cfg.write(reg, 0);
      }
    }
  }
  return results;
}

/** ECAM of q35 (PCI Express 3.0, 7.2.2): off after reset, then where PCIEXBAR puts it. */
function ecam(world: World): Value {
  const { platform } = world;
  const mch = new PciConfig(world, { slot: 0 });
  const read = (address: number, width: Width) => platform.mmioRead(address as never, width);
  const before = hex(read(0xb000_0000, 4));
  const results: Record<string, Value> = { before };
  for (
    const [low, base] of [
      [0xb000_0001, 0xb000_0000],
      [0xc000_0003, 0xc000_0000],
      [0xc800_0003, 0xc800_0000],
      [
        0xd400_0005,
        0xd400_0000,
      ],
      [0xb000_0007, 0xb000_0000],
    ]
  ) {
    mch.write(0x60, 0);
    mch.write(0x64, 0);
    mch.write(0x60, low);
    const at = (bdf: number, offset: number) => base + (bdf << 12) + offset;
    results[hex(low)] = {
      register: `${hex(mch.read(0x60))} ${hex(mch.read(0x64))}`,
      host: dumpAll((o, w) => read(at(0, o), w), 0, 0x40),
      device: dumpAll((o, w) => read(at(4 << 3, o), w), 0, 0x40),
      beyond: dumpAll((o, w) => read(at(4 << 3, o), w), 0xf8, 0x108),
      last: hex(read(at(4 << 3, 0xffc), 4)),
      empty: hex(read(at(17 << 3, 0), 4)),
      "bus 1": hex(read(at(1 << 8, 0), 4)),
      "bus 63": hex(read(at(63 << 8, 0), 4)),
      "bus 64": hex(read(at(64 << 8, 0), 4)),
    };
  }
  mch.write(0x60, 0xb000_0000);
  return results;
}

const RNG = "-device virtio-rng-pci,rng=r0,addr=4";

const make = (
  name: string,
  title: string,
  machine: string,
  run: (world: World) => Value,
  alone = false,
  spec = SPEC,
): Check => ({ id: `static/${name}`, title, spec, kind: "static", machine, alone, run });

/** The machine's own functions, and what stands between a guest and configuration space. */
export const chipsetChecks: readonly Check[] = [
  ...FUNCTIONS.map(([machine, name, slot, func]) =>
    make(
      `${machine}/${name}/config-space`,
      "configuration space of a chipset function",
      machineWords(machine, ""),
      (world) => configSpace(new PciConfig(world, { slot, func })),
    )
  ),
  ...FUNCTIONS.map(([machine, name, slot, func]) =>
    make(
      `${machine}/${name}/write-mask`,
      "which bits of a chipset function can be written",
      machineWords(machine, ""),
      (world) => writeMask(new PciConfig(world, { slot, func })),
      // Some of these bits lock others, or move memory.
      true,
    )
  ),
  ...["q35", "pc"].flatMap((machine) => [
    make(
      `${machine}/census`,
      "who is on the bus, and what an empty place answers",
      machineWords(machine, RNG),
      census,
    ),
    make(
      `${machine}/config-ports`,
      "configuration mechanism 1, every access",
      machineWords(machine, RNG),
      configPorts,
      false,
      "PCI 3.0, 3.2.2.3.2",
    ),
    make(
      `${machine}/config-writes`,
      "unaligned configuration writes",
      machineWords(machine, RNG),
      configWrites,
      false,
      "PCI 3.0, 3.2.2.3.2",
    ),
  ]),
  make(
    "q35/ecam",
    "memory-mapped configuration space",
    machineWords("q35", RNG),
    ecam,
    true,
    "PCI Express 3.0, 7.2.2",
  ),
];
