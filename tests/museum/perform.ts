import type { Report } from "../../verify/strict/report.ts";
import type { Scenario } from "./piece.ts";
import { NO_REPORTS, readReports, strictWords } from "./reports.ts";
import type { Said, Tree } from "./tree.ts";
import { words } from "./words.ts";

/** Milliseconds after which a program is ended: with some mistakes a driver never comes to an end. */
const PATIENCE = 60_000;

/** What came of a scenario. */
export interface Seen {
  /** Everything went as it should, and nothing was reported. */
  readonly green: boolean;
  readonly reports: readonly Report[];
  /** What was printed, or that the program had to be ended. */
  readonly text: string;
}

/** Runs a scenario in a tree. */
export async function perform(tree: Tree, scenario: Scenario): Promise<Seen> {
  switch (scenario.kind) {
    case "run": {
      const file = `${tree.path}/museum-reports.json`;
      Deno.writeTextFileSync(file, NO_REPORTS);
      const args = [
        "run",
        "-A",
        "--no-check",
        "--quiet",
        "main.ts",
        ...strictWords(file),
        ...words(scenario.line),
      ];
      const { input, transport } = scenario;
      const said = await tree.deno(args, {
        patience: PATIENCE,
        ...(input === undefined ? {} : { input }),
        ...(transport === undefined ? {} : { transport }),
      });
      const reports = readReports(Deno.readTextFileSync(file));
      return { green: said.status === 0 && reports.length === 0, reports, text: textOf(said) };
    }
    case "scene":
      return await scene(tree, scenario.name);
    case "golden": {
      const files = scenario.files.map((file) => `tests/data/golden/${file}`);
      return plain(
        await tree.deno(["run", "-A", "--no-check", "--quiet", "verify/golden/main.ts", ...files], {
          patience: PATIENCE,
        }),
      );
    }
    case "test": {
      const filter = scenario.filter === "" ? [] : ["--filter", scenario.filter];
      return plain(
        await tree.deno(["test", "-A", "--no-check", "--quiet", ...filter, scenario.file], {
          patience: PATIENCE,
        }),
      );
    }
  }
}

interface Played {
  readonly code: number;
  readonly text: string;
  readonly reports: readonly Report[];
}

async function scene(tree: Tree, name: string): Promise<Seen> {
  const said = await tree.deno(["run", "-A", "--no-check", "--quiet", "tests/museum/scenes/main.ts", name], {
    patience: PATIENCE,
  });
  if (said.status !== 0) return { green: false, reports: [], text: textOf(said) };
  const played: Played[] = JSON.parse(said.out);
  const reports = played.flatMap((actor) => actor.reports);
  return {
    green: reports.length === 0 && played.every(({ code }) => code === 0),
    reports,
    text: played.map(({ code, text }) => `${text}\nexit status ${code}`).join("\n"),
  };
}

function plain(said: Said): Seen {
  return { green: said.status === 0, reports: [], text: textOf(said) };
}
function textOf({ status, out, errors }: Said): string {
  const end = status === undefined ? `did not end within ${PATIENCE / 1000} s` : `exit status ${status}`;
  return `${out}\n${errors}\n${end}`;
}
