/**
 * The same kernel code on the simulated platform and on the real QEMU: register accesses, round trips, boot. Medians.
 *
 *     deno task bench:platforms                                  the table, this build's transport, both rings
 *     deno run -A bench/platforms.ts pinned packed               one column of one ring, in ns, as JSON
 *
 * One process a column and ring: code that has seen one platform only is as fast as a user's. Unpinned, it is the host's
 * scheduler that decides: 10 or 80 µs a round trip, and which may change from run to run. Without QEMU there is only
 * the simulated column.
 */
import { findDevices, mapDevice, TRANSPORT } from "#transport";
import { QemuError } from "../devices/qemu/mod.ts";
import { VirtioConsoleDriver } from "../drivers/console.ts";
import type { RegisterComCfg } from "../drivers/virtio/transport/com_cfg.ts";
import { BufferType } from "../drivers/virtio/virtqueue/mod.ts";
import { VirtioId } from "../spec/virtio/ids.ts";
import { MmioReg } from "../spec/virtio/mmio.ts";
import { CommonCfg } from "../spec/virtio/pci.ts";
import { bootToShell, type Guest, guestOn, type Kind, openRng, type Ring, start } from "./platform_guest.ts";

const KINDS: readonly Kind[] = ["simulated", "pinned", "unpinned", "noffi"];
const RINGS: readonly Ring[] = ["split", "packed"];
const BYTES = 64;
/** Samples of a row, and how long one lasts at least, in ms. */
const SAMPLES = 41, SAMPLE_MS = 2;
/** Samples of what takes milliseconds by itself. */
const SLOW_SAMPLES = 15;
const NO_QEMU = 3;

type Step = () => void | Promise<void>;

/** Nanoseconds of a step: the median of samples of many. */
async function median(step: Step, samples = SAMPLES, atLeast = SAMPLE_MS): Promise<number> {
  const run = async (times: number) => {
    const from = performance.now();
    for (let i = 0; i < times; i++) {
      const wait = step();
      if (wait !== undefined) await wait;
    }
    return performance.now() - from;
  };
  let times = 1;
  // Also warms up: what is measured is compiled by then.
  for (let ms = await run(times); ms < atLeast * 4; ms = await run(times)) times *= 2;
  times = Math.max(1, times >> 2);
  const all: number[] = [];
  for (let i = 0; i < samples; i++) all.push(await run(times) * 1e6 / times);
  return all.sort((a, b) => a - b)[samples >> 1];
}

/** What is measured on a platform that runs, by name. */
function steps(guest: Guest): Record<string, Step> {
  const { platform, interrupts, ctx } = guest;
  const { caps, vq, token, seen } = openRng(guest, BYTES);
  const { regs } = caps.comCfg as RegisterComCfg;
  const select = TRANSPORT === "pci" ? CommonCfg.DEVICE_FEATURE_SELECT : MmioReg.DEVICE_FEATURES_SEL;
  const notify = caps.notifCfg.notifCtrl(caps.comCfg.selectVq(0)!);
  const serial = mapDevice(findDevices(ctx).find((d) => d.deviceId === VirtioId.Console)!, ctx);
  const console = VirtioConsoleDriver.initDev(serial, ctx);
  const text = new Uint8Array(BYTES).fill(0x2e);
  const take = () => {
    if (vq.tryRecv()?.writtenLen !== BYTES) throw new Error(`the device did not write ${BYTES} bytes`);
  };
  return {
    "read of the device status": () => void caps.comCfg.deviceStatus(),
    "write of the feature select": () => regs.write(select, 4, 0),
    "notification, nothing available": () => notify.notifyDev(0, 0),
    "rng, 64 bytes, polled": () => {
      vq.disableNotifs();
      vq.dispatch(token, false, BufferType.Direct);
      while (!vq.hasUsedBuffers()) platform.relax();
      take();
    },
    "rng, 64 bytes, with interrupt": async () => {
      const before = seen.used;
      vq.enableNotifs();
      vq.dispatch(token, false, BufferType.Direct);
      // An interrupt may still be the last request's: a real device decides on it after its answer can be seen.
      while (seen.used === before || !vq.hasUsedBuffers()) {
        if (interrupts.poll() > 0) continue;
        const wait = platform.idle(platform.now() + 1e9);
        if (wait !== undefined) await wait;
      }
      take();
    },
    "console, 64 bytes out": () => {
      if (console.write(text) !== BYTES || !console.flush()) throw new Error("the console did not take all");
    },
  };
}

