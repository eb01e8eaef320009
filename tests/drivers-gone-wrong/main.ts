/**
 * What the strict machine says of a driver with a mistake: `deno task gone-wrong` lists the mistakes, with an id (or the
 * start of one) it plants them and prints the reports.
 *
 *     deno task gone-wrong split-next
 */
import { terminalReport } from "../../verify/strict/format/mod.ts";
import { RULES } from "../../verify/strict/mod.ts";
import { Hands, type Mistake, settingsOf } from "./mistake.ts";
import { MISTAKES } from "./mistakes/mod.ts";
import { settingName } from "./setting.ts";
import { drive, simulatedWorld } from "./world.ts";

const ROOT = new URL("../../", import.meta.url);

/** Lines of a file of this project, for the excerpt; undefined for others. */
function source(file: string): string[] | undefined {
  try {
    return Deno.readTextFileSync(new URL(file, ROOT)).split("\n");
  } catch {
    return undefined;
  }
}

/** Runs the driver with the mistake once, and prints what is said of it. */
function show(mistake: Mistake): void {
  const setting = settingsOf(mistake)[0];
  const world = simulatedWorld(setting, RULES);
  if (mistake.on.input !== undefined) world.type(mistake.on.input);
  mistake.plant(new Hands(world.student));
  const { reports, error } = drive(world);
  console.log(`== ${mistake.id} (${settingName(setting)}): ${mistake.what}\n`);
  const options = { color: Deno.stdout.isTerminal(), source };
  for (const report of reports) console.log(terminalReport(report, options));
  console.log(error === undefined ? "The driver noticed nothing.\n" : `The driver ended with ${error}\n`);
}

const wanted = Deno.args.filter((a) => a !== "--");
if (wanted.length === 0) {
  for (const { id, what, expect } of MISTAKES) console.log(`${id}: ${what} [${expect.rule}]`);
} else {
  const found = MISTAKES.filter((m) => wanted.some((start) => m.id.startsWith(start)));
  if (found.length === 0) {
    console.error(
      `gone-wrong: no mistake begins with '${wanted.join("' or '")}'; without argument all are listed`,
    );
    Deno.exit(2);
  }
  for (const mistake of found) show(mistake);
}
