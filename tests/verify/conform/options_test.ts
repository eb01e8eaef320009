import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { main } from "../../../verify/conform/main.ts";
import { readConformOptions } from "../../../verify/conform/options.ts";
import { UsageError } from "../../../devices/description/mod.ts";
import { ONCE } from "../../support/once.ts";

const once = (name: string, fn: () => void | Promise<void>) => ONCE && Deno.test(name, fn);

/** Runs the tool here; what it printed. */
async function tool(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const { log, error } = console;
  const out: string[] = [], err: string[] = [];
  console.log = (text: string) => void out.push(text);
  console.error = (text: string) => void err.push(text);
  try {
    return { code: await main(argv), out: out.join("\n"), err: err.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}

once("a plain run is everything with 200 programs; a part that is named is run alone", () => {
  const plain = readConformOptions([]);
  assertEquals([plain.what, plain.static, plain.probes, plain.random, plain.seed], [
    "run",
    true,
    true,
    200,
    1,
  ]);
  const parts = (...argv: string[]) => {
    const o = readConformOptions(argv);
    return [o.static, o.probes, o.random];
  };
  assertEquals(parts("--static"), [true, false, 0]);
  assertEquals(parts("--probes"), [false, true, 0]);
  assertEquals(parts("--random", "7"), [false, false, 7]);
  assertEquals(parts("--static", "--random=7"), [true, false, 7]);
  assertEquals(parts("--", "--probes", "--static"), [true, true, 0]);
  const o = readConformOptions(["--random", "9", "--seed", "5", "--filter", "x", "--json", "a", "--junit=b"]);
  assertEquals([o.random, o.seed, o.filter, o.json, o.junit], [9, 5, "x", "a", "b"]);
});

once("wrong options are named, with what is possible", () => {
  const refuse = (argv: string[], text: string) =>
    assertThrows(() => readConformOptions(argv), UsageError, text);
  refuse(["--statics"], "--statics: unknown option (possible: --static, --probes");
  refuse(["rng"], "rng: unknown option");
  refuse(["-x"], "-x: unknown option");
  refuse(["--static=1"], "--static: takes no value");
  refuse(["--random"], "--random: needs a value");
  refuse(["--json", "--static"], "--json: needs a value");
  refuse(["--filter="], "--filter: needs a value");
  refuse(["--random", "many"], "--random many: expected a whole number from 0 to 1000000000");
  refuse(["--random", "-1"], "expected a whole number");
  refuse(["--seed", "4294967296"], "from 0 to 4294967295");
  refuse(["--seed", "1", "--seed", "2"], "--seed: given twice");
  refuse(["--static", "--seed", "1"], "--seed: is about random programs");
  refuse(["--probes", "--only", "rng-pci-split"], "--only: is about random programs");
});

once("the tool says what is wrong and ends with 2; help and list need no QEMU", async () => {
  const wrong = await tool("--nonsense");
  assertEquals([wrong.code, wrong.out], [2, ""]);
  assertStringIncludes(wrong.err, "conform: --nonsense: unknown option");
  const nothing = await tool("--filter", "no such check");
  assertEquals(nothing.code, 2);
  assertStringIncludes(nothing.err, "no check has this");
  for (const only of ["rn", "rng#1", "rng-pci-split#", "rng-pci-split#x"]) {
    const target = await tool("--random", "1", "--only", only);
    assertEquals(target.code, 2);
    assertStringIncludes(
      target.err,
      `--only ${only}: expected a target, the beginning of one, or target#number (possible: rng-pci-split,`,
    );
  }
  const help = await tool("-h");
  assertEquals(help.code, 0);
  for (
    const word of [
      "--static",
      "--probes",
      "--random",
      "--seed",
      "--only",
      "--filter",
      "--json",
      "--junit",
      "--list",
      "apt-get",
    ]
  ) {
    assertStringIncludes(help.out, word);
  }
  const list = await tool("--list", "--probes", "--filter", "one-buffer");
  assertEquals(list.code, 0);
  assertStringIncludes(list.out, "rng-mmio/packed/one-buffer | virtio 1.4, 2.7.5 | one buffer to write");
  assertStringIncludes((await tool("--list", "--random", "1")).out, "random programs: rng-pci-split");
  assertEquals(
    (await tool("--list", "--random", "1", "--only", "rng-pci-split#7")).out,
    "random programs: rng-pci-split#7",
  );
});

once("without QEMU the tool says how to get it and ends with 3", async () => {
  const bin = await Deno.makeTempDir();
  try {
    // A host that has nothing but setsid.
    await Deno.symlink("/usr/bin/setsid", `${bin}/setsid`);
    const root = new URL("../../../", import.meta.url);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        "--quiet",
        "verify/conform/main.ts",
        "--probes",
        "--filter",
        "one-buffer",
      ],
      cwd: root,
      env: { PATH: bin, NO_COLOR: "1" },
      stdout: "null",
      stderr: "piped",
    }).output();
    const text = new TextDecoder().decode(stderr);
    assertEquals(code, 3, text);
    assertStringIncludes(text, "apt-get install --no-install-recommends qemu-system-x86");
    assert(!text.includes("error: Uncaught"), text);
  } finally {
    await Deno.remove(bin, { recursive: true });
  }
});
