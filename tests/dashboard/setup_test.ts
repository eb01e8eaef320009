import { testUnless } from "../support/once.ts";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decode, encode } from "../../dashboard/lib/codec.ts";
import { DEMO_SETUP, readHash, writeHash } from "../../dashboard/lib/link.ts";
import type { Setup } from "../../dashboard/lib/protocol.ts";
import {
  addDevice,
  addOffered,
  devicesOf,
  type Form,
  formOf,
  MACHINES,
  OFFERED_DEVICES,
  onMachine,
  optionOf,
  otherTransport,
  propOf,
  propsOf,
  propsText,
  transportOf,
  withDevice,
  withOption,
  without,
  withProp,
  wordsOf,
} from "../../dashboard/lib/setup.ts";
import { joinWords, splitWords } from "../../dashboard/lib/words.ts";
import { parseDescription } from "../../devices/description.ts";
import { createMachine } from "../../devices/machine/mod.ts";
import { NO_TRACE } from "../../spec/trace.ts";

/** None of this depends on the transport: it runs once. */
const ignore = Deno.env.get("DENO_CONDITIONS") === "mmio" || Deno.env.get("CAREFUL") === "1";
const test = testUnless(ignore);

const text = fc.string({ unit: fc.constantFrom(..."ab-=,.'\"\\ /$\nü") });

test({ name: "words: what is joined is split into the same, as a shell does it" }, () => {
  fc.assert(fc.property(fc.array(text), (words) => assertEquals(splitWords(joinWords(words)), words)));
  assertEquals(splitWords(`a  'b c' "d'e" f\\ g \\\n h"i"`), ["a", "b c", "d'e", "f g", "hi"]);
  const { stdout } = new Deno.Command("sh", {
    args: ["-c", `printf '%s|' ${joinWords(["it's", "a b", "$x", ""])}`],
  })
    .outputSync();
  assertEquals(new TextDecoder().decode(stdout), "it's|a b|$x||");
});

test({ name: "links: a set-up survives its link" }, () => {
  const setup = fc.record({
    transport: fc.constantFrom("pci" as const, "mmio" as const),
    words: text,
    seed: fc.nat(),
    app: text,
    args: text,
    careful: fc.boolean(),
    strict: fc.boolean(),
    latency: fc.nat(),
  });
  fc.assert(fc.property(setup, (s: Setup) => assertEquals(readHash(writeHash(s)), s)));
  assertEquals(writeHash(DEMO_SETUP.pci), "#transport=pci");
  assertEquals(readHash(""), undefined);
  assertEquals(readHash("#machine=-machine+microvm+-m+32M")?.transport, "mmio");
  assertEquals(readHash("#transport=pci&seed=banana")?.seed, DEMO_SETUP.pci.seed);
});

test({ name: "form: a command line is the same after it was shown in the form" }, () => {
  const value = text.filter((t) => t !== "" && !t.startsWith("-"));
  const option = fc.oneof(
    fc.record({ name: fc.constantFrom("device", "machine", "netdev", "append"), value }),
    fc.record({ name: fc.constantFrom("nodefaults", "nographic") }),
  );
  fc.assert(fc.property(fc.array(option), (options) => {
    const form: Form = { options };
    assertEquals(formOf(wordsOf(form)), form);
  }));
  const name = fc.constantFrom("id", "packed", "file");
  const props = fc.uniqueArray(fc.tuple(name, text), { selector: ([n]) => n });
  fc.assert(fc.property(fc.constantFrom("", "virtio-rng-pci"), props, (first, list) => {
    const read = propsOf(propsText({ first, props: list }));
    assertEquals(read, { first, props: list });
  }));
  for (const { words } of Object.values(DEMO_SETUP)) {
    assertEquals(wordsOf(formOf(words)), words);
    assertEquals(parseDescription(splitWords(wordsOf(formOf(words)))), parseDescription(splitWords(words)));
  }
});

