import { QemuError } from "./error.ts";

/** 64 KiB that a CPU runs from its reset vector: `cli; hlt; jmp back`, and `hlt` everywhere else. */
function parkedFirmware(): Uint8Array {
  const rom = new Uint8Array(65536).fill(0xf4);
  rom.set([0xfa, 0xf4, 0xeb, 0xfd], 0xfff0);
  return rom;
}

/**
 * A process that outlives us if we are killed: it makes the folder, waits for the end of its input, then ends a QEMU
 * that still names the folder on its command line and removes it.
 */
const GUARD = `
d=$(mktemp -d "\${TMPDIR:-/tmp}/pagurus-XXXXXXXX") || exit 1
trap 'rm -rf "$d"' EXIT
mkfifo FIFOS || exit 1
echo "$d"
read -r end
[ "$end" = done ] && exit 0
for p in /proc/[0-9]*; do
  case $(tr '\\0' ' ' 2>/dev/null <"$p/cmdline") in
    *qemu*"path=$d/qtest"*) kill -KILL "\${p#/proc/}" ;;
  esac
done`;

/**
 * The folder that QEMU's start needs: FIFOs, the RAM file, the parked firmware. Everything in it is open once QEMU has
 * answered, so it is removed then, and nothing is left behind, whatever ends us. Until then a guard process would do it.
 */
export class Workspace {
  private removed = false;

  private constructor(
    /** Absolute path. */
    readonly path: string,
    private readonly guard: Deno.ChildProcess,
  ) {}

  /** @throws {QemuError} NotStarted, if the host has no `setsid`, no `mkfifo`, or no room. */
  static async create(stdio = false): Promise<Workspace> {
    const fifos = ["qtest.in", "qtest.out", ...stdio ? ["stdio.in"] : []];
    let guard: Deno.ChildProcess;
    try {
      guard = new Deno.Command("setsid", {
        args: ["sh", "-c", GUARD.replace("FIFOS", fifos.map((f) => `"$d/${f}"`).join(" "))],
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) {
        throw new QemuError("NotStarted", `--platform qemu needs --allow-run=setsid: ${error.message}`);
      }
      throw new QemuError(
        "NotStarted",
        `setsid cannot be run (util-linux, Linux only): ${(error as Error).message}`,
      );
    }
    const path = await firstLine(guard.stdout);
    if (path === "") {
      const complaint = await firstLine(guard.stderr);
      await guard.stdin.close().catch(() => {});
      await guard.status;
      throw new QemuError("NotStarted", `no folder for QEMU's files: ${complaint}`);
    }
    // Later complaints are of no use: nobody is there to read them.
    await guard.stderr.cancel();
    const workspace = new Workspace(path, guard);
    Deno.writeFileSync(workspace.file("park.bin"), parkedFirmware());
    return workspace;
  }

  file(name: string): string {
    return `${this.path}/${name}`;
  }
  /** Removes the folder. What is open stays usable. Once is enough. */
  async remove(): Promise<void> {
    if (this.removed) return;
    this.removed = true;
    const writer = this.guard.stdin.getWriter();
    await writer.write(new TextEncoder().encode("done\n")).catch(() => {});
    await writer.close().catch(() => {});
    await this.guard.status;
  }
}

/** The first line of a stream, or nothing; the rest is thrown away. */
async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text.split("\n")[0];
}
