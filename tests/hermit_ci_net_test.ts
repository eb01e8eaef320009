import { TRANSPORT } from "#transport";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import { qemuTest } from "./support/qemu.ts";

/**
 * The network rows of Hermit's own CI (its test runner at b0678ba), from their own command lines but for the host's port,
 * which is one that is free. Success there is exit status 3 from isa-debug-exit.
 */

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const COMMON = "-display none -serial stdio -smp 1 -m 1024M -global virtio-mmio.force-legacy=off " +
  "-device isa-debug-exit,iobase=0xf4,iosize=0x04";
const MICROVM = "-M microvm,x-option-roms=off,pit=off,pic=off,rtc=on,auto-kernel-cmdline=off,acpi=off " +
  "-nodefaults -no-user-config";
/** The lines are what counts here, not the offset. */
const RUNS = Deno.env.get("CAREFUL") !== "1";

const netdev = (port: number) =>
  `-netdev user,id=net0,hostfwd=tcp::${port}-:9975,hostfwd=udp::${port}-:9975,net=192.168.76.0/24,dhcpstart=192.168.76.9`;

function lines(port: number): { name: string; args: string }[] {
  const device = TRANSPORT === "pci"
    ? "virtio-net-pci,netdev=net0,disable-legacy=on"
    : "virtio-net-device,netdev=net0";
  const machine = TRANSPORT === "pci" ? "" : MICROVM;
  const line = (more: string) => `${machine} ${COMMON} ${netdev(port)} -device ${device}${more}`;
  return [
    { name: "packed, mq", args: line(",packed=on,mq=on") },
    { name: "split", args: line("") },
    {
      name: "receive buffers of 200 bytes",
      args: `${line(",packed=on,mq=on")} -append env=HERMIT_MRG_RXBUF_SIZE=200`,
    },
  ];
}

/** What the runner does with an image, and what it then expects. `ended` resolves when the image has. */
const IMAGES: Record<string, (port: number, ended: Promise<unknown>) => Promise<void>> = {
  async httpd(port) {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(20_000) });
    assertEquals(response.status, 200);
    assertMatch(await response.text(), /<title>Pagurus<\/title>/);
  },
  async testudp(port, ended) {
    assertEquals(await udp(port, "exit", ended), "");
  },
  async mioudp(port, ended) {
    assertEquals(await udp(port, "exit", ended), "exit");
  },
  async miotcp(port) {
    assertEquals(await tcp(port, "exit"), "Hello world!\n");
  },
  async poll(port) {
    assertEquals(await tcp(port, "exit"), "");
  },
};
const WORDS: Record<string, string[]> = { httpd: ["httpd", "9975", "1"] };

/** Sends a datagram, again and again: the guest may not listen yet. What was answered when it has ended. */
async function udp(port: number, text: string, ended: Promise<unknown>): Promise<string> {
  const socket = createSocket("udp4");
  let answer = "";
  socket.on("message", (bytes) => void (answer = bytes.toString()));
  // A port that nobody has any more is no news: that is how it ends.
  socket.on("error", () => {});
  const send = () => socket.send(Buffer.from(text), port, "127.0.0.1", () => {});
  const again = setInterval(send, 200);
  await ended;
  clearInterval(again);
  // What was answered last may still wait to be read here.
  for (let i = 0; i < 10 && answer === ""; i++) await new Promise((resolve) => setTimeout(resolve, 30));
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return answer;
}

async function tcp(port: number, text: string): Promise<string> {
  const connection = await Deno.connect({ port, hostname: "127.0.0.1" });
  await connection.write(new TextEncoder().encode(text));
  // Its end is the end of the connection.
  return await new Response(connection.readable).text();
}

function freePort(): number {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  return port;
}

async function runs(image: string, line: string, platform: string[], port: number): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "-A",
      MAIN,
      ...(WORDS[image] ?? [image]),
      "--strict",
      ...platform,
      ...line.trim().split(/\s+/),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  let failure: unknown;
  try {
    await ready(port);
    await whenUp(platform.length > 0, () => IMAGES[image](port, output));
  } catch (error) {
    failure = error;
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended: its output says why.
    }
  }
  const { code, stdout, stderr } = await output;
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (failure !== undefined) throw new Error(`${failure}\n${said}`, { cause: failure });
  assertEquals(code, 3, said);
  assert(!/not freed|failed/.test(said), said);
  assertMatch(said, /strict: no rule was broken/);
}

/**
 * Real QEMU listens before its guest does, and a client that comes too early is reset (and a datagram lost: libslirp does
 * not look for a guest that is still booting before six seconds have passed). So there it is waited a little, and tried
 * again.
 */
async function whenUp(real: boolean, run: () => Promise<void>): Promise<void> {
  for (let tries = 0;; tries++) {
    if (real) await new Promise((resolve) => setTimeout(resolve, 700));
    try {
      return await run();
    } catch (error) {
      if (!real || tries === 10 || !(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
  }
}

/**
 * Waits until the host's side listens. The kernel's table is read: a connection would be one too many for some images, and
 * a bind could be in the way of the one that is waited for.
 */
async function ready(port: number): Promise<void> {
  const listening = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, "0")} [0-9A-F]+:0000 0A `);
  for (let i = 0; i < 400; i++) {
    if (listening.test(Deno.readTextFileSync("/proc/net/tcp"))) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("nobody listens on the host's port");
}

for (const image of Object.keys(IMAGES)) {
  for (const [i, { name }] of lines(0).entries()) {
    const run = (platform: string[]) => {
      const port = freePort();
      return runs(image, lines(port)[i].args, platform, port);
    };
    if (!RUNS) continue;
    Deno.test(`Hermit's CI line runs: ${image}, ${name}`, () => run([]));
    if (name === "packed, mq") {
      qemuTest(
        `Hermit's CI line runs on the real QEMU: ${image}, ${name}`,
        () => run(["--platform", "qemu"]),
      );
    }
  }
}

if (RUNS) {
  Deno.test("Hermit's CI line runs: loopback, with and without a card", async () => {
    for (const line of [`${TRANSPORT === "pci" ? "" : MICROVM} ${COMMON}`, lines(freePort())[0].args]) {
      const args = [...line.trim().split(/\s+/), "-append", "env=HERMIT_IP=127.0.0.1"];
      const { code, stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-check", "-A", MAIN, "loopback", ...args],
        stdin: "null",
      }).output();
      const said = new TextDecoder().decode(stdout);
      assertEquals(code, 3, said);
      assertMatch(said, /Listening on 127\.0\.0\.1:9975[\s\S]*Accepted connection from 127\.0\.0\.1:\d+/);
    }
  });
}
