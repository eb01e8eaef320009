/**
 * Frames a second through driver and device model in one process: the guest sends into a back end that throws frames away,
 * and receives from one that always has more. Interrupts are taken between batches, as a kernel's main loop does.
 *
 *     deno run -A bench/net.ts                             all rows, one process each
 *     deno run -A bench/net.ts send split merged 64        one row: median of 7 runs of half a second
 *
 * `merged`: MRG_RXBUF with buffers of a page; `plain`: buffers of 1526 bytes; `tiny`: MRG_RXBUF with 200 bytes.
 */
import { findDevices, mapDevice, TRANSPORT } from "#transport";
import { parseDescription } from "../devices/description/mod.ts";
import { createMachine } from "../devices/machine/mod.ts";
import type { NetBackend, NetFrontend } from "../devices/net/backend.ts";
import { VirtioNetDriver } from "../drivers/net/virtio.ts";
import { NO_TRACE } from "../spec/trace.ts";
import { VirtioId } from "../spec/virtio/ids.ts";
import { guestOn } from "./platform_guest.ts";

const RUNS = 7;
const RUN_MS = 500;
/** Frames that the guest handles before it looks at interrupts. */
const BATCH = 64;

/** The other end of the cable: counts what comes, and gives one frame as often as it is taken. */
class Counter implements NetBackend {
  readonly id = "n0";
  sent = 0;
  source: Uint8Array | undefined;
  private card: NetFrontend | undefined;

  attach(frontend: NetFrontend): void {
    this.card = frontend;
  }
  send(_frame: Uint8Array): void {
    this.sent++;
  }
  acceptInput(): void {
    const { source, card } = this;
    if (source !== undefined) { while (card!.receive(source)); }
  }
}

function guest(ring: string, buffers: string) {
  const props = `packed=${ring === "packed" ? "on" : "off"},mrg_rxbuf=${buffers === "plain" ? "off" : "on"}`;
  const [machine, suffix] = TRANSPORT === "pci"
    ? ["q35", "pci"]
    : ["microvm,acpi=off -global virtio-mmio.force-legacy=off", "device"];
  const words = `-machine ${machine} -m 64M -nodefaults -netdev hubport,id=n0,hubid=0 ` +
    `-device virtio-net-${suffix},netdev=n0,${props}`;
  const cable = new Counter();
  const machineOf = createMachine(parseDescription(words.split(" ")), {
    chardevs: new Map(),
    netdevs: new Map([["n0", cable]]),
    seed: 1,
    trace: NO_TRACE,
  });
  const { ctx, interrupts } = guestOn(machineOf);
  const env = (name: string) => buffers === "tiny" && name === "HERMIT_MRG_RXBUF_SIZE" ? "200" : undefined;
  const withEnv = { ...ctx, env };
  const location = findDevices(withEnv).find((d) => d.deviceId === VirtioId.Net)!;
  const driver = VirtioNetDriver.initDev(mapDevice(location, withEnv), withEnv);
  return { driver, cable, platform: machineOf, interrupts };
}

/** Frames a second, median. */
function measure(way: string, ring: string, buffers: string, size: number): number {
  const { driver, cable, platform, interrupts } = guest(ring, buffers);
  const frame = new Uint8Array(size).fill(0x5a);
  frame.set(driver.mac);
  if (way === "receive") cable.source = frame;
  const turn = () => {
    platform.relax();
    interrupts.poll();
  };
  const send = () => {
    for (let i = 0; i < BATCH && driver.transmit(frame); i++);
    turn();
    return cable.sent;
  };
  let received = 0;
  const receive = () => {
    for (let i = 0; i < BATCH && driver.receive() !== undefined; i++) received++;
    turn();
    return received;
  };
  const step = way === "send" ? send : receive;
  if (way === "receive") cable.acceptInput();
  const rates: number[] = [];
  for (let run = -1; run < RUNS; run++) {
    const before = step();
    const start = performance.now();
    let after = before;
    while (performance.now() - start < RUN_MS) for (let i = 0; i < 100; i++) after = step();
    const rate = (after - before) * 1000 / (performance.now() - start);
    if (run >= 0) rates.push(rate);
  }
  if (driver.broken !== undefined || driver.dropped > 0) throw new Error("the card broke, or lost frames");
  return rates.sort((a, b) => a - b)[RUNS >> 1];
}

async function all(): Promise<void> {
  for (const size of ["64", "1514"]) {
    for (const ring of ["split", "packed"]) {
      for (
        const [way, buffers] of [["send", "merged"], ["receive", "merged"], ["receive", "plain"], [
          "receive",
          "tiny",
        ]]
      ) {
        const args = ["run", "-A", "--no-check", new URL(import.meta.url).pathname, way, ring, buffers, size];
        const { stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
        await Deno.stdout.write(stdout);
      }
    }
  }
}

if (import.meta.main) {
  const [way, ring = "split", buffers = "merged", size = "64"] = Deno.args;
  if (way === undefined) await all();
  else {
    const rate = measure(way, ring, buffers, Number(size));
    const name = `${way} ${ring} ${buffers} ${size} B`.padEnd(32);
    const mb = rate * Number(size) / 1e6;
    console.log(
      `${name} ${(rate / 1e6).toFixed(2).padStart(6)} M frames/s ${mb.toFixed(0).padStart(6)} MB/s`,
    );
  }
}
