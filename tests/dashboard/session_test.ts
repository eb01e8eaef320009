import { testUnless } from "../support/once.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TRANSPORT } from "#transport";
import { DEMO_SETUP } from "../../dashboard/lib/link.ts";
import type { Port } from "../../dashboard/lib/protocol.ts";
import { Session } from "../../dashboard/lib/session.ts";
import { booted, idle, machinePort, quietSetup, screen, until } from "../support/dashboard.ts";

const CAREFUL = Deno.env.get("CAREFUL") === "1";
const ignore = CAREFUL;
const test = testUnless(ignore);
const type = (text: string) => new TextEncoder().encode(text);

test(
  { name: "a machine boots behind the protocol, takes input, and the console follows" },
  async () => {
    using session = await booted();
    assertStringIncludes(screen(session), "Welcome to Pagurus");
    await session.type("char0", type("echo abc\n"));
    await until("the answer", () => screen(session).includes("\nabc\n"));
    assertEquals(session.error.value, "");
  },
);

test(
  { name: "steps forwards and back show one state each; the end is followed again" },
  async () => {
    using session = await booted();
    session.go(0);
    assertEquals(session.live.value, false);
    assert(await session.step("notification"));
    await until("the moment", () => session.moment.value.state.at === session.position.value);
    const at = session.position.value;
    assertEquals(session.moment.value.state.counts.notify, 1);
    const first = structuredClone(session.moment.value.state);
    assert(await session.step("notification"));
    await until("the next moment", () => session.moment.value.state.counts.notify === 2);
    assert(await session.step("notification", -1));
    await until("the moment again", () => session.moment.value.state.at === at);
    assertEquals(session.moment.value.state, first);
    assertEquals(await session.step("task", -1), false);
    session.goLive();
    await idle(session);
  },
);

test({
  name: "memory: a page that is looked at comes with the next moment, and with all that follow",
}, async () => {
  using session = await booted();
  const root = session.moment.value.state.pageTableRoot;
  assert(root > 0);
  assertEquals(session.moment.value.read(root, 8), undefined);
  await until("the page", () => session.moment.value.read(root, 8) !== undefined);
  assertEquals(session.moment.value.read(root, 8)![0] & 1, 1);
  session.go(session.position.value - 1);
  await until("the moment", () => session.moment.value.state.at === session.position.value);
  assertEquals(session.moment.value.read(root, 8)![0] & 1, 1);
  // Never written: zeros at once.
  assertEquals(session.moment.value.read(0x30_0000, 2), new Uint8Array(2));
});

test(
  { name: "input at an earlier moment: the same run up to there, another from there on" },
  async () => {
    using session = await booted();
    await session.type("char0", type("echo one\n"));
    await until("one", () => screen(session).includes("\none\n"));
    await idle(session);
    const middle = session.progress.value.length - 1;
    await session.type("char0", type("echo two\n"));
    await until("two", () => screen(session).includes("\ntwo\n"));
    await idle(session);
    const before = await session.events(0, middle + 1);
    const length = session.progress.value.length;

    // In the middle of the second answer.
    session.go(middle + Math.floor((length - middle) / 2));
    const fork = session.position.value;
    const upTo = await session.events(0, fork + 1);
    await session.type("char0", type("echo three\n"));
    await until("three", () => screen(session).includes("\nthree\n"));
    assertEquals(session.run.value >= 2, true);
    assertEquals(await session.events(0, fork + 1), upTo);
    assertStringIncludes(screen(session), "\ntwo\n");

    // Before the second command: it was never given.
    session.go(middle);
    await session.type("char0", type("echo four\n"));
    await until("four", () => screen(session).includes("\nfour\n"));
    assertEquals(await session.events(0, middle + 1), before);
    assert(!screen(session).includes("two") && !screen(session).includes("three"), screen(session));
    assertStringIncludes(screen(session), "\none\n");
  },
);

