import { PciCfg } from "../../../spec/pci.ts";
import type { Check, Value } from "../check.ts";
import { findVirtio, type Front, MmioFront, PciConfig, PciFront, Ring, W } from "../driver/mod.ts";
import type { World } from "../world.ts";
import { machineWords } from "./variants.ts";

const VERSION_1 = 1n << 32n;

/** Makes an entropy device interrupt, and takes the interrupt back: what the lines did meanwhile. */
function interrupt(d: Front): Value {
  d.rewind();
  d.negotiate(VERSION_1);
  const ring = new Ring(d, false, 0, 8);
  d.setQueue(ring);
  d.status = 15;
  d.run();
  ring.chain([{ flags: W }]);
  d.kick(0);
  d.run();
  const raised = d.world.takeLines();
  const isr = d.takeIsr();
  d.run();
  const lowered = d.world.takeLines();
  d.status = 0;
  return { raised, isr, lowered };
}

/** The line of every virtio function on the bus. */
function pciLines(world: World): Value {
  const lines: Record<string, Value> = {};
  for (const place of findVirtio(world)) {
    const d = new PciFront(world, place);
    lines[`${place.slot}.${place.func}`] = interrupt(d);
    d.cfg.write(PciCfg.COMMAND, 0, 2);
  }
  return lines;
}

/** The PIIX3's and ICH9's routing registers lead PCI lines to ISA interrupts (82371SB, 2.2.5; ICH9, 13.1.17). */
function isaRoutes(world: World): Value {
  const q35 = world.platform.machine === "q35";
  const bridge = new PciConfig(world, { slot: q35 ? 31 : 1, func: 0 });
  const lines: Record<string, Value> = {};
  const registers = q35 ? [0x60, 0x61, 0x62, 0x63, 0x68, 0x69, 0x6a, 0x6b] : [0x60, 0x61, 0x62, 0x63];
  const fronts = findVirtio(world).map((place) => new PciFront(world, place));
  for (const routes of [[0x80], [10], [0x0b, 0x0a], [0x05, 0x86, 7, 9], [15], [0x4b]]) {
    registers.forEach((at, i) => bridge.write(at, routes[i % routes.length], 1));
    for (const d of fronts) {
      lines[`${routes.map((r) => r.toString(16)).join(" ")}: slot ${d.place.slot}`] = interrupt(d);
      d.cfg.write(PciCfg.COMMAND, 0, 2);
    }
  }
  for (const at of registers) bridge.write(at, 0x80, 1);
  return lines;
}

function mmioLines(world: World): Value {
  const lines: Record<string, Value> = {};
  for (let slot = 0; slot < 24; slot++) {
    const d = new MmioFront(world, slot);
    if (d.read(8) !== 0) lines[slot] = interrupt(d);
  }
  return lines;
}

/** An entropy device in each of these places; a slot with functions has them in all eight. */
const rngs = (places: readonly string[]) =>
  places.map((addr) => `-device virtio-rng-pci,rng=r0,addr=${addr},multifunction=on`).join(" ");
const slots = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => (from + i).toString(16)).filter((s) => s !== "6");
const FUNCTIONS = Array.from({ length: 8 }, (_, f) => `6.${f}`);

const mmioRngs = (count: number) =>
  "-global virtio-mmio.force-legacy=false " +
  Array.from({ length: count }, (_, i) => `-device virtio-rng-device,rng=r0,bus=virtio-mmio-bus.${i}`).join(
    " ",
  );

const check = (
  id: string,
  title: string,
  machine: string,
  run: (world: World) => Value,
  spec: string,
): Check => ({
  id: `static/${id}`,
  title,
  spec,
  kind: "static",
  machine,
  run,
});

const LINES = "PCI 3.0, 2.2.6";
/** Which interrupt line each place has. */
export const lineChecks: readonly Check[] = [
  check(
    "q35/lines",
    "interrupt line of every slot and function",
    machineWords("q35", rngs([...slots(1, 30), ...FUNCTIONS])),
    pciLines,
    LINES,
  ),
  check(
    "pc/lines",
    "interrupt line of every slot and function, not routed",
    machineWords("pc", rngs([...slots(2, 31), ...FUNCTIONS])),
    pciLines,
    LINES,
  ),
  ...["q35", "pc"].map((machine) =>
    check(
      `${machine}/isa-routes`,
      "PCI lines routed to ISA interrupts",
      machineWords(machine, rngs(["4", "5", "6", "7", "1e"])),
      isaRoutes,
      LINES,
    )
  ),
  check(
    "microvm/lines",
    "line of every transport",
    machineWords("microvm", mmioRngs(24)),
    mmioLines,
    "virtio 1.4, 4.2.3.4",
  ),
  ...["acpi=off", "ioapic2=off"].map((option) =>
    check(
      `microvm,${option}/lines`,
      "line of every transport",
      machineWords(`microvm,${option}`, mmioRngs(8)),
      mmioLines,
      "virtio 1.4, 4.2.3.4",
    )
  ),
];