test({ name: "form: machine, devices and their properties can be changed" }, () => {
  let form = formOf(DEMO_SETUP.pci.words);
  assertEquals([transportOf(form), devicesOf(form).length], ["pci", 4]);
  const { index, device } = devicesOf(form)[0];
  form = withDevice(form, index, withProp(withProp(device, "packed", "on"), "id", "rng.1"));
  assertEquals(parseDescription(splitWords(wordsOf(withOption(form, "m", "1G")))).memory, 1 << 30);
  assertEquals(propOf(devicesOf(form)[0].device, "id"), "rng.1");
  form = withDevice(form, index, withProp(devicesOf(form)[0].device, "id", undefined));
  assertEquals(devicesOf(form)[0].device, { first: "virtio-rng-pci", props: [["packed", "on"]] });
  assertEquals(devicesOf(without(form, index)).length, 3);

  const mmio = otherTransport(form, "mmio");
  assertEquals(transportOf(mmio), "mmio");
  const desc = parseDescription(splitWords(wordsOf(mmio)));
  assertEquals(desc.devices[0], { driver: "virtio-rng-device", props: { packed: "on" }, index: 0 });
  build(mmio);
  assertEquals(wordsOf(otherTransport(mmio, "pci")), wordsOf(form));
});

function build(form: Form): void {
  createMachine(parseDescription(splitWords(wordsOf(form))), {
    chardevs: new Map(),
    seed: 1,
    trace: NO_TRACE,
  });
}

test({
  name: "form: everything that it offers is accepted by the machine, with the defaults that it names",
}, () => {
  let tried = 0;
  for (const { driver, transport, props, needs } of OFFERED_DEVICES) {
    for (const machine of transport === "any" ? (["pci", "mmio"] as const) : [transport]) {
      let base = formOf(DEMO_SETUP[machine].words);
      // The back ends are free for the device that is added.
      const same = devicesOf(base).filter(({ device }) => needs.length > 0 && device.first === driver);
      for (const { index } of same.reverse()) base = without(base, index);
      build(addDevice(base, { first: driver, props: needs }));
      for (const { name, default: value, type } of props) {
        const values = type === "switch" ? ["on", "off"] : value === "" ? [] : [value];
        for (const v of values) {
          build(addDevice(base, withProp({ first: driver, props: needs }, name, v)));
          tried++;
        }
      }
    }
  }
  assert(tried > 50, `${tried}`);
  for (const { name } of MACHINES) {
    build(
      withOption(
        otherTransport(formOf(DEMO_SETUP.pci.words), name === "microvm" ? "mmio" : "pci"),
        "machine",
        name,
      ),
    );
  }
});

test("form: a card that is added has a network of its own, a free one if there is one", () => {
  const offered = OFFERED_DEVICES.find((d) => d.driver === "virtio-net-pci")!;
  const cards = (form: Form) =>
    parseDescription(splitWords(wordsOf(form))).devices.flatMap((d) => d.props.netdev ?? []);
  const demo = formOf(DEMO_SETUP.pci.words);
  const three = addOffered(addOffered(demo, offered), offered);
  assertEquals(cards(three), ["net0", "net1", "net2"]);
  build(three);
  const { index } = devicesOf(demo).find(({ device }) => device.first === "virtio-net-pci")!;
  assertEquals(cards(addOffered(without(demo, index), offered)), ["net0"]);
  const rng = OFFERED_DEVICES.find((d) => d.driver === "virtio-rng-pci")!;
  assertEquals(wordsOf(addOffered(demo, rng)), `${DEMO_SETUP.pci.words} -device virtio-rng-pci`);
});

test("form: another machine has the same devices; its properties stay if it is the same", () => {
  const demo = formOf(DEMO_SETUP.pci.words);
  assertEquals(wordsOf(onMachine(demo, "pc")), DEMO_SETUP.pci.words.replace("q35", "pc"));
  assertEquals(wordsOf(onMachine(onMachine(demo, "microvm"), "q35")), DEMO_SETUP.pci.words);
  const micro = onMachine(demo, "microvm");
  assertEquals(transportOf(micro), "mmio");
  build(micro);
  const accelerated = withOption(demo, "machine", "q35,accel=tcg");
  assertEquals(optionOf(onMachine(accelerated, "q35"), "machine"), "q35,accel=tcg");
});

test({ name: "codec: what the protocol sends comes out of a WebSocket as it was" }, () => {
  const message = {
    id: 7,
    ok: {
      pages: [[256, new Uint8Array([0, 255, 128])]],
      numbers: Float64Array.of(0, 2 ** 40, 1.5),
      groups: { event: Uint32Array.of(1, 0xffff_ffff) },
      state: { at: -1, running: "", flags: [true, false, null] },
    },
  };
  assertEquals(decode(encode(message)), message);
});
