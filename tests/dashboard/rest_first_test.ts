import { assertEquals, assertMatch } from "@std/assert";
import { DEMO_SETUP } from "../../dashboard/lib/link.ts";
import type { CallName, Calls, Reply, Request } from "../../dashboard/lib/protocol.ts";
import { restFirst } from "../../dashboard/worker/rest_first.ts";
import { onceTest as test } from "../support/once.ts";

/** What reaches the server, and how often the rest was asked for; `arrive` lets it come. */
function watched() {
  const served: number[] = [], refused: Reply[] = [];
  let loads = 0;
  let arrive: (error?: Error) => void = () => {};
  const load = () =>
    new Promise<void>((resolve, reject) => {
      loads++;
      arrive = (error) => error === undefined ? resolve() : reject(error);
    });
  const take = restFirst((r) => served.push(r.id), load, (reply) => refused.push(reply));
  return {
    served,
    refused,
    take,
    loads: () => loads,
    arrive: async (error?: Error) => {
      arrive(error);
      await new Promise((resolve) => setTimeout(resolve));
    },
  };
}

const ask = <K extends CallName>(id: number, call: K, args: Calls[K]["args"]): Request => ({
  id,
  call,
  args,
});
const look = (id: number) => ask(id, "events", { from: 0, count: 1 });
const demo = (id: number) => ask(id, "boot", { setup: DEMO_SETUP.pci });
const typed = (id: number) => ask(id, "input", { chardev: "char0", bytes: new Uint8Array(1), at: -1 });

test("the demo machine boots, and is looked at, without the rest", () => {
  const w = watched();
  for (const request of [demo(1), look(2)]) w.take(request);
  assertEquals([w.served, w.loads()], [[1, 2], 0]);
});

test("another machine, another application and input wait for it, once, and keep their order", async () => {
  for (
    const other of [
      { ...DEMO_SETUP.pci, app: "httpd" },
      { ...DEMO_SETUP.pci, words: DEMO_SETUP.pci.words + " -device virtio-rng-pci" },
    ]
  ) {
    const w = watched();
    w.take(ask(1, "boot", { setup: other }));
    w.take(typed(2));
    w.take(look(3));
    w.take(demo(4));
    assertEquals([w.served, w.loads()], [[3], 1], "who looks on does not wait, who boots does");
    await w.arrive();
    assertEquals(w.served, [3, 1, 2, 4]);
    w.take(typed(5));
    assertEquals([w.served.at(-1), w.loads()], [5, 1]);
  }
});

test("where it cannot be loaded the answer says so, and the next try loads again", async () => {
  const w = watched();
  w.take(typed(1));
  await w.arrive(new Error("no network"));
  assertMatch(JSON.stringify(w.refused), /"id":1.*rest of the kernel cannot be loaded: no network/);
  w.take(typed(2));
  assertEquals(w.loads(), 2);
  await w.arrive();
  assertEquals(w.served, [2]);
});
