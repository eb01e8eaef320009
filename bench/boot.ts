/**
 * Boot to shell: from an empty machine to the prompt on the virtio console, runtime start-up not counted.
 * `deno task bench:boot`; prints milliseconds of the first boot of the process (cold code) and the median of the next 50.
 */
import { parseDescription } from "../devices/description.ts";
import { BufferChardev } from "../devices/host/buffer_chardev.ts";
import { createMachine } from "../devices/machine/mod.ts";
import { NO_TRACE } from "../spec/trace.ts";
import { boot } from "../kernel/mod.ts";
import { TRANSPORT } from "#transport";

const ARGV = TRANSPORT === "pci"
  ? ["-machine", "q35", "-m", "64M", "-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]
  : [
    "-machine",
    "microvm,acpi=off",
    "-m",
    "64M",
    "-global",
    "virtio-mmio.force-legacy=off",
    "-device",
    "virtio-rng-device",
  ]
    .concat(["-device", "virtio-serial-device"]);

async function once(): Promise<number> {
  const start = performance.now();
  const description = parseDescription([
    ...ARGV,
    "-device",
    "virtconsole,chardev=c0",
    "-chardev",
    "ringbuf,id=c0",
  ]);
  const c0 = new BufferChardev("c0");
  const machine = createMachine(description, { chardevs: new Map([["c0", c0]]), seed: 1, trace: NO_TRACE });
  const kernel = boot(machine);
  c0.send("\x04");
  const code = await kernel.run();
  const elapsed = performance.now() - start;
  if (code !== 0 || !c0.text().includes("> ")) throw new Error(`did not reach the prompt (exit ${code})`);
  return elapsed;
}

const cold = await once();
const warm: number[] = [];
for (let i = 0; i < 50; i++) warm.push(await once());
warm.sort((a, b) => a - b);
console.log(
  `boot to shell, ${TRANSPORT}: first ${cold.toFixed(1)} ms, median of 50 ${warm[25].toFixed(2)} ms`,
);
