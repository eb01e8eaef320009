import { testUnless } from "../support/once.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Client } from "../../dashboard/lib/client.ts";
import { socketPort } from "../../dashboard/lib/ports.ts";
import type { News } from "../../dashboard/lib/protocol.ts";
import { Session } from "../../dashboard/lib/session.ts";
import { type Page, PageServer } from "../../dashboard/tools/page_server.ts";
import { loadTrace } from "../../dashboard/tools/trace_file.ts";
import { Server } from "../../dashboard/worker/serve.ts";
import { Recorder, Timeline, TraceFileError } from "../../verify/record/mod.ts";
import { jsonLine } from "../../verify/trace/mod.ts";
import { until } from "../support/dashboard.ts";
import { runTraced } from "../support/recorded.ts";

const ignore = Deno.env.get("DENO_CONDITIONS") === "mmio" || Deno.env.get("CAREFUL") === "1";
const test = testUnless(ignore);

/** A recorded run as the lines of `--trace`, and the recording itself. */
async function traced(): Promise<{ recorder: Recorder; text: string }> {
  const recorder = new Recorder();
  await runTraced(recorder, { lines: ["rng 4"] });
  const timeline = new Timeline(recorder);
  let text = "";
  for (let at = 0; at < timeline.length; at++) text += jsonLine(timeline.time(at), timeline.event(at)) + "\n";
  return { recorder, text };
}

async function loaded(text: string, limit?: number) {
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    await Deno.writeTextFile(path, text);
    return await loadTrace(path, limit);
  } finally {
    await Deno.remove(path);
  }
}

test(
  { name: "a trace file gives the recording that the machine's own recorder has" },
  async () => {
    const { recorder, text } = await traced();
    const file = await loaded(text);
    assertEquals([file.unknown, file.cut, file.recorder.length], [0, false, recorder.length]);
    const own = new Timeline(recorder), read = new Timeline(file.recorder);
    for (const at of [0, 1000, recorder.length >> 1, recorder.length - 1]) {
      const a = own.stateAt(at), b = read.stateAt(at);
      assertEquals(b.state, a.state);
      assertEquals(b.pages, a.pages);
      for (const page of a.pages) assertEquals(b.page(page), a.page(page), `page ${page} after event ${at}`);
    }
  },
);

test({ name: "trace files: cut off, from a later version, and what is none" }, async () => {
  const line = '{"t":5,"ev":"interrupt","vector":"0x21"}\n';
  const cut = await loaded(line + line + line.slice(0, 20));
  assertEquals([cut.recorder.length, cut.cut], [2, true]);
  const later = await loaded(line + '{"t":6,"ev":"quantum_leap"}\n\n' + line);
  assertEquals([later.recorder.length, later.unknown], [2, 1]);
  const error = await assertRejects(() => loaded(line + "rhubarb\n" + line), TraceFileError);
  assertStringIncludes(error.message, "line 2");
  await assertRejects(() => loaded(""), TraceFileError);
  await assertRejects(() => loaded("%PDF-1.4"), TraceFileError);
});

function serveRecording(recorder: Recorder): PageServer {
  return new PageServer({
    port: 0,
    connect(page: Page) {
      const server = new Server(recorder, {
        kind: "file",
        title: "run.jsonl",
        canBoot: false,
        canInput: false,
        canFork: false,
      });
      page.onRequest = (request) => page.post(server.answer(request));
      page.post({ news: "hello", source: server.source });
      page.post({ news: "progress", progress: server.progress("recorded") });
    },
  });
}

test(
  { name: "a session looks at a file through a WebSocket, and cannot change it" },
  async () => {
    const { recorder } = await traced();
    const server = serveRecording(recorder);
    const session = new Session();
    try {
      const url = `${server.origin.replace("http", "ws")}/socket?token=${server.token}`;
      session.attach(socketPort(new WebSocket(url)));
      await until("the end of the run", () => session.moment.value.state.at === recorder.length - 1);
      assertEquals(session.source.value?.title, "run.jsonl");
      assertEquals(session.moment.value.state, new Timeline(recorder).stateAt(recorder.length - 1).state);
      session.go(2000);
      await until("the moment", () => session.moment.value.state.at === 2000);
      await session.type("c0", new Uint8Array([10]));
      assertStringIncludes(session.error.value, "run.jsonl: cannot take input");
      const density = await session.call("density", { buckets: 10 });
      assertEquals(density!.groups.event.reduce((a, b) => a + b) > 1000, true);
    } finally {
      session.close();
      await server.close();
    }
  },
);

test(
  { name: "only the page of the link gets in: token, origin and host are looked at" },
  async () => {
    const server = serveRecording(new Recorder());
    try {
      const ask = async (path: string, headers: Record<string, string>) => {
        const { status, body } = await fetch(server.origin + path, { headers });
        await body?.cancel();
        return status;
      };
      const socket = `/socket?token=${server.token}`;
      assertEquals(await ask(socket, {}), 426);
      assertEquals(await ask("/socket?token=guess", {}), 403);
      assertEquals(await ask("/socket", {}), 403);
      assertEquals(await ask(socket, { origin: "https://evil.example" }), 403);
      assertEquals(await ask(socket, { origin: server.origin }), 426);
      for (
        const path of ["/../deno.json", "/%2e%2e/deno.json", "/..%2fdeno.json", "/nothing", "/%00", "/%ff"]
      ) {
        assertEquals(await ask(path, {}), 404, path);
      }
    } finally {
      await server.close();
    }
  },
);

test({
  name: "an answer that went astray, an end in the middle: the client says so and waits for nothing",
}, async () => {
  const sent: unknown[] = [];
  const port = {
    send: (m: unknown) => sent.push(m),
    onMessage: undefined as ((m: unknown) => void) | undefined,
    onClose: undefined as ((why: string) => void) | undefined,
    close() {},
  };
  const client = new Client(port);
  const news: News[] = [];
  client.onNews = (n) => news.push(n);
  const first = client.call("atTime", { t: 5 }), second = client.call("atTime", { t: 6 });
  port.onMessage!({ id: 99, ok: {} });
  port.onMessage!({ news: "restart", why: "boot" });
  port.onMessage!({ id: 2, ok: { at: 7 } });
  assertEquals((await second).at, 7);
  assertEquals(news.length, 1);
  port.onClose!("the machine has gone");
  const error = await assertRejects(() => first);
  assert((error as Error).message === "the machine has gone");
  await assertRejects(() => client.call("atTime", { t: 1 }));
  assertEquals(sent.length, 2);
});
