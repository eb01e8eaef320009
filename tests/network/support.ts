/** A unikernel with a web server in a process of its own, and curl. */
import { TRANSPORT } from "#transport";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** Whether a program can be run here. */
export async function has(program: string, arg = "--version"): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: [arg], stdout: "null", stderr: "null" }).output())
      .success;
  } catch {
    return false;
  }
}

/** A machine of this build's transport, with a card on `netdev` (which has `id=n0`). */
export function machineWords(netdev: string, device = "", extra = ""): string[] {
  const pci = TRANSPORT === "pci";
  const suffix = pci ? "pci" : "device";
  return [
    ...(pci ? "-machine q35" : "-machine microvm,acpi=off -global virtio-mmio.force-legacy=off").split(" "),
    ..."-nodefaults -m 256M -serial none -chardev stdio,id=c0".split(" "),
    ...["-device", `virtio-serial-${suffix}`, "-device", "virtconsole,chardev=c0"],
    ...["-netdev", netdev, "-device", `virtio-net-${suffix},netdev=n0${device}`],
    ...extra.split(" ").filter((w) => w !== ""),
  ];
}

export interface Guest {
  /** The host's port that leads to it. */
  readonly port: number;
  /** What it has printed, and what the simulator has said. */
  output(): string;
  /** Ends it; the whole output. */
  stop(): Promise<string>;
}

/** A port that nobody has now. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return (listener.addr as Deno.NetAddr).port;
}

/**
 * Boots `app` and waits until it listens.
 *
 * @param known the host's port, where the netdev names one; otherwise it has one `hostfwd=tcp::0-:9975`.
 */
export async function startGuest(app: string[], words: string[], known?: number): Promise<Guest> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, ...app, ...words],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const piece of stream) text += decoder.decode(piece, { stream: true });
  };
  const done = Promise.all([collect(child.stdout), collect(child.stderr)]);
  let ended = false;
  const status = child.status.then(() => ended = true);
  const stop = async () => {
    if (!ended) child.kill("SIGTERM");
    await status;
    await done;
    return text;
  };
  for (let i = 0; i < 1500 && !ended; i++) {
    const port = known ?? /tcp 127\.0\.0\.1:(\d+) leads to port/.exec(text)?.[1];
    if (port !== undefined && /listening on port/i.test(text)) {
      return {
        port: Number(port),
        output: () => text,
        stop,
      };
    }
    await new Promise((r) => setTimeout(r, 10));
  }
  throw new Error(`the guest does not listen:\n${await stop()}`);
}

/** Runs curl; its output and exit status. */
export async function curl(...args: string[]): Promise<{ code: number; out: Uint8Array; text: string }> {
  const { code, stdout } = await new Deno.Command("curl", {
    args: ["-s", "--max-time", "60", ...args],
    stderr: "null",
  }).output();
  return { code, out: stdout, text: new TextDecoder().decode(stdout) };
}

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
