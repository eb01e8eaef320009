import { TRANSPORT } from "#transport";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseDescription } from "../../../devices/description/mod.ts";
import { BufferChardev } from "../../../devices/host/buffer_chardev.ts";
import { createMachine } from "../../../devices/machine/mod.ts";
import { Cluster } from "../../../devices/net/cluster.ts";
import { boot, type Kernel } from "../../../kernel/mod.ts";
import { NO_TRACE } from "../../../spec/trace.ts";
import { CAREFUL } from "../../support/simulated.ts";
import { STRICT, StrictTest } from "../../support/strict.ts";

/** Whole unikernels on one hub: card, driver, stack, application, under each transport and with and without an offset. */

interface Unikernel {
  readonly kernel: Kernel;
  readonly terminal: BufferChardev;
}

const MACHINE = TRANSPORT === "pci"
  ? "-machine q35"
  : "-machine microvm,acpi=off -global virtio-mmio.force-legacy=off";
const SUFFIX = TRANSPORT === "pci" ? "pci" : "device";

function unikernel(
  cluster: Cluster,
  index: number,
  app: string,
  appArgs: string[],
  device = "",
  append = `-ip 10.0.0.${index} -mask 255.255.255.0`,
): Unikernel {
  const words = `${MACHINE} -m 32M -nodefaults -serial none -chardev ringbuf,id=c0 ` +
    `-device virtio-serial-${SUFFIX} -device virtconsole,chardev=c0 -netdev hubport,id=n0,hubid=0 ` +
    `-device virtio-net-${SUFFIX},netdev=n0,mac=52:54:00:00:00:${
      index.toString(16).padStart(2, "0")
    }${device}`;
  const terminal = new BufferChardev("c0");
  const strict = STRICT ? new StrictTest() : undefined;
  const machine = createMachine(parseDescription([...words.split(" "), "-append", append]), {
    chardevs: new Map([["c0", terminal]]),
    seed: index,
    trace: strict?.trace() ?? NO_TRACE,
    pace: cluster.member(),
    netdevs: new Map([["n0", cluster.hub(0).port("n0")]]),
  });
  strict?.watches(machine);
  return { kernel: boot(machine, { app, appArgs, careful: CAREFUL, ...strict?.boot() }), terminal };
}
async function run(...all: Unikernel[]): Promise<{ codes: number[]; texts: string[] }> {
  const codes = await Promise.all(all.map(({ kernel }) => kernel.run()));
  const texts = all.map(({ terminal }) => terminal.text());
  for (const text of texts) assert(!/ERROR|not freed/.test(text), text);
  return { codes, texts };
}

for (const device of ["", ",packed=on", ",mrg_rxbuf=off", ",csum=off,guest_csum=off"]) {
  Deno.test(`a unikernel fetches a page from another one (virtio-net${device})`, async () => {
    const cluster = new Cluster();
    const { codes, texts } = await run(
      unikernel(cluster, 1, "httpd", ["80", "1"], device),
      unikernel(cluster, 2, "wget", ["http://10.0.0.1/big/1"], device),
    );
    assertEquals(codes, [0, 0], texts.join("\n"));
    assertMatch(texts[1], /10\.0\.0\.1:80: 200 OK, 1048576 bytes, application\/octet-stream/);
    assertMatch(texts[1], /sha256 6d1237226e2397cc86649fd5ecbc0e9de7c375f5b9da1e1a87b83c479f698280/);
    assertMatch(texts[0], /1 connections, 1 requests/);
  });
}

Deno.test("receive buffers of 200 bytes: a large page comes in merged buffers, whole", async () => {
  const cluster = new Cluster();
  const { codes, texts } = await run(
    unikernel(cluster, 1, "httpd", ["80", "1"]),
    unikernel(
      cluster,
      2,
      "wget",
      ["http://10.0.0.1/big/1"],
      "",
      "-ip 10.0.0.2 env=HERMIT_MRG_RXBUF_SIZE=200",
    ),
  );
  assertEquals(codes, [0, 0], texts.join("\n"));
  assertMatch(texts[1], /sha256 6d1237226e2397cc86649fd5ecbc0e9de7c375f5b9da1e1a87b83c479f698280/);
});

