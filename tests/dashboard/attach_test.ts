import { testUnless } from "../support/once.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { RamDeviceMemory } from "../../arch/device_memory.ts";
import { readOptions } from "../../cli/options.ts";
import { encode } from "../../dashboard/lib/codec.ts";
import { socketPort } from "../../dashboard/lib/ports.ts";
import { Session } from "../../dashboard/lib/session.ts";
import { Attachment } from "../../dashboard/tools/attach.ts";
import { parseDescription } from "../../devices/description.ts";
import { BufferChardev, HostError, wallClock } from "../../devices/host/mod.ts";
import { createMachine } from "../../devices/machine/mod.ts";
import { boot } from "../../kernel/mod.ts";
import { Timeline } from "../../verify/record/mod.ts";
import { TracedDeviceMemory } from "../../verify/trace/mod.ts";
import { until } from "../support/dashboard.ts";

const ignore = Deno.env.get("DENO_CONDITIONS") === "mmio" || Deno.env.get("CAREFUL") === "1";
const test = testUnless(ignore);
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const WORDS = "-machine q35 -m 16M -nodefaults -chardev stdio,id=c0,mux=on -serial chardev:c0 " +
  "-device virtio-rng-pci -device virtio-serial-pci -device virtconsole,chardev=c0";

/** A folder with a page in it, for machines that do not have the real one. */
async function builtPage(): Promise<URL> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/index.html`, "<!doctype html>");
  return new URL(`file://${folder}/`);
}

/** A machine that waits at its shell, with pages let in; `using` ends both. */
async function attached() {
  const dist = await builtPage();
  const attachment = new Attachment({ port: 0, title: "pagurus test", dist });
  const c0 = new BufferChardev("c0");
  const chardevs = new Map([["c0", c0]]);
  const trace = attachment.recorder;
  attachment.offer(chardevs);
  const machine = createMachine(parseDescription(WORDS.split(" ")), {
    chardevs,
    clock: wallClock,
    seed: 1,
    trace,
  });
  trace.clock = () => machine.now();
  const kernel = boot(machine, {
    deviceMemory: (base, bytes) =>
      new TracedDeviceMemory(new RamDeviceMemory(base, bytes), trace, () => undefined),
  });
  const run = kernel.run(() => attachment.turn());
  const sessions: Session[] = [];
  return {
    attachment,
    c0,
    run,
    socket: (token = new URL(attachment.link).searchParams.get("attach")) =>
      `${attachment.origin.replace("http", "ws")}/socket?token=${token}`,
    look() {
      const session = new Session();
      session.attach(socketPort(new WebSocket(this.socket())));
      sessions.push(session);
      return session;
    },
    async [Symbol.asyncDispose]() {
      c0.send("\x04");
      c0.end();
      const code = await run;
      await attachment.end(code);
      for (const s of sessions) s.close();
      await Deno.remove(dist, { recursive: true });
    },
  };
}

test({ name: "a page sees the machine that runs, types into it, and sees it end" }, async () => {
  await using m = await attached();
  const session = m.look();
  await until("the machine idle", () => session.progress.value.machine === "idle");
  assertEquals(session.source.value, {
    kind: "attached",
    title: "pagurus test",
    canBoot: false,
    canInput: true,
    canFork: false,
  });
  const before = session.progress.value.length;
  await session.type("c0", new TextEncoder().encode("rng 16\n"));
  await until("random bytes", () => /^[0-9a-f]{32}$/m.test(m.c0.text()));
  await until("progress", () => session.progress.value.length > before);
  await until("the live moment", () => session.moment.value.state.at === m.attachment.recorder.length - 1);
  session.go(1000);
  await until("a moment that is past", () => session.moment.value.state.at === 1000);
  assertEquals(session.moment.value.state, new Timeline(m.attachment.recorder).stateAt(1000).state);
  await session.type("c1", new Uint8Array([10]));
  assertStringIncludes(session.error.value, "no chardev 'c1'");
  assert(await session.call("hold", { held: true }) === undefined, "a page holds the machine");
  m.c0.send("shutdown 7\n");
  assertEquals(await m.run, 7);
  await m.attachment.end(7);
  await until("the end", () => session.error.value.includes("exit status 7"));
  assertEquals([session.progress.value.machine, session.progress.value.exitCode], ["ended", 7]);
});

test("a machine that was stopped stays as it is for its pages", async () => {
  await using m = await attached();
  const session = m.look();
  await until("the machine idle", () => session.progress.value.machine === "idle");
  void m.attachment.hold();
  await until("the machine held", () => session.progress.value.machine === "held");
  session.go(1000);
  await until("a moment that is past", () => session.moment.value.state.at === 1000);
  const late = m.look();
  await until("a page that comes later", () => late.progress.value.machine === "held");
});

