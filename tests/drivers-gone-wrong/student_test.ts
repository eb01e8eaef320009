/** The student's driver, without a mistake: it does what it is for, and no rule has anything to say. */
import { assertEquals } from "@std/assert";
import { ConsoleF, F, NetF } from "../../spec/virtio/features.ts";
import { terminalReport } from "../../verify/strict/format/mod.ts";
import { RULES } from "../../verify/strict/mod.ts";
import { onceTest, sampled } from "../support/once.ts";
import { qemuTestOnce } from "../support/qemu.ts";
import { qemuWorld } from "./qemu_world.ts";
import { type Setting, settingName } from "./setting.ts";
import { type ConsoleStudent, type NetStudent, type RngStudent } from "./student/mod.ts";
import { drive, type Outcome, simulatedWorld, type World } from "./world.ts";

/** Every machine, device, ring and way of waiting, with and without what changes the rings. */
function settings(): Setting[] {
  const all: Setting[] = [];
  for (const machine of ["q35", "pc", "microvm"] as const) {
    for (const device of ["rng", "console", "net"] as const) {
      for (const ring of ["split", "packed"] as const) {
        for (const eventIdx of [false, true]) {
          for (const indirect of [false, true]) {
            for (const interrupts of ["msix", "line", "none"] as const) {
              if (machine === "microvm" && interrupts === "msix") continue;
              all.push({ machine, device, ring, eventIdx, indirect, interrupts });
            }
          }
        }
      }
    }
  }
  return all;
}
/** Features that are not usual. */
const SPECIAL: readonly Partial<Setting>[] = [
  { device: "console", props: "max_ports=2", wants: ConsoleF.MULTIPORT },
  { device: "net", props: "mq=on", wants: NetF.MQ | NetF.MRG_RXBUF },
];
/** Those that QEMU 7.2 does not have. */
const OURS: readonly Partial<Setting>[] = [
  { device: "rng", props: "notification_data=on", wants: F.NOTIFICATION_DATA },
  { device: "rng", props: "x-order-platform=on", wants: F.ORDER_PLATFORM },
  { device: "rng", props: "in_order=on" },
  { device: "console", props: "x-size=80x25" },
];
function special(list: readonly Partial<Setting>[]): Setting[] {
  return list.flatMap((s) =>
    (["q35", "microvm"] as const).flatMap((machine) =>
      (["split", "packed"] as const).map((ring): Setting => ({
        ...{ device: "rng", machine, ring, eventIdx: true, indirect: true },
        ...s,
        interrupts: machine === "q35" ? "msix" : "line",
      }))
    )
  );
}

/** What the run must have come to, whatever the machine. */
function check(world: World, { reports, error }: Outcome): void {
  if (error !== undefined) throw error;
  assertEquals(reports.map((r) => terminalReport(r)), []);
  const { student } = world;
  assertEquals(student.ground.alloc.live(), []);
  switch (student.constructor.name) {
    case "RngStudent":
      assertEquals((student as RngStudent).bytes.map((b) => b.length), [64, 80, 1, 128]);
      break;
    case "ConsoleStudent":
      assertEquals((student as ConsoleStudent).input, "abcde");
      break;
    case "NetStudent":
      assertEquals((student as NetStudent).received.map((f) => f.subarray(28, 32).toHex()), [
        "0a000202",
        "0a000202",
      ]);
  }
}

for (const s of [...settings(), ...special([...SPECIAL, ...OURS])]) {
  onceTest(`a driver that is right breaks no rule: ${settingName(s)}`, () => {
    const world = simulatedWorld(s, RULES);
    if (s.device === "console") {
      (world.student as ConsoleStudent).expected = 5;
      world.type("abcde");
    }
    check(world, drive(world));
    assertEquals(world.output(), s.device === "console" ? "hello, world\n" : "");
  });
}

// Event index and tables change different things: both or neither is enough where each run starts a program.
for (const s of sampled([...settings().filter((s) => s.eventIdx === s.indirect), ...special(SPECIAL)], 3)) {
  qemuTestOnce(`a driver that is right breaks no rule on QEMU: ${settingName(s)}`, async () => {
    const world = await qemuWorld(s, RULES);
    try {
      if (s.device === "console") {
        (world.student as ConsoleStudent).expected = 5;
        await world.type("abcde");
      }
      check(world, drive(world));
    } finally {
      await world.close();
    }
    assertEquals(world.output(), s.device === "console" ? "hello, world\n" : "");
  });
}
