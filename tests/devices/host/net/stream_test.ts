import { once } from "../../net/once.ts";
import { assert, assertEquals } from "@std/assert";
import { TcpListener, TcpStream } from "../../../../devices/host/net/mod.ts";
import type { HostStream } from "../../../../devices/net/user/mod.ts";

/** Waits for the next event of something. */
const event = (of: { onEvent: (() => void) | undefined }) => new Promise<void>((r) => of.onEvent = r);

async function pair(): Promise<{ stream: HostStream; conn: Deno.TcpConn; listener: TcpListener }> {
  const listener = new TcpListener("127.0.0.1", 0);
  const arrived = event(listener);
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: listener.port });
  await arrived;
  return { stream: listener.accept()!, conn, listener };
}
async function readAll(conn: Deno.Conn): Promise<Uint8Array> {
  return new Uint8Array(await new Response(conn.readable).arrayBuffer());
}
const pattern = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));

once("megabytes go both ways at once, whole and in order, and both ends close", async () => {
  const { stream, conn, listener } = await pair();
  assertEquals([stream.state, stream.remoteAddress], ["open", 0x7f000001]);
  assertEquals(stream.remotePort, (conn.localAddr as Deno.NetAddr).port);
  const sent = pattern(3_000_000);
  const writing = (async () => {
    const writer = conn.writable.getWriter();
    await writer.write(sent);
    await conn.closeWrite();
    writer.releaseLock();
  })();
  const echoed = (async () => {
    const chunks: number[] = [];
    const buffer = new Uint8Array(65536);
    for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
      for (let i = 0; i < n; i++) chunks.push(buffer[i]);
    }
    return Uint8Array.from(chunks);
  })();
  let largest = 0;
  for (;;) {
    const next = event(stream);
    while (stream.input.length > 0 && stream.space.length > 0) {
      const n = Math.min(stream.input.length, stream.space.length);
      largest = Math.max(largest, stream.input.length);
      stream.space.set(stream.input.subarray(0, n));
      stream.commit(n);
      stream.take(n);
    }
    if (stream.state !== "open") break;
    await next;
  }
  assertEquals(stream.state, "ended");
  stream.end();
  assertEquals(await echoed, sent);
  await writing;
  assert(largest <= 262144);
  conn.close();
  listener.close();
});

once("a peer that reads nothing: the stream takes a bounded amount, and no more", async () => {
  const { stream, conn, listener } = await pair();
  let taken = 0;
  for (let idle = 0; idle < 5;) {
    const { length } = stream.space;
    if (length > 0) idle = 0;
    stream.commit(length);
    taken += length;
    await new Promise((r) => setTimeout(r, 5));
    idle++;
  }
  assertEquals(stream.space.length, 0);
  assert(taken < 16e6, `${taken} bytes`);
  stream.abort();
  conn.close();
  listener.close();
});

once("what is not taken is not read: the peer has to wait", async () => {
  const { stream, conn, listener } = await pair();
  let written = 0;
  const piece = new Uint8Array(65536);
  const writing = (async () => {
    try {
      while (written < 64e6) written += await conn.write(piece);
    } catch {
      // Aborted below.
    }
  })();
  await new Promise((r) => setTimeout(r, 100));
  const after = written;
  await new Promise((r) => setTimeout(r, 50));
  assertEquals(written, after, "the peer is stopped");
  assertEquals(stream.input.length, 4096);
  stream.abort();
  await writing;
  conn.close();
  listener.close();
});

once(
  "a connection that cannot be made has failed, one that is reset too, and an abort is silent",
  async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    const refused = new TcpStream(Deno.connect({ hostname: "127.0.0.1", port }));
    assertEquals(refused.state, "connecting");
    await event(refused);
    assertEquals(refused.state, "failed");
    assert(refused.failure!.includes("refused"));

    const { stream, conn, listener: own } = await pair();
    conn.close();
    while (stream.state !== "failed") {
      // The first goes out and is answered by a reset.
      stream.commit(stream.space.length);
      await new Promise((r) => setTimeout(r, 5));
    }
    own.close();

    const early = new TcpStream(
      Deno.connect({ hostname: "127.0.0.1", port }).catch((e) => Promise.reject(e)),
    );
    early.onEvent = () => {
      throw new Error("an event after an abort");
    };
    early.abort();
    await new Promise((r) => setTimeout(r, 10));
  },
);

once("a listener holds few connections, and closing it drops them", async () => {
  const listener = new TcpListener("127.0.0.1", 0);
  const conns = await Promise.all(
    Array.from({ length: 40 }, () => Deno.connect({ hostname: "127.0.0.1", port: listener.port })),
  );
  await new Promise((r) => setTimeout(r, 30));
  const taken: HostStream[] = [];
  for (let i = 0; i < 20; i++) {
    const stream = listener.accept();
    if (stream !== undefined) taken.push(stream);
  }
  assertEquals(taken.length, 16);
  listener.close();
  for (const stream of taken) stream.abort();
  const ends = await Promise.all(conns.map((c) => readAll(c).then((b) => b.length, () => 0)));
  assertEquals(ends, new Array(40).fill(0));
});
