import { type Mistake, plant } from "./mistake.ts";

/** What a copy of the tree needs of the host: in `main.ts`, which alone may touch it. */
export interface TreeHost {
  read(path: string): string;
  write(path: string, text: string): void;
  /** Runs deno in the copy; output without colours. */
  deno(args: readonly string[]): Promise<{ code: number; text: string; errors: string }>;
}

/** A program that the two machines answered differently. */
export interface Shown {
  readonly index: number;
  /** The step, and what differed: `write common queue_size <- 9: status`. */
  readonly difference: string;
}

/** How a campaign in a copy is run. */
export interface CampaignOptions {
  readonly programs: number;
  readonly seed: number;
  /** Differences after which it stops. */
  readonly enough: number;
}

const CAMPAIGN = "verify/conform/random/main.ts";

/** A copy of the tree into which mistakes are planted, one at a time. */
export class Tree {
  /** What was found to type-check: once is enough. */
  private readonly checked = new Set<Mistake>();

  constructor(private readonly host: TreeHost) {}

  /** Runs `work` with the mistake in the tree. @throws {Error} if it does not fit, or does not type-check. */
  async with<T>(mistake: Mistake, work: () => Promise<T>): Promise<T> {
    const before = this.host.read(mistake.file);
    this.host.write(mistake.file, plant(mistake, before));
    try {
      if (!this.checked.has(mistake)) {
        const { code, errors } = await this.host.deno(["check", "--quiet", CAMPAIGN]);
        if (code !== 0) throw new Error(`${mistake.id} does not type-check: ${errors}`);
        this.checked.add(mistake);
      }
      return await work();
    } finally {
      this.host.write(mistake.file, before);
    }
  }
  /** The programs of a target that show a difference, in order. @throws {Error} if the campaign itself fails. */
  async campaign(target: string, { programs, seed, enough }: CampaignOptions): Promise<Shown[]> {
    const { code, text, errors } = await this.host.deno([
      ...["run", "-A", "--no-check", CAMPAIGN, "--programs", `${programs}`, "--seed", `${seed}`],
      ...["--only", target, "--enough", `${enough}`, "--shrink", "no"],
    ]);
    const shown = readShown(text);
    if (code > 1 || (code === 0) !== !text.includes("differs in")) {
      throw new Error(`the campaign on ${target} ended with ${code}: ${errors || text}`);
    }
    return shown;
  }
}

/**
 * Reads what the campaign prints of differences. That QEMU alone went away is none: it does not know of the mistake.
 */
export function readShown(text: string): Shown[] {
  return text.split(/^(?=program \S+#\d+ of seed)/m).flatMap((part) => {
    const index = /^program \S+#(\d+) of seed/.exec(part)?.[1];
    if (index === undefined) return [];
    const step = /^->\s+\d+ (.*)$/m.exec(part)?.[1].trim() ?? "?";
    const fields = /^\s+differs in (.*)$/m.exec(part)?.[1] ?? "?";
    const [ours, theirs] = ["simulated", "qemu"].map((name) =>
      new RegExp(`^\\s+${name}\\s.*gone \\[`, "m").test(part)
    );
    if (theirs && !ours) return [];
    return [{ index: Number(index), difference: `${step}: ${fields}` }];
  });
}