Deno.test("netbench between two unikernels: TCP both ways, UDP, round trips; nothing is lost", async () => {
  const cluster = new Cluster();
  const server = unikernel(cluster, 1, "netbench", ["server"]);
  const client = unikernel(cluster, 2, "netbench", ["10.0.0.1", "all", "2"]);
  const ended = client.kernel.run().then((code) => {
    server.terminal.send("\x03");
    return code;
  });
  const { codes, texts } = await run(server);
  codes.push(await ended);
  texts.push(client.terminal.text());
  assertEquals(codes, [0, 0], texts.join("\n"));
  assertMatch(texts[1], /tcp send +2\.0 MiB in [\d.]+ ms: [\d.]+ MiB\/s/);
  assertMatch(texts[1], /tcp receive +2\.0 MiB in [\d.]+ ms: [\d.]+ MiB\/s/);
  assertMatch(texts[1], /tcp round trips, 64 bytes: median [\d.]+ µs/);
  assertMatch(texts[1], /udp round trips, 64 bytes: median [\d.]+ µs.*, 0 lost/);
  assertMatch(texts[1], /udp there and back, 1024 bytes: 2\.0 MiB .*, 0 of 2048 lost/);
});

Deno.test("the same seeds give the same conversation", async () => {
  const once = async () => {
    const cluster = new Cluster();
    const { texts } = await run(
      unikernel(cluster, 1, "httpd", ["80", "1"]),
      unikernel(cluster, 2, "wget", ["http://10.0.0.1/"]),
    );
    return texts;
  };
  assertEquals(await once(), await once());
});

Deno.test("the shell's network commands", async () => {
  const cluster = new Cluster();
  const web = unikernel(cluster, 1, "httpd", ["80", "1"]);
  const shell = unikernel(cluster, 2, "shell", []);
  const commands = [
    "ifconfig",
    "ping 10.0.0.1 2",
    "ping 10.0.0.77 1",
    "ping 8.8.8.8",
    "arp",
    "nslookup localhost",
    "nslookup x.y",
    "wget http://10.0.0.1/hello.txt",
    "wget nonsense://",
    "netstat",
    "netstat -s",
    "shutdown 0",
  ];
  shell.terminal.send(commands.map((c) => c + "\n").join(""));
  const { codes, texts } = await run(web, shell);
  assertEquals(codes, [0, 0]);
  const [, text] = texts;
  assertMatch(text, /lo: loopback, up, mtu 65535\n +inet 127\.0\.0\.1\/8/);
  assertMatch(text, /eth0: virtio-net at .*, up, mtu 1500, ether 52:54:00:00:00:02\n +inet 10\.0\.0\.2\/24/);
  assertMatch(
    text,
    /64 bytes from 10\.0\.0\.1: icmp_seq=2 time=[\d.]+ ms\n2 packets transmitted, 2 received, 0% packet loss/,
  );
  assertMatch(text, /no answer to icmp_seq=1\n1 packets transmitted, 0 received, 100% packet loss/);
  assertMatch(text, /network is unreachable \(ENETUNREACH\)/);
  assertMatch(text, /10\.0\.0\.1 +52:54:00:00:00:01 eth0 reachable/);
  assertMatch(text, /localhost has address 127\.0\.0\.1/);
  assertMatch(text, /x\.y: temporary failure in name resolution \(EAI_AGAIN\)/);
  assertMatch(
    text,
    /10\.0\.0\.1:80: 200 OK, 26 bytes, text\/plain[^\n]*\nsha256 [0-9a-f]{64}\nHello from the unikernel!/,
  );
  assertMatch(text, /wget: wget http:\/\/HOST/);
  assertMatch(text, /tcp +10\.0\.0\.2:\d+ +10\.0\.0\.1:80 +[A-Z0-9-]+/);
  assertMatch(text, /tcp +segmentsIn \d+, segmentsOut \d+/);
});
