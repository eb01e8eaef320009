import { assertEquals, assertThrows } from "@std/assert";
import { Env, EnvError, splitWords } from "../../kernel/env.ts";

Deno.test("every option of Hermit's command line", () => {
  const env = Env.parse(
    "/boot/app -ip 10.0.5.3 -mask 255.255.255.0 -gateway 10.0.5.1 -freq 2400 -mount /tmp " +
      "env=A=b=c env=EMPTY= virtio_mmio.device=4K@0xfeb00e00:12 -- -ip x env=Z=1",
  );
  assertEquals(env.imagePath, "/boot/app");
  assertEquals(env.freq, 2400);
  assertEquals([...env.vars], [
    ["HERMIT_IP", "10.0.5.3"],
    ["HERMIT_MASK", "255.255.255.0"],
    ["HERMIT_GATEWAY", "10.0.5.1"],
    ["UHYVE_MOUNT", "/tmp"],
    ["A", "b=c"],
    ["EMPTY", ""],
  ]);
  assertEquals(env.mmio, ["4K@0xfeb00e00:12"]);
  assertEquals(env.args, ["-ip", "x", "env=Z=1"]);
  assertEquals(env.ignored, []);
});

Deno.test("what means nothing is kept aside; a missing or bad value is an error", () => {
  assertEquals(Env.parse("image env=A a=b more").ignored, ["env=A", "a=b", "more"]);
  assertEquals(Env.parse("").vars.size, 0);
  assertThrows(() => Env.parse("-ip"), EnvError, "'-ip' requires a value");
  for (const bad of ["65536", "-1", "2.5", "fast"]) {
    assertThrows(() => Env.parse(`-freq ${bad}`), EnvError, bad);
  }
  assertEquals(Env.parse("toString constructor").ignored, ["constructor"]);
});

Deno.test("log level from the environment", () => {
  assertEquals(Env.parse("").logLevel, "info");
  assertEquals(Env.parse("env=HERMIT_LOG_LEVEL_FILTER=debug").logLevel, "debug");
});

Deno.test("words as the shell splits them", () => {
  // The first are the shlex crate's own cases.
  const cases: [string, string[]][] = [
    ["foo$baz", ["foo$baz"]],
    ["foo baz", ["foo", "baz"]],
    ['foo"bar"baz', ["foobarbaz"]],
    ['foo "bar"baz', ["foo", "barbaz"]],
    ["   foo \nbar", ["foo", "bar"]],
    ["foo\\\nbar", ["foobar"]],
    ['"foo\\\nbar"', ["foobar"]],
    ["'baz\\$b'", ["baz\\$b"]],
    ["'baz\\''", []],
    ["\\", []],
    ['"\\', []],
    ["'\\", []],
    ['"', []],
    ["foo #bar", ["foo"]],
    ["foo #bar\nbaz", ["foo", "baz"]],
    ["foo#bar", ["foo#bar"]],
    ['"\\n" ""', ["\\n", ""]],
    ["a 'open", ["a"]],
  ];
  for (const [text, words] of cases) assertEquals(splitWords(text), words, text);
});
