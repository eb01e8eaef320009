import { assert, assertEquals, assertFalse } from "@std/assert";
import { BufferChardev } from "../../../devices/host/buffer_chardev.ts";
import { MuxEscape } from "../../../devices/host/mux.ts";

Deno.test("a piece of input is handed over as the front end has room, and nothing is lost", async () => {
  const chardev = new BufferChardev("c");
  let room = 0;
  let got = "";
  chardev.attach({ canReceive: () => room, receive: (b) => got += new TextDecoder().decode(b) });
  const ready = chardev.inputReady();
  chardev.send("hello");
  await ready;
  assertFalse(chardev.deliver(), "no room");
  room = 2;
  while (chardev.deliver());
  assertEquals(got, "hello");
  assert(chardev.inputOpen);
  chardev.end();
  assertFalse(chardev.inputOpen);
});

Deno.test("C-a x quits, C-a C-a is C-a, across reads", () => {
  let quits = 0;
  const escape = new MuxEscape({ quit: () => quits++, print: () => {} });
  assertEquals([...escape.filter(Uint8Array.of(97, 1))], [97]);
  assertEquals([...escape.filter(Uint8Array.of(1, 98, 1, 0x78))], [1, 98]);
  assertEquals(quits, 1);
});
