import { TRANSPORT } from "#transport";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { curl, type Guest, has, machineWords, sha256, startGuest } from "./support.ts";

/**
 * curl, from outside, against the web server in the unikernel: through the host's sockets, the user network's TCP, the
 * card, the driver and the kernel's TCP.
 */

const CURL = await has("curl");
if (!CURL) console.log("ignored: tests with curl (apt-get install curl)");
/** Not in the runs with an offset in device memory: nothing here depends on it. */
const HERE = Deno.env.get("CAREFUL") !== "1";

function curlTest(
  name: string,
  netdev: string,
  device: string,
  run: (guest: Guest, url: string) => Promise<void>,
  options: string[] = [],
): void {
  if (!HERE) return;
  Deno.test({
    name,
    ignore: !CURL,
    async fn() {
      const guest = await startGuest(
        ["httpd", ...options],
        machineWords(`user,id=n0,hostfwd=tcp::0-:9975${netdev}`, device),
      );
      let output = "";
      try {
        await run(guest, `http://127.0.0.1:${guest.port}`);
      } finally {
        output = await guest.stop();
      }
      assert(!/ERROR|panic|not freed|^(?:violation|warning|note): /im.test(output), output);
    },
  });
}

/** A body of `mib` MiB has the digest that the server says. */
async function bigBody(url: string, mib: number): Promise<void> {
  const [body, digest] = await Promise.all([curl(`${url}/big/${mib}`), curl(`${url}/big/${mib}.sha256`)]);
  assertEquals([body.code, body.out.length], [0, mib << 20]);
  assertEquals(await sha256(body.out as Uint8Array<ArrayBuffer>), digest.text.split(" ")[0]);
}
/** So many requests at once, each on a connection of its own. */
async function parallel(url: string, count: number): Promise<void> {
  const { code, text } = await curl(
    ...["--parallel", "--parallel-immediate", "--parallel-max", `${count}`, "-H", "Connection: close"],
    ...["-o", "/dev/null", "-w", "%{http_code} %{size_download}\n", `${url}/hello.txt?[1-${count}]`],
  );
  const lines = text.trim().split("\n");
  assertEquals([code, lines.length, new Set(lines).size], [0, count, 1], lines[0]);
  assertMatch(lines[0], /^200 26$/);
}

curlTest("GET, HEAD, errors, keep-alive, 64 MiB, 200 at once", "", "", async (guest, url) => {
  assertEquals((await curl(`${url}/hello.txt`)).text, "Hello from the unikernel!\n");
  const head = await curl("-I", `${url}/hello.txt`);
  assertMatch(head.text, /^HTTP\/1\.1 200 OK\r\n/);
  assertMatch(head.text, /content-length: 26\r\n/i);
  const status = async (...args: string[]) =>
    (await curl("-o", "/dev/null", "-w", "%{http_code}", ...args)).text;
  assertEquals(await status(`${url}/nowhere`), "404");
  assertEquals(await status("-H", "Host:", `${url}/hello.txt`), "400");
  const connects = await curl(
    "-w",
    "%{num_connects}",
    "-o",
    "/dev/null",
    `${url}/hello.txt`,
    "-o",
    "/dev/null",
    `${url}/`,
  );
  assertEquals(connects.text, "10", "the second request goes over the first one's connection");
  const back = await curl("--data-binary", "x".repeat(100_000), `${url}/echo`);
  assertEquals(back.text, "x".repeat(100_000));
  // Once is enough for what takes seconds.
  await bigBody(url, TRANSPORT === "pci" ? 64 : 8);
  await parallel(url, 200);
  assertStringIncludes((await curl(`${url}/metrics`)).text, "pagurus_tcp_events_total");
  assertEquals(guest.output().match(/leads to port 9975/g)?.length, 1);
});

curlTest("packed ring, pairs of queues", "", ",packed=on,mq=on", async (_, url) => {
  await bigBody(url, 8);
  await parallel(url, 50);
});

for (const device of ["", ",packed=on,mq=on", ",mrg_rxbuf=off,csum=off,guest_csum=off"]) {
  curlTest(
    `strict: no rule is broken on a bad link (virtio-net${device})`,
    ",x-loss=5%,x-dup=5%",
    device,
    async (_, url) => {
      await bigBody(url, 1);
      await parallel(url, 50);
    },
    ["--strict"],
  );
}

curlTest("5 % loss, duplication and reordering", ",x-loss=5%,x-dup=5%,x-reorder=5%", "", async (_, url) => {
  await bigBody(url, 8);
  await parallel(url, 200);
});

curlTest("corruption and delay", ",x-corrupt=2%,x-delay=1ms", "", async (_, url) => {
  await bigBody(url, 2);
  await parallel(url, 20);
});

curlTest(
  "clients that send garbage, half a request or nothing do not bring it down",
  "",
  "",
  async (guest, url) => {
    const connect = () => Deno.connect({ hostname: "127.0.0.1", port: guest.port });
    const texts = [
      "",
      "GET / HTTP/1.1\r\nHo",
      "\x00\xff\x13garbage\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    const open = await Promise.all(Array.from({ length: 400 }, connect));
    await Promise.all(open.map(async (conn, i) => {
      if (texts[i % 4] !== "") await conn.write(new TextEncoder().encode(texts[i % 4])).catch(() => {});
    }));
    assertEquals((await curl(`${url}/hello.txt`)).code, 0, "meanwhile");
    for (const conn of open) conn.close();
    assertEquals((await curl(`${url}/hello.txt`)).code, 0, "afterwards");
  },
);
