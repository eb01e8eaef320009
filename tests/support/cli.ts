/** Programs of this repository in processes of their own. */

/** What a program said, and its exit status. */
export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a script with all permissions, types `input` into it and closes its standard input. */
export async function runScript(script: URL, args: readonly string[], input = ""): Promise<Said> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", script.href, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}
