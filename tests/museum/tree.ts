import type { Edit } from "./piece.ts";
import { plant } from "./plant.ts";

export const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** What no scenario needs. */
const LEFT_OUT = new Set(["node_modules", "dashboard", "docs", "bench", "coverage", "output"]);

/** What a program in a copy of the tree said. */
export interface Said {
  /** Exit status; undefined: it did not end in time. */
  readonly status: number | undefined;
  readonly out: string;
  readonly errors: string;
}

/** A copy of the sources in which one mistake at a time is planted. */
export class Tree {
  constructor(readonly path: string) {
    copy(ROOT.replace(/\/$/, ""), path);
  }

  /** Runs `work` with a mistake in the tree; the sources are restored. @throws {Error} if it does not fit. */
  async with<T>(id: string, mistake: readonly Edit[], work: () => Promise<T>): Promise<T> {
    const file = (name: string) => `${this.path}/${name}`;
    const planted = plant(id, mistake, (name) => Deno.readTextFileSync(file(name)));
    const before = [...planted.keys()].map((name) => [name, Deno.readTextFileSync(file(name))]);
    try {
      for (const [name, text] of planted) Deno.writeTextFileSync(file(name), text);
      return await work();
    } finally {
      for (const [name, text] of before) Deno.writeTextFileSync(file(name), text);
    }
  }

  /**
   * Runs deno in the copy.
   *
   * @param input what it reads; then its standard input is closed.
   * @param patience milliseconds after which it is ended.
   */
  async deno(
    args: readonly string[],
    { transport = "pci", input = "", patience }: { transport?: string; input?: string; patience: number },
  ): Promise<Said> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: this.path,
      env: { NO_COLOR: "1", DENO_CONDITIONS: transport, CAREFUL: "0" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, patience);
    try {
      const writer = child.stdin.getWriter();
      // A program that has ended reads nothing.
      await writer.write(new TextEncoder().encode(input)).catch(() => {});
      await writer.close().catch(() => {});
      const { code, stdout, stderr } = await child.output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return { status: late ? undefined : code, out: text(stdout), errors: text(stderr) };
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Copies sources, configuration and data. */
function copy(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (LEFT_OUT.has(name) || name.startsWith(".")) continue;
    if (isDirectory) copy(`${from}/${name}`, `${to}/${name}`);
    else if (/\.(ts|js|json|lock)$/.test(name)) Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}
