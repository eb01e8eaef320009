/**
 * `deno task linux`: a real Linux in a real QEMU and the unikernel are neighbours on a wire (`-netdev socket`). Linux
 * pings it, fetches pages from it, and serves one that it fetches; with each ring format. tshark reads what was on the
 * wire. Needs QEMU, apt-get (for Debian's kernel and busybox) and tshark; arguments: the folder to build the guest in.
 */
import { assert, assertEquals } from "@std/assert";
import { freePort, machineWords, startGuest } from "../support.ts";

const HERE = new URL(".", import.meta.url).pathname;
const MAIN = new URL("../../../main.ts", import.meta.url).pathname;
/** Milliseconds for anything that Linux does: it runs without hardware support. */
const PATIENCE = 180_000;
const ADDRESS = "-ip 10.0.5.1 -mask 255.255.255.0";

const folder = Deno.args[0] ?? "/tmp/pagurus-linux-guest";
await run("sh", [`${HERE}build.sh`, folder, `${HERE}neighbor.sh`]);
for (const ring of ["split", "packed"]) await session(ring);
console.log("all is well");

async function session(ring: string): Promise<void> {
  const port = freePort();
  const linux = startLinux(port);
  const device = ring === "packed" ? ",packed=on" : "";
  const dumps = ["serve", "fetch"].map((name) => `${folder}/${ring}-${name}.pcap`);
  const words = (dump: string) => [
    ...machineWords(`socket,id=n0,connect=127.0.0.1:${port}`, device),
    ...["-object", `filter-dump,id=d0,netdev=n0,file=${dump}`, "-append", ADDRESS],
  ];
  try {
    const served = (await linux.line(/^SERVING (\w{64})/m))[1];
    const guest = await startGuest(["httpd"], words(dumps[0]), port);
    const text = (await linux.line(/[^]*^FETCHED/m))[0];
    const output = await guest.stop();
    assert(!/ERROR|panic/i.test(output), output);
    check(
      ring,
      "Linux pings the unikernel",
      /^PING 20 packets transmitted, 20 packets received/m.test(text),
      text,
    );
    check(
      ring,
      "also in fragments",
      /^PING-FRAGMENTS 3 packets transmitted, 3 packets received/m.test(text),
      text,
    );
    check(ring, "Linux fetches a page", text.includes("PAGE Hello from the unikernel!"), text);
    const [big, said] = ["BIG", "SAID"].map((word) => new RegExp(`^${word} (\\w{64})`, "m").exec(text)?.[1]);
    check(ring, "8 MiB have the digest that the server says", big !== undefined && big === said, text);

    const { code, out } = await unikernel(["wget", "http://10.0.5.2/random", ...words(dumps[1])]);
    check(
      ring,
      "the unikernel fetches a file from Linux",
      code === 0 && out.includes(`sha256 ${served}`),
      out,
    );
  } finally {
    await linux.stop();
  }
  for (const dump of dumps) await judge(ring, dump);
}

/** Linux in QEMU, listening for its neighbour. */
function startLinux(port: number) {
  const child = new Deno.Command("qemu-system-x86_64", {
    args: [
      ...["-kernel", `${folder}/vmlinuz`, "-initrd", `${folder}/initrd.gz`, "-m", "256M", "-nodefaults"],
      ...["-append", "console=ttyS0 quiet panic=-1", "-display", "none", "-serial", "stdio", "-no-reboot"],
      ...[
        "-netdev",
        `socket,id=n0,listen=127.0.0.1:${port}`,
        "-device",
        "virtio-net-pci,netdev=n0,mac=52:54:00:00:00:02",
      ],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "", ended = false;
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const piece of child.stdout) {
      text += decoder.decode(piece, { stream: true }).replaceAll("\r", "");
    }
    ended = true;
  })();
  return {
    /** Waits until the console shows something. */
    async line(pattern: RegExp): Promise<RegExpExecArray> {
      for (const end = performance.now() + PATIENCE; performance.now() < end && !ended;) {
        const found = pattern.exec(text);
        if (found !== null) return found;
        await new Promise((r) => setTimeout(r, 50));
      }
      throw new Error(`Linux did not say ${pattern}:\n${text}`);
    },
    async stop(): Promise<void> {
      if (!ended) child.kill("SIGKILL");
      await child.status;
      await reading;
    },
  };
}

/** Runs the unikernel to its end. */
async function unikernel(args: string[]): Promise<{ code: number; out: string }> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, ...args],
    stdin: "null",
    stderr: "inherit",
  }).output();
  return { code, out: new TextDecoder().decode(stdout) };
}

/** tshark finds nothing malformed in a capture, and no wrong checksum. */
async function judge(ring: string, dump: string): Promise<void> {
  const protocols = ["ip", "tcp", "udp", "icmp"];
  const checks = ["ip", "tcp", "udp"].flatMap((p) => ["-o", `${p}.check_checksum:TRUE`]);
  const bad = ["_ws.malformed", ...protocols.map((p) => `${p}.checksum.status == "Bad"`)].join(" || ");
  const shark = async (...args: string[]) => (await run("tshark", ["-r", dump, ...checks, ...args])).trim();
  const frames = (await shark("-T", "fields", "-e", "frame.number")).split("\n").length;
  assertEquals(await shark("-Y", bad), "", `${dump}: wrong frames`);
  check(ring, `tshark finds none of ${frames} frames malformed, and no bad checksum`, frames > 100, dump);
}

function check(ring: string, what: string, ok: boolean, text: string): void {
  assert(ok, `${ring}: ${what}:\n${text}`);
  console.log(`${ring}: ${what}`);
}

async function run(command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert(success, `${command} ${args.join(" ")}: ${text(stderr)}`);
  return text(stdout);
}
