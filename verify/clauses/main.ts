/** `deno task clauses`: the table of clauses. See `--help`. */
import { HELP, OptionError, readOptions } from "./options.ts";
import { run } from "./run.ts";
import { surroundings } from "./surroundings.ts";

const ROOT = new URL("../../", import.meta.url);

async function main(argv: string[]): Promise<number> {
  let options;
  try {
    options = readOptions(argv);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    console.error(`clauses: ${error.message}`);
    return 2;
  }
  if (options.what === "help") {
    console.log(HELP);
    return 0;
  }
  const { out, problems, status } = run(options, await surroundings(ROOT, { read, list }));
  console.log(out);
  for (const problem of problems) console.error(`clauses: ${problem}`);
  return status;
}

/** A file's text, or undefined. */
function read(path: URL): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.IsADirectory) return undefined;
    throw error;
  }
}

/** Names in a folder; folders end in a slash. Empty if there is no such folder. */
function list(path: URL): string[] {
  try {
    return [...Deno.readDirSync(path)].map((e) => e.isDirectory ? `${e.name}/` : e.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
