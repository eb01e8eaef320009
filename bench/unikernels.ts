/**
 * Whole unikernels on one hub, in one process: cards, drivers, TCP and applications of all of them share one thread.
 *
 *     deno run -A bench/unikernels.ts                  all rows, one process each
 *     deno run -A bench/unikernels.ts tcp packed=on    MiB/s from one to another: best of 5 runs of 64 MiB
 *     deno run -A bench/unikernels.ts http             requests/s of 50 connections that stay open
 *     deno run -A bench/unikernels.ts many 100         each serves, and fetches 1 MiB from its neighbour: time and memory
 */
import { TRANSPORT } from "#transport";
import { parseDescription } from "../devices/description/mod.ts";
import { BufferChardev } from "../devices/host/buffer_chardev.ts";
import { createMachine } from "../devices/machine/mod.ts";
import { Cluster } from "../devices/net/cluster.ts";
import { formatAddress, parseAddress } from "../inet/addresses.ts";
import { fetchUrl } from "../kernel/apps/http/mod.ts";
import type { Task } from "../kernel/executor.ts";
import { boot, type Kernel } from "../kernel/mod.ts";
import type { TcpSocket } from "../kernel/net/mod.ts";
import { NO_TRACE } from "../spec/trace.ts";

const RUNS = 5, MIB = 64, CONNECTIONS = 50, REQUESTS = 40_000, PORT = 80;
const BASE = parseAddress("10.0.0.1")!;

/** A unikernel that serves; `work` runs beside that, and its end is the machine's. */
function unikernel(
  cluster: Cluster,
  index: number,
  device: string,
  work?: (kernel: Kernel) => Task<void>,
): Kernel {
  const pci = TRANSPORT === "pci", suffix = pci ? "pci" : "device";
  const mac = [0x52, 0x54, 0, 0, index >> 8, index & 255].map((b) => b.toString(16).padStart(2, "0")).join(
    ":",
  );
  const words = [
    pci ? "-machine q35" : "-machine microvm,acpi=off -global virtio-mmio.force-legacy=off",
    "-m 32M -nodefaults -serial none -chardev ringbuf,id=c0 -netdev hubport,id=n0,hubid=0",
    `-device virtio-serial-${suffix} -device virtconsole,chardev=c0`,
    `-device virtio-net-${suffix},netdev=n0,mac=${mac}${device === "" ? "" : `,${device}`}`,
  ].join(" ").split(" ");
  const append = `-ip ${formatAddress(BASE + index)} -mask 255.255.0.0 env=HERMIT_LOG_LEVEL_FILTER=warn`;
  const machine = createMachine(parseDescription([...words, "-append", append]), {
    chardevs: new Map([["c0", new BufferChardev("c0")]]),
    seed: index + 1,
    trace: NO_TRACE,
    pace: cluster.member(),
    netdevs: new Map([["n0", cluster.hub(0).port("n0")]]),
  });
  const kernel = boot(machine, { app: "httpd", appArgs: [String(PORT)] });
  if (work !== undefined) kernel.parts.executor.spawn("bench", work(kernel));
  return kernel;
}

/** Fetches from a neighbour; bytes of the body. */
function* fetch(kernel: Kernel, index: number, path: string): Task<number> {
  const url = { host: formatAddress(BASE + index), port: PORT, target: path };
  return (yield* fetchUrl(kernel.parts.net, url, () => {})).length;
}

async function tcp(device: string): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const cluster = new Cluster();
    let start = 0;
    const server = unikernel(cluster, 0, device);
    const client = unikernel(cluster, 1, device, function* (kernel) {
      yield* fetch(kernel, 0, "/big/1");
      start = performance.now();
      yield* fetch(kernel, 0, `/big/${MIB}`);
      times.push(performance.now() - start);
      kernel.shutdown(0);
      server.shutdown(0);
    });
    await Promise.all([server.run(), client.run()]);
  }
  const best = Math.min(...times);
  console.log(`tcp, ${TRANSPORT} ${device || "split"}: ${(MIB / best * 1000).toFixed(1)} MiB/s`);
}

async function http(device: string): Promise<void> {
  const cluster = new Cluster();
  const server = unikernel(cluster, 0, device);
  const request = new TextEncoder().encode("GET /hello.txt HTTP/1.1\r\nHost: x\r\n\r\n");
  let left = CONNECTIONS, start = 0;
  const client = unikernel(cluster, 1, device, function* (kernel) {
    yield* fetch(kernel, 0, "/");
    start = performance.now();
    for (let i = 0; i < CONNECTIONS; i++) kernel.parts.executor.spawn("client", ask(kernel));
  });
  function* ask(kernel: Kernel): Task<void> {
    const socket: TcpSocket = kernel.parts.net.stream(), buffer = new Uint8Array(4096);
    yield* socket.connect({ address: BASE, port: PORT });
    for (let i = 0; i < REQUESTS / CONNECTIONS; i++) {
      yield* socket.send(request);
      // An answer of this size comes in one piece.
      yield* socket.recv(buffer);
    }
    socket.close();
    if (--left > 0) return;
    console.log(
      `http, ${TRANSPORT} ${device || "split"}: ${
        (REQUESTS / (performance.now() - start) * 1000).toFixed(0)
      } requests/s`,
    );
    kernel.shutdown(0);
    server.shutdown(0);
  }
  await Promise.all([server.run(), client.run()]);
}

async function many(count: number): Promise<void> {
  const cluster = new Cluster();
  const start = performance.now();
  let left = count, bytes = 0, most = 0;
  const all: Kernel[] = Array.from({ length: count }, (_, i) =>
    unikernel(cluster, i, "", function* (kernel) {
      const fetched = yield* fetch(kernel, (i + 1) % count, "/big/1");
      bytes += fetched;
      if (--left > 0) return;
      most = Deno.memoryUsage().rss;
      for (const k of all) k.shutdown(0);
    }));
  const booted = performance.now();
  await Promise.all(all.map((kernel) => kernel.run()));
  const ms = performance.now() - booted;
  console.log(
    `${count} unikernels, ${TRANSPORT}: booted in ${(booted - start).toFixed(0)} ms, ${
      bytes >> 20
    } MiB fetched in ` +
      `${ms.toFixed(0)} ms (${(ms / count).toFixed(1)} each), ${(most / 2 ** 20).toFixed(0)} MiB resident`,
  );
}

const [what, more = ""] = Deno.args;
if (what === "tcp") await tcp(more);
else if (what === "http") await http(more);
else if (what === "many") await many(Number(more));
else {
  const rows = [
    ...["", "packed=on", "mrg_rxbuf=off"].map((d) => ["tcp", d]),
    ...["", "packed=on"].map((d) => ["http", d]),
    ...["1", "10", "100"].map((n) => ["many", n]),
  ];
  for (const row of rows) {
    const args = ["run", "-A", "--no-check", new URL(import.meta.url).pathname, ...row];
    const { success } = await new Deno.Command(Deno.execPath(), {
      args,
      stdout: "inherit",
      stderr: "inherit",
    }).output();
    if (!success) Deno.exit(1);
  }
}
