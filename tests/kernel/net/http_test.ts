import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { fetchUrl, parseUrl } from "../../../kernel/apps/http/mod.ts";
import { BigFile } from "../../../kernel/apps/http/big_file.ts";
import { Sha256 } from "../../../kernel/apps/http/sha256.ts";
import { sleep, type Task, yieldNow } from "../../../kernel/executor.ts";
import { bytesOf, pair, textOf } from "./_world.ts";
import { onceTest } from "../../support/once.ts";
import { ask, assertQuiet, CLOSE, GET, site, statusOf } from "./_site.ts";

for (const where of ["wire", "loopback"] as const) {
  onceTest(`GET and HEAD give the same head, one with and one without the body, over ${where}`, () => {
    const s = site({}, {}, where);
    const [head, body] = ask(s, GET("/", CLOSE)).split("\r\n\r\n");
    assertMatch(head, /^HTTP\/1\.1 200 OK\r\n/);
    assertMatch(body, /^<!doctype html>[\s\S]*<title>Pagurus<\/title>[\s\S]*<\/html>\n<end>$/);
    const length = Number(/Content-Length: (\d+)/.exec(head)![1]);
    assertEquals(bytesOf(body.replace("<end>", "")).length, length);
    assertEquals(ask(s, GET("/", CLOSE).replace("GET", "HEAD")), `${head}\r\n\r\n<end>`);
    assertQuiet(s);
  });
}