/** Nanoseconds from the description to the first answer; the end is not counted. */
async function starts(kind: Kind, ring: Ring): Promise<number> {
  const all: number[] = [];
  for (let i = 0; i < SLOW_SAMPLES; i++) {
    const from = performance.now();
    const platform = await start(kind, ring);
    all.push((performance.now() - from) * 1e6);
    await platform.close?.();
  }
  return all.sort((a, b) => a - b)[SLOW_SAMPLES >> 1];
}

/** One column of one ring: ns by row. */
async function column(kind: Kind, ring: Ring): Promise<Record<string, number>> {
  const row: Record<string, number> = {};
  const platform = await start(kind, ring);
  try {
    for (const [name, step] of Object.entries(steps(guestOn(platform)))) row[name] = await median(step);
  } finally {
    await platform.close?.();
  }
  row["start of the platform"] = await starts(kind, ring);
  row["boot to shell, with start"] = await median(() => bootToShell(kind, ring), SLOW_SAMPLES);
  return row;
}

/** Each column in a process of its own; undefined where there is no QEMU. */
async function child(kind: Kind, ring: Ring): Promise<Record<string, number> | undefined> {
  const args = ["run", "-A", "--no-check", new URL(import.meta.url).pathname, kind, ring];
  const { code, stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  if (code === NO_QEMU) return undefined;
  if (code !== 0) throw new Error(`${kind} ${ring} ended with ${code}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

const time = (ns: number | undefined) =>
  ns === undefined
    ? "-"
    : ns < 1e3
    ? `${ns.toFixed(0)} ns`
    : ns < 1e6
    ? `${(ns / 1e3).toFixed(1)} µs`
    : `${(ns / 1e6).toFixed(1)} ms`;

async function table(): Promise<void> {
  console.log(`${TRANSPORT}, medians; ratio: pinned to simulated; no FFI is unpinned, RAM a file`);
  for (const ring of RINGS) {
    const columns: Partial<Record<Kind, Record<string, number>>> = {};
    for (const kind of KINDS) {
      columns[kind] = await child(kind, ring);
      if (columns[kind] === undefined) break;
    }
    const line = (name: string, cells: string[]) =>
      console.log(name.padEnd(32) + cells.map((c) => c.padStart(13)).join(""));
    line(`${ring} ring`, ["simulated", "QEMU pinned", "ratio", "unpinned", "no FFI"]);
    for (const [name, ns] of Object.entries(columns.simulated!)) {
      const [pinned, unpinned, noffi] = [columns.pinned, columns.unpinned, columns.noffi].map((c) =>
        c?.[name]
      );
      const ratio = pinned === undefined ? "-" : `${(pinned / ns).toFixed(0)} x`;
      line(name, [time(ns), time(pinned), ratio, time(unpinned), time(noffi)]);
    }
    if (columns.pinned === undefined) {
      console.log("no QEMU here (Debian: apt-get install qemu-system-x86): simulated only");
    }
  }
}

if (import.meta.main) {
  const [kind, ring] = Deno.args as [Kind?, Ring?];
  if (kind === undefined) {
    await table();
  } else {
    try {
      console.log(JSON.stringify(await column(kind, ring ?? "split")));
    } catch (error) {
      if (!(error instanceof QemuError) || error.kind !== "NotStarted") throw error;
      Deno.exit(NO_QEMU);
    }
  }
}
