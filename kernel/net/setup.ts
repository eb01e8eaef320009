/** The network of a kernel: its cards, where its chance comes from, and the addresses that its command line gives. */
import type { Platform } from "../../arch/platform.ts";
import type { Drivers } from "../../drivers/mod.ts";
import { inNetwork, isLoopback, parseAddress, prefixOf, UNSPECIFIED } from "../../inet/addresses.ts";
import { type Env, EnvError } from "../env.ts";
import type { Executor } from "../executor.ts";
import type { KernelLog } from "../log.ts";
import { KernelRandom } from "../random.ts";
import { Net } from "./net.ts";
import { NetStack } from "./stack.ts";

/** What Hermit has where its variables say nothing. */
const DEFAULT_MASK = 0xffffff00, DEFAULT_GATEWAY = 0x0a000501;
/** Bytes of the seed, and how often the entropy device is asked for them. */
const SEED_BYTES = 32, SEED_TRIES = 1000;

/**
 * Builds the stack. The first card gets the address of `HERMIT_IP` (`-ip`) with `HERMIT_MASK` and `HERMIT_GATEWAY`, the
 * others, and without it all, ask by DHCP.
 *
 * @throws {EnvError} for an address or mask that is none.
 */
export function setUpNet(
  platform: Platform,
  env: Env,
  drivers: Drivers,
  executor: Executor,
  log: KernelLog,
): Net {
  const cards = drivers.net;
  const random = new KernelRandom(seed(platform, drivers));
  const stack = new NetStack({ cards, random32: random.u32, log: log.target("net") });
  const servers = [env.var("HERMIT_DNS1"), env.var("HERMIT_DNS2")].filter((s) => s !== undefined);
  stack.nameServers = servers.map((text) => address("HERMIT_DNS", text));
  const net = new Net(stack, executor, () => platform.relax());
  const given = staticAddress(env);
  for (const [i, card] of stack.cards.entries()) {
    // Hermit's way to ask for a machine that talks to itself only: HERMIT_IP=127.0.0.1.
    if (i === 0 && given !== undefined && isLoopback(given.address)) continue;
    if (i === 0 && given !== undefined) stack.configure(card, given, platform.now());
    else stack.dhcp.start(card, platform.now());
  }
  if (cards.length > 0) net.start();
  return net;
}

/**
 * The seed of the kernel's random numbers: bytes of the entropy device. Without one, what tells this machine apart (its
 * hardware addresses, command line and clock): enough for tests, and nothing that an attacker could not know.
 */
function seed(platform: Platform, drivers: Drivers): Uint8Array {
  const bytes = new Uint8Array(SEED_BYTES);
  const rng = drivers.net.length > 0 ? drivers.rng[0] : undefined;
  let have = 0;
  for (let i = 0; rng !== undefined && rng.broken === undefined && have < SEED_BYTES && i < SEED_TRIES; i++) {
    try {
      have += rng.read(bytes.subarray(have));
    } catch {
      // A broken device is reported by its driver; the machine does without.
    }
    if (have < SEED_BYTES) platform.relax();
  }
  if (have === SEED_BYTES) return bytes;
  const macs = drivers.net.map((card) => Array.from(card.mac).join(":"));
  return new TextEncoder().encode([...macs, platform.commandLine, platform.now()].join(" "));
}

function staticAddress(env: Env) {
  const ip = env.var("HERMIT_IP");
  if (ip === undefined) return undefined;
  const mask = env.var("HERMIT_MASK"), gateway = env.var("HERMIT_GATEWAY");
  const prefix = prefixOf(mask === undefined ? DEFAULT_MASK : address("HERMIT_MASK", mask));
  if (prefix === undefined) throw new EnvError(`HERMIT_MASK ${mask}: not a network mask`);
  const own = { address: address("HERMIT_IP", ip), prefix };
  // Hermit's own gateway makes sense only in its own network.
  const otherwise = inNetwork(own, DEFAULT_GATEWAY) ? DEFAULT_GATEWAY : UNSPECIFIED;
  return { ...own, gateway: gateway === undefined ? otherwise : address("HERMIT_GATEWAY", gateway) };
}

function address(name: string, text: string): number {
  const found = parseAddress(text);
  if (found === undefined) throw new EnvError(`${name} ${text}: not an IPv4 address`);
  return found;
}