onceTest(
  "a connection serves one request after the other, also those that came before they were asked for",
  () => {
    const s = site();
    const answers = ask(s, GET("/hello.txt") + GET("/robots.txt") + GET("/nope") + GET("/hello.txt", CLOSE));
    assertEquals([...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map((m) => m[1]), ["200", "200", "404", "200"]);
    assertEquals(answers.split("Hello from the unikernel!").length, 3);
    assertEquals([s.server.counters.connections, s.server.counters.requests], [1, 4]);
    assertMatch(
      ask(s, GET("/hello.txt"), 5e9, GET("/hello.txt", CLOSE)),
      /keep-alive[\s\S]*close[\s\S]*<end>$/,
    );
    assertQuiet(s);
  },
);

onceTest("HTTP/1.0 ends after the answer, unless it asks otherwise", () => {
  const s = site();
  assertMatch(ask(s, "GET /hello.txt HTTP/1.0\r\n\r\n"), /Connection: close[\s\S]*<end>$/);
  const kept = ask(
    s,
    "GET /hello.txt HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /hello.txt HTTP/1.0\r\n\r\n",
  );
  assertEquals(kept.split("200 OK").length, 3);
});

onceTest("what is wrong with a request is said, by its number, and then the connection ends", () => {
  const s = site();
  const cases: [number, string][] = [
    [400, "hello\r\n\r\n"],
    [400, "GET /\r\n\r\n"],
    [400, "GET / HTTP/x.y\r\nHost: x\r\n\r\n"],
    [400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"],
    [400, "GET / HTTP/1.1\r\n\r\n"],
    [400, "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"],
    [400, "GET / HTTP/1.1\r\nHost : x\r\n\r\n"],
    [400, "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n"],
    [400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"],
    [400, "GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n"],
    [400, "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"],
    [400, "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"],
    [400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"],
    [400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    [400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"],
    [400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
    [400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"],
    [400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    [413, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"],
    [414, `GET /${"a".repeat(9000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
    [417, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: wonders\r\n\r\n"],
    [431, `GET / HTTP/1.1\r\nHost: x\r\n${"A: b\r\n".repeat(200)}\r\n`],
    [431, `GET / HTTP/1.1\r\nHost: x\r\nA: ${"b".repeat(40_000)}\r\n\r\n`],
    [431, `GET / HTTP/1.1\r\nHost: x\r\nA: ${"b".repeat(200_000)}`],
    [501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"],
    [501, "BREW / HTTP/1.1\r\nHost: x\r\n\r\n"],
    [505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n"],
    [505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ];
  for (const [status, request] of cases) {
    const answer = ask(s, request);
    assertEquals(statusOf(answer), status, `${JSON.stringify(request.slice(0, 80))}: ${answer}`);
    assertMatch(answer, /Connection: close\r\n/);
    assertMatch(answer, /<end>$/);
  }
  assertEquals(s.host.stack.tcp.counters.resetsOut, 0, "a reset could take the answer from the client");
  assertQuiet(s);
});

onceTest("what is not there, and what may not be done, leave the connection as it is", () => {
  const s = site();
  for (
    const path of [
      "/nope",
      "/..",
      "/../etc/passwd",
      "/%2e%2e/",
      "/big/",
      "/big/5000",
      "/big/-1",
      "/big/1e9",
      "/big/1.md5",
    ]
  ) {
    const answer = ask(s, GET(path) + GET("/hello.txt", CLOSE));
    assertEquals(statusOf(answer), 404, path);
    assertStringIncludes(answer, "Hello from the unikernel!");
  }
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"]) {
    const request = `${method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc`;
    const answer = ask(s, request + GET("/hello.txt", CLOSE));
    assertEquals(statusOf(answer), 405, method);
    assertStringIncludes(answer, "Allow: GET, HEAD\r\n");
    assertStringIncludes(answer, "Hello from the unikernel!");
  }
  assertEquals(statusOf(ask(s, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), 405);
  assertEquals(statusOf(ask(s, GET("http://x/hello.txt?query#part", CLOSE))), 200);
  assertEquals(statusOf(ask(s, "\r\n\r\n" + GET("/", CLOSE))), 200);
  // The pieces in which a head comes may end anywhere.
  const head = GET("/hello.txt", CLOSE);
  for (let cut = 1; cut < head.length; cut++) {
    assertEquals(statusOf(ask(s, head.slice(0, cut), 1e6, head.slice(cut))), 200, `${cut}`);
  }
  assertEquals(statusOf(ask(s, "GET / HTTP/1.1\nHost: x\nConnection: close\n\n")), 200);
});

onceTest(
  "bodies: with a length, in chunks with extensions and trailers, in pieces, with 100-continue",
  () => {
    const s = site();
    const post = (fields: string, ...body: (string | number)[]) =>
      ask(s, `POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/x\r\n${CLOSE}${fields}\r\n`, ...body);
    assertMatch(
      post("Content-Length: 5\r\n", "ab", 1e9, "cde"),
      /200 OK[\s\S]*text\/x[\s\S]*\r\n\r\nabcde<end>$/,
    );
    const chunked = "Transfer-Encoding: chunked\r\n";
    assertMatch(
      post(chunked, "3;x=y\r\nabc\r\n", 1e9, "2\r", "\nde\r\n0\r\nTrailer: t\r\n\r\n"),
      /\r\n\r\nabcde<end>$/,
    );
    assertMatch(post(chunked, "0\r\n\r\n"), /Content-Length: 0\r\n/);
    assertMatch(
      post("Content-Length: 3\r\nExpect: 100-continue\r\n", 1e9, "abc"),
      /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK[\s\S]*\r\n\r\nabc<end>$/,
    );
    const large = "x".repeat(1 << 20);
    assertStringIncludes(post(`Content-Length: ${large.length}\r\n`, large), `\r\n\r\n${large}<end>`);
    assertEquals(
      statusOf(post(chunked, "fffff\r\n" + "x".repeat(0xfffff) + "\r\nff\r\n" + "y".repeat(255) + "\r\n")),
      413,
    );
    assertQuiet(s);
  },
);

onceTest("an ETag that the client has is answered with 304 and no body", () => {
  const s = site();
  const etag = /ETag: (".*?")/.exec(ask(s, GET("/hello.txt", CLOSE)))![1];
  const again = ask(s, GET("/hello.txt", `If-None-Match: "other", ${etag}\r\n${CLOSE}`));
  assertMatch(again, /^HTTP\/1\.1 304 Not Modified\r\n[\s\S]*\r\n\r\n<end>$/);
  assertEquals(statusOf(ask(s, GET("/hello.txt", `If-None-Match: "other"\r\n${CLOSE}`))), 200);
});

for (const faults of [{}, { loss: 0.05, duplicate: 0.02, reorder: 0.1 }]) {
  onceTest(
    `a large body arrives whole; its SHA-256 is that of its own file; wire: ${JSON.stringify(faults)}`,
    async () => {
      const s = site();
      s.world.faults = faults;
      const hash = new Sha256();
      const collected: Uint8Array[] = [];
      const fetched = s.client.spawn(
        "wget",
        fetchUrl(s.client.net, { host: "10.0.0.2", port: 80, target: "/big/2" }, (bytes) => {
          hash.update(bytes);
          collected.push(bytes.slice());
        }),
      );
      const { head, length } = s.world.finish(fetched, 3600e9);
      assertEquals([head.status, length], [200, 2 << 20]);
      const digest = hash.hex();
      const whole = new Uint8Array(await new Blob(collected as Uint8Array<ArrayBuffer>[]).arrayBuffer());
      const official = new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
      assertEquals(digest, Array.from(official, (b) => b.toString(16).padStart(2, "0")).join(""));
      assertMatch(ask(s, GET("/big/2.sha256", CLOSE)), new RegExp(`\r\n\r\n${digest}  2\n<end>$`));
      if ("loss" in faults) assert(s.host.stack.tcp.counters.retransmitted > 0);
    },
  );
}

onceTest("two clients that read the same large file at different speeds get the same", () => {
  const big = new BigFile();
  const run = function* (hash: Sha256, every: number): Task<void> {
    let n = 0;
    yield* big.read(1 << 20, function* (bytes) {
      // Looks at the bytes in two steps, as a socket without room does.
      hash.update(bytes.subarray(0, bytes.length >> 1));
      if (++n % every === 0) yield* yieldNow();
      hash.update(bytes.subarray(bytes.length >> 1));
    });
  };
  const { world, a } = pair();
  const hashes = [1, 3, 1000].map((every) => {
    const hash = new Sha256();
    return { hash, task: a.spawn("reader", run(hash, every)) };
  });
  const digests = hashes.map(({ hash, task }) => {
    world.finish(task);
    return hash.hex();
  });
  assertEquals(new Set(digests).size, 1);
});

onceTest("SHA-256 is the official one, in whatever pieces", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(80)), async (bytes, cuts) => {
      const hash = new Sha256();
      let at = 0;
      for (const cut of cuts) hash.update(bytes.subarray(at, at += cut));
      hash.update(bytes.subarray(at));
      const official = new Uint8Array(
        await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>),
      );
      assertEquals(hash.hex(), Array.from(official, (b) => b.toString(16).padStart(2, "0")).join(""));
    }),
    { numRuns: 100 },
  );
});

onceTest("/metrics are what Prometheus reads, and count what happened", () => {
  const s = site();
  ask(s, GET("/hello.txt", CLOSE));
  const body = ask(s, GET("/metrics", CLOSE)).split("\r\n\r\n")[1].replace("<end>", "");
  const types = new Map<string, string>();
  for (const line of body.trimEnd().split("\n")) {
    const type = /^# TYPE (\w+) (counter|gauge)$/.exec(line);
    if (type !== null) types.set(type[1], type[2]);
    if (line.startsWith("#")) continue;
    const sample = /^([a-zA-Z_:][\w:]*)(\{(\w+="[^"]*"(,\w+="[^"]*")*)?\})? -?\d+(\.\d+)?(e[+-]\d+)?$/.exec(
      line,
    );
    assert(sample !== null, line);
    assert(types.has(sample[1]), `no type for ${sample[1]}`);
  }
  assertMatch(body, /^pagurus_tcp_events_total\{event="passiveOpens"\} 2$/m);
  assertMatch(body, /^pagurus_net_receive_frames_total\{interface="eth0"\} [1-9]\d*$/m);
  assertMatch(body, /^pagurus_tcp_retransmitted_segments_total 0$/m);
});

onceTest("URLs are taken apart as they should be", () => {
  assertEquals(parseUrl("http://10.0.2.2:8000/a?b#c"), { host: "10.0.2.2", port: 8000, target: "/a?b" });
  assertEquals(parseUrl("example.com"), { host: "example.com", port: 80, target: "/" });
  for (const bad of ["", "ftp://x/", "http://", "http://x:0/", "http://x:99999/", "http://a b/"]) {
    assertEquals(parseUrl(bad), undefined, bad);
  }
});

onceTest(
  "the client takes chunks, a length, or the end of the connection, and says what makes no sense",
  () => {
    const { world, a, b } = pair();
    const listener = b.net.stream();
    listener.bind({ address: 0, port: 80 });
    listener.listen();
    const fetchOf = (...answer: string[]) => {
      b.spawn(
        "server",
        (function* (): Task<void> {
          const socket = yield* listener.accept();
          yield* socket.recv(new Uint8Array(1000));
          for (const piece of answer) {
            yield* socket.send(bytesOf(piece));
            yield* sleep(b.executor, 1e6);
          }
          socket.shutdown("SHUT_WR");
          yield* socket.recv(new Uint8Array(1000));
          socket.close();
        })(),
      );
      let text = "";
      const url = { host: "10.0.0.2", port: 80, target: "/" };
      const task = a.spawn("wget", fetchUrl(a.net, url, (bytes) => void (text += textOf(bytes))));
      try {
        const { head } = world.finish(task);
        return `${head.status} ${text}`;
      } catch (error) {
        return `${(error as Error).name}`;
      }
    };
    assertEquals(fetchOf("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), "200 abc");
    assertEquals(
      fetchOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n"),
      "200 abc",
    );
    assertEquals(fetchOf("HTTP/1.0 200 OK\r\n\r\n", "ab", "c"), "200 abc");
    assertEquals(
      fetchOf("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
      "404 ",
    );
    assertEquals(fetchOf("220 smtp ready\r\n\r\n"), "HttpError");
    assertEquals(fetchOf("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), "HttpError");
    assertEquals(fetchOf(""), "HttpError");
  },
);
