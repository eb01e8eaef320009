import { main } from "../../../verify/compare/main.ts";

const ROOT = new URL("../../../", import.meta.url);

/** Runs the tool here; what it printed. */
export async function compare(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const { error } = console;
  const out: string[] = [], err: string[] = [];
  console.error = (text: string) => void err.push(text);
  try {
    const code = await main(argv, (line) => out.push(line) > 0);
    return { code, out: out.join("\n"), err: err.join("\n") };
  } finally {
    console.error = error;
  }
}

/** A folder for the length of a test. */
export async function inFolder(fn: (path: (name: string) => string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await fn((name) => `${folder}/${name}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const EVENTS = ["-trace", "virtio*", "-trace", "virtqueue*", "-trace", "memory_region_ops_*"];

/** Runs the simulator as a user does, in a session that reads `input` and ends with `status`. Writes both kinds of traces. */
export async function session(
  platform: "simulated" | "qemu",
  words: string,
  input: string,
  files: { json: string; log: string },
  status = 3,
): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", "--quiet", "main.ts", "--platform", platform, "--trace", files.json],
      ...EVENTS,
      ...words.split(" "),
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stderr } = await child.output();
  await Deno.writeFile(files.log, stderr);
  if (code !== status) {
    throw new Error(
      `${platform} ${words}: exit status ${code}: ${new TextDecoder().decode(stderr).slice(-500)}`,
    );
  }
}

/** The machine of most tests: entropy, its shell on the serial line. */
export const RNG_MACHINE =
  "-machine q35 -m 64M -chardev stdio,id=c0 -serial chardev:c0 -device virtio-rng-pci,event_idx=off,ioeventfd=off";
/** A session that reads 80 bytes and ends. */
export const RNG_SESSION = "rng 16\nrng 64\nshutdown 3\n";