test({
  name: "a breakpoint ends playing at the event, and stops the view of a running machine there",
}, async () => {
  using session = await booted();
  session.breakpoints.value = [{ on: true, filter: { kinds: ["notify"] } }, { on: false, filter: {} }];
  session.speed.value = 1e6;
  session.go(-1);
  session.play();
  await until("the breakpoint", () => session.hit.value !== undefined);
  assertEquals(session.playing.value, false);
  const [row] = await session.events(session.hit.value!, 1);
  assertEquals(row.event.ev, "notify");
  assertEquals(session.position.value, row.at);

  session.goLive();
  await idle(session);
  const end = session.progress.value.length;
  await session.type("char0", type("\n"));
  await until("the breakpoint in new events", () => (session.hit.value ?? -1) >= end);
  assertEquals(session.live.value, false);
  session.breakpoints.value = [];
  session.play();
  await until("the end", () => session.live.value);
});

test({
  name: "a wrong command line is refused with a sentence, and the machine before it lives on",
}, async () => {
  using session = await booted();
  const run = session.run.value;
  const wrong = quietSetup();
  assertEquals(await session.boot({ ...wrong, words: wrong.words + " -device floppy" }), false);
  assertStringIncludes(session.error.value, "floppy");
  assertEquals(await session.boot({ ...wrong, app: "doom" }), false);
  assertStringIncludes(session.error.value, "doom");
  assertEquals(session.run.value, run);
  await session.type("char0", type("echo alive\n"));
  await until("an answer", () => screen(session).includes("\nalive\n"));
});

test({
  name: "held, a machine does nothing; let go, it goes on. Its end is told with the exit status",
}, async () => {
  using session = await booted();
  await session.hold(true);
  const { length } = session.progress.value;
  await session.type("char0", type("shutdown 3\n"));
  await new Promise((resolve) => setTimeout(resolve, 250));
  assertEquals([session.progress.value.machine, session.progress.value.length], ["held", length]);
  await session.hold(false);
  await until("the end", () => session.progress.value.machine === "ended");
  assertEquals(session.progress.value.exitCode, 3);
});

test("a machine that goes before its last state was fetched: the page stays at the moment that it shows", async () => {
  let deaf = false;
  const first = machinePort();
  const port: Port = {
    ...first,
    send(message) {
      // From some moment on no question reaches the machine.
      if (!deaf) first.send(message);
    },
    close: () => first.close(),
  };
  first.onMessage = (message) => port.onMessage?.(message);
  const session = new Session(() => port);
  try {
    assert(await session.boot(quietSetup()));
    await idle(session);
    const seen = session.position.value;
    deaf = true;
    first.send({ id: 1e6, call: "input", args: { chardev: "char0", bytes: type("rng 16\n"), at: -1 } });
    await until("more events", () => session.position.value > seen);
    port.onClose?.("the machine has gone");
    assertEquals([session.position.value, session.moment.value.state.at], [seen, seen]);
    assertEquals(session.live.value, false);
  } finally {
    session.close();
  }
});

test({
  name: "with a network, whose timers go by the wall clock, a fork repeats the run up to the event",
}, async () => {
  using session = await booted(DEMO_SETUP[TRANSPORT]);
  await until("an address", () => screen(session).includes("DHCP: got"));
  await session.type("char0", type("echo one\n"));
  await until("one", () => screen(session).includes("\none\n"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await session.type("char0", type("echo two\n"));
  await until("two", () => screen(session).includes("\ntwo\n"));
  await idle(session);
  const fork = session.progress.value.length - 20;
  const before = await session.events(fork - 5000, 5001);
  assertEquals(before.filter(({ event }) => event.ev === "input").length, 2);
  session.go(fork);
  await session.type("char0", type("echo three\n"));
  await until("three", () => screen(session).includes("\nthree\n"));
  assertEquals(await session.events(fork - 5000, 5001), before);
});
