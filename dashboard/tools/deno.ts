/** The folder of the page, with the configuration and packages that are its own. */
export const DASHBOARD = new URL("../", import.meta.url);

export const path = (url: URL): string => decodeURIComponent(url.pathname);

/** Runs Deno in the page's folder. @throws {Error} with what it printed, if it fails. */
export async function run(args: string[], env: Record<string, string> = {}): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: path(DASHBOARD),
    env: { NO_COLOR: "1", ...env },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`deno ${args.join(" ")}: ${text.decode(stdout)}${text.decode(stderr)}`);
}

/** Installs what the page is made of, if it is not there yet: npm packages into `dashboard/node_modules`. */
export async function install(): Promise<void> {
  await run(["install", "--quiet", "--frozen"]);
}
