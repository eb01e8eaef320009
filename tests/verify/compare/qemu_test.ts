import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TRANSPORT } from "../../../drivers/mod.ts";
import { testUnless } from "../../support/once.ts";
import { QEMU_IGNORE, qemuTestOnce } from "../../support/qemu.ts";
import { CAREFUL } from "../../support/simulated.ts";
import { compare, inFolder, RNG_SESSION, session } from "./_support.ts";

const Q35 = "-machine q35 -m 64M -chardev stdio,id=c0";
const MICROVM =
  "-machine microvm -m 64M -global virtio-mmio.force-legacy=off -chardev stdio,id=c0 -serial chardev:c0";
/**
 * Machines in which the number of notifications does not depend on time: no event index, or one that is never ahead, and
 * notifications that reach the device at once.
 */
const MACHINES = TRANSPORT === "pci"
  ? [
    `${Q35} -serial chardev:c0 -device virtio-rng-pci,event_idx=off,ioeventfd=off`,
    `${Q35} -serial chardev:c0 -device virtio-rng-pci,packed=on,ioeventfd=off`,
  ]
  : [`${MICROVM} -device virtio-rng-device,event_idx=off`, `${MICROVM} -device virtio-rng-device,packed=on`];

const test = testUnless(CAREFUL);
for (const words of MACHINES) {
  test({
    name: `compare: our machine and the real QEMU do the same: ${words.replace(/.*-device /, "")}`,
    ignore: QEMU_IGNORE,
    fn: () =>
      inFolder(async (path) => {
        for (const platform of ["simulated", "qemu"] as const) {
          const files = { json: path(`${platform}.jsonl`), log: path(`${platform}.log`) };
          await session(platform, words, RNG_SESSION, files);
        }
        const logs = await compare(path("simulated.log"), path("qemu.log"));
        assertEquals([logs.code, logs.err], [0, ""], logs.out);
        // Ten buffers: taken, used, and on the split ring published.
        assertStringIncludes(logs.out, "compared: read write");
        const steps = words.includes("packed=on") ? 20 : 30;
        assertStringIncludes(logs.out, `virtio-rng queue 0, device: ${steps} steps, same`);
        const json = await compare(path("simulated.jsonl"), path("qemu.jsonl"));
        assertEquals([json.code, json.err], [0, ""], json.out);
        assertStringIncludes(json.out, " ring barrier ");
        // Across formats, too: our trace against QEMU's log.
        const mixed = await compare(path("simulated.jsonl"), path("qemu.log"));
        assertEquals([mixed.code, mixed.err], [0, ""], mixed.out);
      }),
  });
}

qemuTestOnce(
  "compare: a console on both platforms, registers, notifications and buffers",
  () =>
    inFolder(async (path) => {
      // An application that prints how it is called, and ends: how input is cut into pieces is a matter of time.
      const words = `${Q35} -serial none -device virtio-serial-pci,event_idx=off,ioeventfd=off ` +
        "-device virtconsole,chardev=c0 ping";
      for (const platform of ["simulated", "qemu"] as const) {
        const files = { json: path(`${platform}.jsonl`), log: path(`${platform}.log`) };
        await session(platform, words, "", files, 2);
      }
      const { code, out } = await compare(path("simulated.log"), path("qemu.log"));
      assertEquals(code, 0, out);
      assertStringIncludes(out, "virtio-console queue 1, device: ");
    }),
);

/** A real QEMU with a CPU that runs its firmware: SeaBIOS has a driver for virtio-blk, and looks at the disk once. */
async function seabios(log: string, disk: string, memory: string): Promise<void> {
  const child = new Deno.Command("timeout", {
    args: [
      ...[
        "-k",
        "1",
        "30",
        "qemu-system-x86_64",
        "-machine",
        "q35",
        "-m",
        memory,
        "-net",
        "none",
        "-display",
        "none",
      ],
      ...[
        "-serial",
        "none",
        "-monitor",
        "none",
        "-drive",
        `file=${disk},format=raw,if=virtio`,
        "-msg",
        "timestamp=on",
      ],
      ...["-trace", "virtio*", "-trace", "virtqueue*", "-trace", "memory_region_ops_*", "-D", log],
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  // Until the driver has had its buffer, and does nothing any more for a while.
  let quiet = 0, seen = 0;
  for (let n = 0; n < 250 && quiet < 10; n++) {
    await pause(100);
    const text = await Deno.readTextFile(log).catch(() => "");
    const count = text.match(/'virtio-|virt(io|queue)_/g)?.length ?? 0;
    quiet = text.includes("virtqueue_flush") && count === seen ? quiet + 1 : 0;
    seen = count;
  }
  child.kill("SIGTERM");
  await child.status;
}

qemuTestOnce(
  "compare: two runs of a foreign driver on a real CPU, at other addresses, are the same",
  () =>
    inFolder(async (path) => {
      await Deno.writeFile(path("disk"), new Uint8Array(1 << 20));
      await seabios(path("a.log"), path("disk"), "64M");
      await seabios(path("b.log"), path("disk"), "128M");
      const { code, out } = await compare(path("a.log"), path("b.log"));
      assertEquals(code, 0, out);
      assertStringIncludes(out, "virtio-block, driver: ");
      assertStringIncludes(out, "virtio-block queue 0, device: 3 steps, same");
      // Process, time and pointers stand in front of and in each line, and differ.
      const [a, b] = [path("a.log"), path("b.log")].map((p) =>
        Deno.readTextFileSync(p).match(/virtio_set_status.*val 15/)![0]
      );
      assert(a !== b, a);
    }),
);
