import type { Check, Value } from "../check.ts";
import type { World } from "../world.ts";
import { dumpAll, hex } from "./dump.ts";
import { CHARDEV, machineWords } from "./variants.ts";

const COM1 = 0x3f8;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** The UART's registers after reset, and by their bits: which stay, which read back. */
function uartRegisters(world: World): Value {
  const { platform } = world;
  const at = (offset: number) => platform.portRead(COM1 + offset, 1);
  const all = () => Array.from({ length: 8 }, (_, i) => hex(at(i), 1)).join(" ");
  const reset = all();
  const written: Record<string, string> = {};
  for (
    const [name, register, values] of [
      ["IER", 1, [0xff, 0]],
      ["LCR", 3, [0x7f, 0x03]],
      ["MCR", 4, [0xff, 0x08]],
      ["LSR", 5, [0, 0xff]],
      ["MSR", 6, [0, 0xff]],
      ["SCR", 7, [0xa5, 0]],
      ["FCR", 2, [0x01, 0xc1, 0xff, 0x06, 0]],
    ] as const
  ) {
    for (const value of values) {
      platform.portWrite(COM1 + register, 1, value);
      written[`${name} ${hex(value, 1)}`] = all();
    }
  }
  platform.portWrite(COM1 + 3, 1, 0x83);
  platform.portWrite(COM1, 1, 0x34);
  platform.portWrite(COM1 + 1, 1, 0x12);
  const divisor = all();
  platform.portWrite(COM1 + 3, 1, 0x03);
  return {
    reset,
    written,
    divisor,
    after: all(),
    wide: dumpAll((o, w) => platform.portRead(COM1 + o, w), 1, 8),
  };
}

/** Sending: what leaves, what the line status says, and which interrupt it makes. */
function uartSends(world: World): Value {
  const { platform } = world;
  platform.portWrite(COM1 + 3, 1, 3);
  platform.portWrite(COM1 + 2, 1, 0);
  platform.portWrite(COM1 + 1, 1, 0);
  world.takeLines();
  world.takeOutput();
  for (const byte of new TextEncoder().encode("hi!")) {
    platform.portWrite(COM1, 1, byte);
    world.settle();
  }
  const sent = text(world.takeOutput());
  const lsr = hex(platform.portRead(COM1 + 5, 1), 1);
  platform.portWrite(COM1 + 1, 1, 2);
  world.settle();
  const lines = world.takeLines();
  const iir = [1, 2].map(() => hex(platform.portRead(COM1 + 2, 1), 1));
  platform.portWrite(COM1 + 1, 1, 0);
  world.settle();
  return { sent, lsr, iir, lines, "lines after": world.takeLines() };
}

/** Loop back: what is sent is received, and the modem status shows the modem control register. */
function uartLoops(world: World): Value {
  const { platform } = world;
  const read = (offset: number) => hex(platform.portRead(COM1 + offset, 1), 1);
  platform.portWrite(COM1 + 3, 1, 3);
  const results: Record<string, Value> = {};
  for (const fifo of [0, 1, 0x41, 0x81, 0xc1]) {
    platform.portWrite(COM1 + 2, 1, fifo | 6);
    platform.portWrite(COM1 + 4, 1, 0x1f);
    for (let i = 0; i < 3; i++) {
      platform.portWrite(COM1, 1, 0x41 + i);
      world.settle();
    }
    results[`FCR ${hex(fifo, 1)}`] = [5, 0, 5, 0, 5, 0, 5, 6].map(read).join(" ");
  }
  for (let mcr = 0x10; mcr < 0x20; mcr++) {
    platform.portWrite(COM1 + 4, 1, mcr);
    results[`MCR ${hex(mcr, 1)}`] = read(6);
  }
  platform.portWrite(COM1 + 4, 1, 8);
  platform.portWrite(COM1 + 2, 1, 0);
  return results;
}

