/**
 * What strict rules cost, on and off: `deno task bench:strict`.
 *
 * Off: the cycle of bench/virtqueue.ts in a process that has never heard of rules, and in one into which they were loaded and
 * where a strict machine stands ready; rounds of both by turns, medians, and their ratio. On: boots to the shell and commands
 * there, with and without.
 */
import { RamDeviceMemory } from "../arch/device_memory.ts";
import { parseDescription } from "../devices/description.ts";
import { BufferChardev } from "../devices/host/buffer_chardev.ts";
import { createMachine, type Machine } from "../devices/machine/mod.ts";
import { boot } from "../kernel/mod.ts";
import { NO_TRACE } from "../spec/trace.ts";
import { LiveMemory, RULES, Strict, watchBoot } from "../verify/strict/mod.ts";
import { measure } from "./virtqueue.ts";

const ROUNDS = 7;
const SESSION = ["rng 256", "help", "rng 256"];

/** One process; its cycle in nanoseconds. */
async function cycle(script: string, ring: string): Promise<number> {
  const args = ["run", "-A", "--no-check", new URL(script, import.meta.url).pathname, ring];
  const { stdout, success } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  const ns = new TextDecoder().decode(stdout).match(/([\d.]+) ns/)?.[1];
  if (!success || ns === undefined) throw new Error(`${script} ${ring} gave no figure`);
  return Number(ns);
}

async function off(): Promise<void> {
  for (const ring of ["split", "packed"]) {
    const without: number[] = [], loaded: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      without.push(await cycle("virtqueue.ts", ring));
      loaded.push(await cycle("strict.ts", ring));
    }
    const ratio = median(loaded.map((ns, i) => ns / without[i]));
    console.log(
      `off, ${ring.padEnd(6)} cycle: ${median(without).toFixed(1)} ns without rules, ` +
        `${median(loaded).toFixed(1)} ns with them loaded and off: ratio ${ratio.toFixed(3)}`,
    );
  }
}

/** A boot to the shell, a session, the end; milliseconds. */
async function session(packed: boolean, strict: boolean): Promise<number> {
  const start = performance.now();
  const ring = packed ? ",packed=on" : "";
  const words = `-machine q35 -m 64M -device virtio-rng-pci${ring} -device virtio-serial-pci${ring} ` +
    "-device virtconsole,chardev=c0 -chardev ringbuf,id=c0";
  const c0 = new BufferChardev("c0");
  const made: { machine?: Machine } = {};
  const rules = strict
    ? new Strict({
      rules: RULES,
      platform: "simulated",
      memory: new LiveMemory(() => made.machine?.ram ?? []),
    })
    : undefined;
  const machine = made.machine = createMachine(parseDescription(words.split(" ")), {
    chardevs: new Map([["c0", c0]]),
    seed: 1,
    trace: rules ?? NO_TRACE,
  });
  if (rules !== undefined) rules.clock = machine.now.bind(machine);
  const watched = rules && watchBoot(rules, (base, bytes) => new RamDeviceMemory(base, bytes));
  const kernel = boot(machine, { ...watched });
  c0.send(SESSION.map((line) => line + "\n").join("") + "\x04");
  if (await kernel.run() !== 0) throw new Error("the session failed");
  if (rules !== undefined && rules.reports.length > 0) throw new Error(rules.reports[0].found);
  return performance.now() - start;
}

async function on(): Promise<void> {
  for (const packed of [false, true]) {
    const times: [number[], number[]] = [[], []];
    for (let i = 0; i < 30; i++) {
      for (const strict of [0, 1]) times[strict].push(await session(packed, strict === 1));
    }
    const [without, strict] = times.map((t) => median(t.slice(5)));
    console.log(
      `on, ${packed ? "packed" : "split "} session: ${without.toFixed(2)} ms without, ${
        strict.toFixed(2)
      } ms strict: ` +
        `${(strict / without).toFixed(1)} times`,
    );
  }
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

const [ring] = Deno.args;
if (ring === undefined) {
  await off();
  await on();
} else {
  const ready = new Strict({ rules: RULES, platform: "simulated", memory: new LiveMemory(() => []) });
  const { ns } = measure(ring, "direct", 256, false);
  if (ready.reports.length > 0) throw new Error("nothing was watched");
  console.log(`${ring} ${ns.toFixed(1)} ns`);
}
