/** What the Fresh host needs, as far as it can be tested without JSR. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DASHBOARD, install, path } from "../../dashboard/tools/deno.ts";
import { onceTest as test } from "../support/once.ts";

async function deno(args: string[], env: Record<string, string> = {}) {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: path(DASHBOARD),
    env: { NO_COLOR: "1", ...env },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  return { success, out: text.decode(stdout), err: text.decode(stderr) };
}

test("every route and island renders on a server, where there is no document, window or worker", async () => {
  await install();
  const { success, out, err } = await deno(["run", "-A", "--no-check", "hosts/npm/server_render.ts"]);
  assert(success, err);
  const html = JSON.parse(out) as Record<string, string>;
  const files: string[] = [];
  for (const folder of ["islands", "routes"]) {
    for await (const { name } of Deno.readDir(new URL(`${folder}/`, DASHBOARD))) {
      files.push(`${folder}/${name}`);
    }
  }
  assertEquals(Object.keys(html).sort(), files.sort());
  for (const [name, text] of Object.entries(html)) assertMatch(text, /^<[a-z]+[ >]/, name);
  // The one page: its parts are there before any script has run; other views come when they are chosen.
  const page = html["routes/index.tsx"];
  for (const part of ["<h1>Pagurus</h1>", 'id="play"', 'id="time-line"', 'id="console"', 'role="tablist"']) {
    assertStringIncludes(page, part);
  }
  assertMatch(
    html["routes/_app.tsx"],
    /^<html lang="en"><head>.*href="\/styles\.css".*<body>the page<\/body><\/html>$/,
  );
});

test("an island is one function, its module's default; props there are none", async () => {
  for await (const { name } of Deno.readDir(new URL("islands/", DASHBOARD))) {
    const text = await Deno.readTextFile(new URL(`islands/${name}`, DASHBOARD));
    const exported = [...text.matchAll(/^export (.*)$/gm)].map(([, what]) => what);
    assertEquals(exported.length, 1, `${name}: ${exported.join("; ")}`);
    assertMatch(exported[0], /^default function [A-Z]\w+\((props: \{ \w+\?: string \})?\) \{$/, name);
  }
});

test("nothing of the default configuration reaches for JSR, and Fresh's has what it needs of it", async () => {
  for (const file of ["deno.json", "deno.lock", "../deno.json", "../deno.lock"]) {
    assert(!/\bjsr:/.test(await Deno.readTextFile(new URL(file, DASHBOARD))), file);
  }
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.fresh.json", DASHBOARD)));
  assertMatch(imports.fresh, /^jsr:@fresh\/core@/);
  assertMatch(imports["@fresh/plugin-vite"], /^jsr:@fresh\/plugin-vite@/);
  const npm = JSON.parse(await Deno.readTextFile(new URL("deno.json", DASHBOARD))).imports;
  for (const name of ["preact", "@preact/signals", "uplot"]) {
    const [ours, fresh] = [npm, imports].map((map) => map[name].replace(/^npm:.*@\^?/, ""));
    assertEquals(fresh, ours, `${name}: the two hosts differ`);
  }
});

test("where JSR cannot be reached, one sentence says so and names what works", async () => {
  // A port that nobody listens at.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const { success, err } = await deno(["run", "-A", "tools/fresh.ts"], {
    JSR_URL: `http://127.0.0.1:${port}/`,
  });
  assert(!success);
  assertMatch(err, /^JSR, where Fresh is published, cannot be reached.*`deno task dashboard`.*\.\n$/);
});

test("dashboard:fresh: an argument that it does not know is named", async () => {
  const { success, err } = await deno(["run", "-A", "tools/fresh.ts", "--prot", "8001"]);
  assert(!success);
  assertMatch(err, /^dashboard:fresh: '--prot': usage: .*--port N/);
});