/** Receiving: the FIFO and its trigger, the interrupt, the line; an overrun. */
async function uartReceives(world: World): Promise<Value> {
  const { platform } = world;
  const read = (offset: number) => hex(platform.portRead(COM1 + offset, 1), 1);
  const bytes = (text: string) => new TextEncoder().encode(text);
  const results: Record<string, Value> = {};
  platform.portWrite(COM1 + 3, 1, 3);
  for (
    const [name, fifo, ier, text] of [
      ["no FIFO, no interrupt", 0, 0, "a"],
      ["no FIFO", 0, 1, "b"],
      ["FIFO", 1, 1, "cde"],
      ["FIFO, no interrupt", 1, 0, "fg"],
      ["FIFO, all interrupts", 1, 0xf, "hi"],
    ] as const
  ) {
    platform.portWrite(COM1 + 2, 1, fifo | 6);
    platform.portWrite(COM1 + 1, 1, ier);
    world.settle();
    world.takeLines();
    await world.input(bytes(text));
    const waiting = [5, 2].map(read);
    const lines = world.takeLines();
    // Without FIFO the host's next byte comes when the last was read.
    const taken: string[] = [];
    for (let i = 0; i < text.length; i++) {
      taken.push(read(0));
      world.settle();
    }
    results[name] = { waiting, lines, taken, after: [5, 2, 0].map(read) };
    platform.portWrite(COM1 + 1, 1, 0);
    world.settle();
    world.takeLines();
  }
  platform.portWrite(COM1 + 2, 1, 0);
  return results;
}

/** The reset control register's bits that ask for nothing. */
function resetControl(world: World): Value {
  const { platform } = world;
  const answers: Record<string, string> = {};
  for (const value of [0, 0xfb, 2, 8, 1, 0x80, 0]) {
    platform.portWrite(0xcf9, 1, value);
    answers[hex(value, 1)] = [1, 2, 4].map((w) => hex(platform.portRead(0xcf9, w as 1 | 2 | 4), w)).join(" ");
  }
  platform.portWrite(0xcf9, 2, 0x0208);
  answers["word 0208"] = hex(platform.portRead(0xcf9, 1), 1);
  platform.portWrite(0xcf9, 1, 0);
  return answers;
}

/** isa-debug-exit answers reads; a write would end the machine. */
const debugExit = (world: World): Value =>
  dumpAll((offset, width) => world.platform.portRead(0xf4 + offset, width), 0, 4);

/** Ports where nothing is. */
const nobody = (world: World): Value =>
  [0x2000, 0x1000, 0xc000, 0xe000, 0xfffc].map((port) =>
    [1, 2, 4].map((width) => hex(world.platform.portRead(port, width as 1 | 2 | 4), width)).join(" ")
  );
/** Memory where nothing is: below 4 GiB, above RAM, and far above. */
const nowhere = (world: World): Value =>
  [0x0500_0000, 0x8000_0000, 0xe000_0000, 0xfd00_0000, 0x1_0000_0000, 0x80_0000_0000].map((address) =>
    hex(world.platform.mmioRead(address as never, 4))
  );

/** What is where no device is, by machine. */
const MACHINES = ["q35", "pc", "microvm"] as const;

/** Devices of the machine that are neither PCI nor virtio. */
export const portChecks: readonly Check[] = [
  ...MACHINES.flatMap((machine): Check[] => {
    const words = machineWords(
      machine,
      `${CHARDEV} -serial chardev:c0 -device isa-debug-exit,iobase=0xf4,iosize=4`,
    );
    const check = (what: string, title: string, run: Check["run"], spec = "16550A"): Check => ({
      id: `static/${machine}/${what}`,
      title,
      spec,
      kind: "static",
      machine: words,
      run,
    });
    return [
      check("uart", "COM1: registers after reset and after writes", uartRegisters),
      check("uart-sends", "COM1: output and the transmitter's interrupt", uartSends),
      check("uart-receives", "COM1: input, FIFO and interrupts", uartReceives),
      check("uart-loops", "COM1: loop back", uartLoops),
      check("reset-control", "reset control register", resetControl, "ICH9, 13.7.5"),
      check("debug-exit", "isa-debug-exit: what reads answer", debugExit, "QEMU isa-debug-exit"),
      check("nobody", "ports where nothing is", nobody, "PCI 3.0, 3.8"),
      check("nowhere", "memory where nothing is", nowhere, "PCI 3.0, 3.8"),
    ];
  }),
];
