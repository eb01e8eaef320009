import { PciBus } from "../pci/mod.ts";
import type { Board, BoardContext } from "./board.ts";
import { ChipsetFunction, touches } from "./chipset.ts";
import { CONFIG_PORTS, ConfigPorts } from "./pci_host.ts";
import { PirqRouter } from "./pirq.ts";
import { RESET_CONTROL_PORT, ResetControl } from "./reset_control.ts";
import { onOff } from "./props.ts";

/** PIRQRC[A-D]: bit 7 off, low bits an ISA interrupt (82371SB datasheet, 2.2.5). */
const PIRQ_ROUTE = 0x60;

/** Which PIRQ line INTA to INTD of a slot goes to on the PIIX3. */
export function pcPirq(slot: number, intx: number): number {
  return (slot + intx + 3) & 3;
}

/**
 * `-machine pc`, QEMU's machine when none is named: i440FX host bridge at 0:0.0, PIIX3 at 0:1 (ISA, IDE, power
 * management). INTx is seen only after the guest has routed PIRQ lines to ISA interrupts.
 */
export function pc(ctx: BoardContext): Board {
  const bus = new PciBus(ctx.pciMemory, ctx.pciPorts, ctx.trace);
  const pirqs = new PirqRouter(4, pcPirq, (pirq) => route(piix3.config[PIRQ_ROUTE + pirq]));
  const route = (register: number) => {
    if (register >= 16) return;
    let level = false;
    for (let i = 0; i < 4; i++) if (piix3.config[PIRQ_ROUTE + i] === register && pirqs.level(i)) level = true;
    ctx.ioapic.setPin(register, level);
  };
  // Old routes as well as new ones have to be looked at when a register changes.
  let routes = new Uint8Array(4).fill(0x80);
  const piix3 = new ChipsetFunction("PIIX3", piix3Ids, {
    registers: [
      [0x04, 0x0200_0000],
      [0x4c, 0x0003_004d],
      [0x60, 0x8080_8080],
      [0x68, 0x200],
      [0x70, 0x80],
      [0x74, 0x0c0c_0000],
      [0x78, 2],
      [0xa0, 8],
      [0xa8, 0xf],
    ],
    onWrite: (fn, offset, width) => {
      if (!touches(offset, width, PIRQ_ROUTE, 4)) return;
      const old = routes;
      routes = fn.config.slice(PIRQ_ROUTE, PIRQ_ROUTE + 4);
      for (let i = 0; i < 4; i++) {
        if (old[i] === routes[i]) continue;
        route(old[i]);
        route(routes[i]);
      }
    },
  });
  // What firmware learns of RAM's size: pieces of 8 MiB in one byte, at 0x57.
  const ramSize = Math.min(255, Math.floor(ctx.desc.memory / (8 << 20)));
  const i440fx = new ChipsetFunction("i440FX", {
    vendor: 0x8086,
    device: 0x1237,
    revision: 2,
    classCode: 0x06_0000,
  }, {
    registers: [[0x54, ramSize * 2 ** 24], [0x70, 0x0002_0000]],
  });
  bus.add(i440fx, 0);
  bus.add(piix3, 1, 0);
  bus.add(
    new ChipsetFunction("piix3-ide", ideIds, {
      registers: [[0x04, 0x0280_0000], [0x20, 1]],
      writable: ideMask,
    }),
    1,
    1,
  );
  if (onOff("acpi", ctx.desc.machineProps.acpi ?? "on", true) !== false) {
    bus.add(new ChipsetFunction("PIIX4_PM", pmIds, { registers: pmRegisters }), 1, 3);
  }
  ctx.ports.map(CONFIG_PORTS.base, CONFIG_PORTS.size, new ConfigPorts(bus, ctx.trace));
  ctx.ports.map(RESET_CONTROL_PORT, 1, new ResetControl(0x02, false));
  return {
    pci: {
      bus,
      name: "pci.0",
      intx: (slot) => pirqs.line(slot),
      firstSlot: 2,
      defaultDevices: ["VGA", "e1000"],
    },
    commandLine: () => ctx.desc.append,
    mmioSlots: [],
  };
}

const piix3Ids = { vendor: 0x8086, device: 0x7000, revision: 0, classCode: 0x06_0100, headerType: 0x80 };
const ideIds = { vendor: 0x8086, device: 0x7010, revision: 0, classCode: 0x01_0180 };
const ideMask = [[0x20, 0xffff_fff0]] as const;
const pmIds = { vendor: 0x8086, device: 0x7113, revision: 3, classCode: 0x06_8000, interruptPin: 1 };
const pmRegisters = [
  [0x04, 0x0280_0000],
  [0x40, 1],
  [0x5c, 0x1000_0000],
  [0x60, 0x6000_0000],
  [0x90, 0xb101],
  [0xd0, 0x0009_0000],
] as const;
