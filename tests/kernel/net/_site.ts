/** A web server and a client on a wire. */
import { assertEquals } from "@std/assert";
import { Directory, HttpServer, type ServerLimits } from "../../../kernel/apps/http/mod.ts";
import { sleep, type Task } from "../../../kernel/executor.ts";
import type { Kernel } from "../../../kernel/kernel.ts";
import { SocketError } from "../../../kernel/net/mod.ts";
import { bytesOf, ip, type Machine, pair, textOf, type World } from "./_world.ts";

/** As much of a kernel as the pages look at. */
export function kernelOf(m: Machine): Kernel {
  const parts = {
    net: m.net,
    executor: m.executor,
    platform: { name: "fake", machine: "q35", now: () => m.world.now },
    transport: "pci",
    drivers: { all: [] },
    interrupts: { statistics: () => [] },
    frames: { freeBytes: () => 0 },
  };
  return { parts } as unknown as Kernel;
}

export interface Site {
  world: World;
  client: Machine;
  server: HttpServer;
  host: Machine;
}
export function site(
  limits: Partial<ServerLimits> = {},
  options = {},
  where: "wire" | "loopback" = "wire",
): Site {
  const { world, a, b } = pair({ tcp: { timeWait: 1e9 }, ...options });
  const host = where === "wire" ? b : a;
  const server = new HttpServer(host.net, new Directory(kernelOf(host)), limits);
  server.listen(80);
  host.spawn("httpd", server.run());
  return { world, client: a, server, host };
}
export const addressOf = ({ host }: Site) => ip(host.name === "a" ? "127.0.0.1" : "10.0.0.2");

/** Sends text, reads until the server hangs up or nothing comes for `patience` ns. */
export function* talk(
  site: Site,
  pieces: readonly (string | Uint8Array | number)[],
  patience = 60e9,
): Task<string> {
  const socket = site.client.net.stream();
  let text = "";
  try {
    yield* socket.connect({ address: addressOf(site), port: 80 });
    for (const piece of pieces) {
      if (typeof piece === "number") yield* sleep(site.client.executor, piece);
      else yield* socket.send(typeof piece === "string" ? bytesOf(piece) : piece);
    }
    socket.setsockopt("SO_RCVTIMEO", patience);
    const buffer = new Uint8Array(65536);
    for (let n; (n = yield* socket.recv(buffer)) > 0;) text += textOf(buffer.subarray(0, n));
    text += "<end>";
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    text += `<${error.code}>`;
  } finally {
    socket.close();
  }
  return text;
}
export function ask(site: Site, ...pieces: (string | Uint8Array | number)[]): string {
  return site.world.finish(site.client.spawn("client", talk(site, pieces)));
}
export const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
export const GET = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
export const CLOSE = "Connection: close\r\n";

/** Nothing of a client is left at the server. */
export function assertQuiet({ world, host, server }: Site): void {
  world.pass(200e9);
  assertEquals(server.open, 0);
  assertEquals(host.net.sockets.size, 1, "the listener alone");
  assertEquals([...host.stack.tcp.connections].length, 0);
  assertEquals(host.stack.tcp.memory, 0);
  assertEquals(host.executor.tasks().map((t) => t.name).filter((n) => n !== "net"), ["httpd"]);
  assertEquals(host.log.filter((l) => l.includes("failed")), []);
  assertEquals(world.lostWakes, []);
}
