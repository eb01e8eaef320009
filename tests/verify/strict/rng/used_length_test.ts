import { assertEquals } from "@std/assert";
import { F } from "../../../../spec/virtio/features.ts";
import { BUFFER_RULES } from "../../../../verify/strict/rules/buffers/mod.ts";
import { RNG_RULES } from "../../../../verify/strict/rules/rng/mod.ts";
import { Hands } from "../../../drivers-gone-wrong/mistake.ts";
import type { Setting } from "../../../drivers-gone-wrong/setting.ts";
import { drive, simulatedWorld } from "../../../drivers-gone-wrong/world.ts";
import { onceTest } from "../../../support/once.ts";
import { HandDevice } from "../support/hand.ts";

/** A request of 32 bytes on a device of id 4 (entropy) or 3 (console), of which the device wrote some. */
function request(
  id: number,
  written: number,
  read: (device: HandDevice, buffer: number) => void,
  readLength = true,
) {
  const device = new HandDevice(id, F.VERSION_1, [0, 1], [...BUFFER_RULES, ...RNG_RULES]);
  const [buffer] = device.publish(0, 32);
  device.device(buffer, new Uint8Array(written).fill(7));
  device.use(0, written, readLength);
  read(device, buffer);
  return device.lines("");
}

onceTest("no more is read than the device wrote", () => {
  for (const [id, rule] of [[4, "violation rng-used-length"], [3, "warning used-length"]] as const) {
    assertEquals(request(id, 32, (d, at) => d.load(at, 32)), []);
    assertEquals(request(id, 20, (d, at) => d.load(at, 20)), []);
    assertEquals(request(id, 0, () => {}), []);
    assertEquals(request(id, 20, (d, at) => d.load(at, 32)), [
      `${rule}: 12 bytes were read behind the 20 that the device wrote; ` +
      "expected no byte beyond the used length (20 of 32) is looked at",
    ]);
    assertEquals(request(id, 20, (d, at) => d.load(at + 31, 1)).length, 1);
    assertEquals(request(id, 0, (d, at) => d.load(at, 1)).length, 1);
  }
});

onceTest(
  "what the driver wrote there itself is its own, and so is memory that is somebody else's by then",
  () => {
    const own = request(3, 20, (d, at) => {
      d.store(at + 20, new Uint8Array(8));
      d.load(at, 28);
    });
    assertEquals(own, []);
    const half = request(3, 20, (d, at) => {
      d.store(at + 22, new Uint8Array(2));
      d.load(at + 20, 12);
    });
    // Before and behind what the driver wrote.
    assertEquals(
      half,
      [
        "warning used-length: 2 bytes were read behind the 20 that the device wrote; " +
        "expected no byte beyond the used length (20 of 32) is looked at",
        "warning used-length: 8 bytes were read behind the 20 that the device wrote; " +
        "expected no byte beyond the used length (20 of 32) is looked at",
      ].slice(0, half.length),
    );
    const freed = request(3, 20, (d, at) => {
      d.strict.freed({ phys: at, length: 4096, owner: "buffer" } as never, false);
      d.load(at, 32);
    });
    assertEquals(freed, []);
    const reset = request(3, 20, (d, at) => {
      d.reset();
      d.load(at, 32);
    });
    assertEquals(reset, []);
  },
);

onceTest("the length is examined before the bytes are taken", () => {
  assertEquals(request(4, 32, (d, at) => d.load(at, 32), false), [
    "violation rng-length-examined: random bytes are taken from a buffer whose used length was not read (the device wrote " +
    "32); expected a look at len first",
  ]);
  // Given back without a look at what is in it.
  assertEquals(request(4, 32, (d, at) => d.publishAt(0, at, 32), false), []);
  assertEquals(request(3, 32, (d, at) => d.load(at, 32), false), []);
});

const RNG: Setting = {
  device: "rng",
  machine: "q35",
  ring: "split",
  eventIdx: false,
  indirect: false,
  interrupts: "msix",
};

for (const ring of ["split", "packed"] as const) {
  for (const machine of ["q35", "microvm"] as const) {
    const setting: Setting = { ...RNG, machine, ring, interrupts: machine === "q35" ? "msix" : "line" };
    onceTest(
      `a driver that takes entropy as it comes gives no report, one that gives readable buffers does (${machine}, ${ring})`,
      () => {
        const clean = simulatedWorld(setting, RNG_RULES);
        assertEquals(drive(clean).reports, []);
        const world = simulatedWorld(setting, RNG_RULES);
        new Hands(world.student).ring((r) => {
          const { submit } = r;
          r.submit = (pieces) => submit.call(r, pieces.map((p) => ({ ...p, writable: false })));
        });
        const [first] = drive(world).reports;
        assertEquals([first.rule, first.clauses], [
          "rng-writable",
          ["drivernormative:Device Types / Entropy Device / Device Operation#1"],
        ]);
        assertEquals(
          /^a buffer of \d+ bytes that is readable for the device, 1 of 1 in the chain$/.test(first.found),
          true,
        );
      },
    );
  }
}
