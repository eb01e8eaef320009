/** The kernel's command line is wrong in a way that Hermit does not survive either. */
export class EnvError extends Error {
  override name = "EnvError";
}

/** Options that set a variable (Hermit's env module). */
const VARIABLE_OPTIONS: Readonly<Record<string, string>> = {
  "-ip": "HERMIT_IP",
  "-mask": "HERMIT_MASK",
  "-gateway": "HERMIT_GATEWAY",
  "-mount": "UHYVE_MOUNT",
};

/**
 * What the kernel was told when it was started.
 *
 * ```ts
 * import { Env } from "./env.ts";
 * const env = Env.parse("-ip 10.0.5.3 env=HERMIT_LOG_LEVEL_FILTER=debug -- shell 'two words'");
 * console.assert(env.var("HERMIT_IP") === "10.0.5.3" && env.args[1] === "two words");
 * ```
 */
export class Env {
  /** First word that is no option: the image, as some loaders put it there. */
  imagePath: string | undefined;
  /** `-freq`: MHz of the CPU. */
  freq: number | undefined;
  /** Variables by name, in the order given. */
  readonly vars = new Map<string, string>();
  /** What follows `--`: the application's arguments. */
  readonly args: string[] = [];
  /** `virtio_mmio.device=`: `4K@0xfeb00000:5`. */
  readonly mmio: string[] = [];
  /** Words that mean nothing; Hermit logs them and goes on. */
  readonly ignored: string[] = [];

  private constructor() {}

  /** @throws {EnvError} for an option without its value, or a `-freq` that is not a 16-bit number. */
  static parse(commandLine: string): Env {
    const env = new Env();
    const words = splitWords(commandLine);
    for (let i = 0; i < words.length; i++) {
      const word = words[i];
      const value = () => {
        if (++i < words.length) return words[i];
        throw new EnvError(`the argument '${word}' requires a value but none was supplied`);
      };
      if (word.startsWith("virtio_mmio.device=")) env.mmio.push(word.split("=")[1]);
      else if (word === "-freq") env.freq = u16(value());
      else if (Object.hasOwn(VARIABLE_OPTIONS, word)) env.vars.set(VARIABLE_OPTIONS[word], value());
      else if (word === "--") {
        env.args.push(...words.slice(i + 1));
        break;
      } else if (word.includes("=")) {
        const setting = /^env=([^=]*)=(.*)$/s.exec(word);
        if (setting !== null) env.vars.set(setting[1], setting[2]);
        else env.ignored.push(word);
      } else if (env.imagePath === undefined) env.imagePath = word;
      else env.ignored.push(word);
    }
    return env;
  }

  /** A variable's value. */
  var(name: string): string | undefined {
    return this.vars.get(name);
  }

  /** `HERMIT_LOG_LEVEL_FILTER`, or `info`. */
  get logLevel(): string {
    return this.var("HERMIT_LOG_LEVEL_FILTER") ?? "info";
  }
}

function u16(text: string): number {
  if (!/^\+?\d+$/.test(text) || Number(text) > 0xffff) {
    throw new EnvError(`-freq ${text}: not a number of MHz from 0 to 65535`);
  }
  return Number(text);
}

/**
 * Splits as a POSIX shell does without expansions: blanks, both quotes, backslash, `#` comments at the start of a word.
 * Nothing more is read from a word with an open quote or a lone backslash at the end.
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let at = 0;
  while (true) {
    while (at < text.length && " \t\n".includes(text[at])) at++;
    if (at >= text.length) return words;
    if (text[at] === "#") {
      const end = text.indexOf("\n", at);
      if (end < 0) return words;
      at = end;
      continue;
    }
    let word = "";
    for (; at < text.length && !" \t\n".includes(text[at]); at++) {
      const char = text[at];
      if (char === "'") {
        const end = text.indexOf("'", at + 1);
        if (end < 0) return words;
        word += text.slice(at + 1, end);
        at = end;
      } else if (char === '"') {
        for (at++; at < text.length && text[at] !== '"'; at++) {
          if (text[at] === "\\") {
            at++;
            if (at >= text.length) return words;
            if (text[at] === "\n") continue;
            if (!'$`"\\'.includes(text[at])) word += "\\";
          }
          word += text[at];
        }
        if (at >= text.length) return words;
      } else if (char === "\\") {
        if (++at >= text.length) return words;
        if (text[at] !== "\n") word += text[at];
      } else word += char;
    }
    words.push(word);
  }
}
