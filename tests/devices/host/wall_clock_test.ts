import { assert } from "@std/assert";
import { wallClock } from "../../../devices/host/wall_clock.ts";

Deno.test("the host's clock wakes not before its time, and never once it was cancelled", async () => {
  for (const ms of [0, 0.3, 5]) {
    const from = wallClock.now();
    await new Promise<void>((wake) => wallClock.after(ms * 1e6, wake));
    assert(wallClock.now() - from >= ms * 1e6);
  }
  let rang = false;
  for (const ms of [0, 1, 4]) wallClock.after(ms * 1e6, () => rang = true)();
  await new Promise<void>((wake) => wallClock.after(8e6, wake));
  assert(!rang);
});

Deno.test("in a turn a socket is looked at", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [there, here] = await Promise.all([
    listener.accept(),
    Deno.connect({ hostname: "127.0.0.1", port: (listener.addr as Deno.NetAddr).port }),
  ]);
  let got = 0;
  const read = here.read(new Uint8Array(1)).then((n) => got = n ?? -1);
  await there.write(Uint8Array.of(1));
  for (let i = 0; i < 3 && got === 0; i++) await wallClock.turn();
  assert(got === 1);
  await read;
  for (const c of [there, here, listener]) c.close();
});