test("a page that follows sees the last moment of a machine that ends, its last words included", async () => {
  await using m = await attached();
  const session = m.look();
  await until("the machine idle", () => session.progress.value.machine === "idle");
  m.c0.send("shutdown 3\n");
  await m.attachment.end(await m.run);
  await until("the end", () => session.error.value.includes("exit status 3"));
  const { state, console } = session.moment.value;
  assertEquals(state.at, m.attachment.recorder.length - 1);
  assertEquals(session.position.value, state.at);
  assertStringIncludes(new TextDecoder().decode(console.c0), "Shutting down, exit code 3");
});

test({ name: "a busy machine lets pages in, and answers them while it works" }, async () => {
  await using m = await attached();
  const session = m.look();
  await until("the machine idle", () => session.progress.value.machine === "idle");
  for (let i = 0; i < 8; i++) m.c0.send("rng 65536\n");
  await until("a busy machine", () => session.progress.value.machine === "running");
  const { length } = session.progress.value;
  await until("progress", () => session.progress.value.length > length);
  const answer = await session.call("events", { from: length - 1, count: 1 });
  assertEquals(answer!.rows[0].at, length - 1);
  assert(m.c0.text().length < 8 * 2 * 65536, "the machine had done its work before a page was answered");
});

test({ name: "without the link's token, or from another origin, nobody gets in" }, async () => {
  await using m = await attached();
  const http = m.socket().replace("ws", "http"), guess = m.socket("guess").replace("ws", "http");
  const status = async (url: string, headers: Record<string, string> = {}) => {
    const response = await fetch(url, { headers });
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await status(guess), 403);
  assertEquals(await status(`${m.attachment.origin}/socket`), 403);
  assertEquals(await status(http, { origin: "https://evil.example" }), 403);
  assertEquals(await status(http, { origin: "null" }), 403);
  assertEquals(await status(http, { origin: m.attachment.origin }), 426, "the page itself");
  const socket = new WebSocket(m.socket("guess"));
  await new Promise((resolve) => socket.onclose = socket.onerror = resolve);
  assertEquals(new URL(m.attachment.origin).hostname, "127.0.0.1");
});

/** Shakes hands by hand, sends requests for much, and never reads an answer. */
async function deafPage(url: string, requests: number): Promise<Deno.TcpConn> {
  const { hostname, port, host, pathname, search } = new URL(url);
  const conn = await Deno.connect({ hostname, port: Number(port) });
  const text = new TextEncoder();
  const write = async (bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length;) done += await conn.write(bytes.subarray(done));
  };
  const head = [
    `GET ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
  ];
  await write(text.encode(head.join("\r\n") + "\r\n\r\n"));
  for (let id = 0; id < requests; id++) {
    const body = text.encode(encode({ id, call: "events", args: { from: 0, count: 20_000 } }));
    await write(Uint8Array.of(0x81, 0x80 | body.length, 0, 0, 0, 0, ...body));
  }
  return conn;
}

test({ name: "pages that do not read, or vanish, are the machine's least worry" }, async () => {
  await using m = await attached();
  const deaf = await deafPage(m.socket(), 200);
  const gone = await deafPage(m.socket(), 1);
  gone.close();
  const session = m.look();
  await until("a page that reads is served", () => session.progress.value.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  m.c0.send("rng 16\n");
  await until("the machine goes on", () => /^[0-9a-f]{32}$/m.test(m.c0.text()));
  m.c0.send("shutdown 3\n");
  assertEquals(await m.run, 3);
  const start = performance.now();
  await m.attachment.end(3);
  assert(performance.now() - start < 2000, "the end waits for a page that does not read");
  deaf.close();
});

test({ name: "a page that has not been built: the task that does it is named" }, () => {
  const dist = new URL("file:///nonexistent/");
  const error = assertThrows(() => new Attachment({ port: 0, title: "", dist }), HostError);
  assertStringIncludes((error as Error).message, "deno task dashboard:build");
});

async function main(args: string[], input: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stderr } = await child.output();
  return { code, err: new TextDecoder().decode(stderr) };
}

test({ name: "--dashboard takes a port, or none; the demo machine stays what it is" }, () => {
  const read = (...argv: string[]) => {
    const { dashboard, app, desc } = readOptions(argv, "pci");
    return [dashboard, app, desc.devices.length];
  };
  const devices = read()[2];
  assertEquals(read(), [undefined, "shell", devices]);
  assertEquals(read("--dashboard"), ["any", "shell", devices]);
  assertEquals(read("-dashboard", "8001", "ping"), [8001, "ping", devices]);
  assertEquals(read("--dashboard=0", "ping"), [0, "ping", devices]);
  assertEquals(read("--dashboard", "ping", "--", "--dashboard", "5"), ["any", "ping", devices]);
});

test({ name: "--dashboard: a port in use is status 74, one that is none 2" }, async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  try {
    const { code, err } = await main(["--dashboard", `${port}`], "");
    assertEquals([code, err], [74, `pagurus: --dashboard: port ${port} is in use already\n`]);
  } finally {
    listener.close();
  }
  const { code, err } = await main(["--dashboard", "65536"], "");
  assertEquals(code, 2);
  assertStringIncludes(err, "--dashboard 65536: expected a whole number from 0 to 65535");
});
