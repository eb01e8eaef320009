import { TRANSPORT } from "#transport";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { parseDescription } from "../../../devices/description/mod.ts";
import { QemuError, QemuPlatform } from "../../../devices/qemu/mod.ts";
import { qemuTest, qemuTestOnce } from "../../support/qemu.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;
const BARE = parseDescription(["-machine", "q35", "-m", "64M", "-nodefaults"]);
const HOST = { chardevs: new Map() };
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A folder that QEMU's start puts its files into, and that must be empty again afterwards. */
async function temporary(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
const filesIn = (dir: string) => [...Deno.readDirSync(dir)].map((e) => e.name);
/** Processes that have `text` on their command line or in their environment's TMPDIR. */
function processesOf(dir: string): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (Deno.readTextFileSync(`/proc/${name}/environ`).includes(`TMPDIR=${dir}`)) found.push(Number(name));
    } catch {
      // It ended while we looked, or is not ours.
    }
  }
  return found;
}
/** Until nothing of a killed session is left, or 5 s. */
async function until(done: () => boolean): Promise<boolean> {
  for (let i = 0; i < 100; i++) {
    if (done()) return true;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  return done();
}
function shell(dir: string, args: string[] = []): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, "--platform", "qemu", ...args],
    env: { TMPDIR: dir },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}
/** Reads until `text` has come. */
async function waitFor(reader: ReadableStreamDefaultReader<Uint8Array>, text: string): Promise<void> {
  let all = "";
  while (!all.includes(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`'${text}' never came, but:\n${all}`);
    all += decode(value);
  }
}
const qemuOf = (dir: string) =>
  processesOf(dir).find((pid) => Deno.readTextFileSync(`/proc/${pid}/comm`).startsWith("qemu-system"));

qemuTestOnce("a program that is not there, and one that refuses, are said with the reason", async () => {
  const missing = await assertRejects(
    () => QemuPlatform.start(BARE, { ...HOST, program: "qemu-system-nowhere" }),
    QemuError,
  );
  assertEquals(missing.kind, "NotStarted");
  assertStringIncludes(missing.message, "apt-get install qemu-system-x86");
  const desc = parseDescription(
    "-machine q35 -m 64M -nodefaults -object rng-random,id=r,filename=/nonexistent/random -device virtio-rng-pci,rng=r"
      .split(" "),
  );
  const refused = await assertRejects(() => QemuPlatform.start(desc, HOST), QemuError);
  assertEquals(refused.kind, "Refused");
  assertStringIncludes(refused.message, "/nonexistent/random");
  const silent = await assertRejects(() => QemuPlatform.start(BARE, { ...HOST, program: "true" }), QemuError);
  assertStringIncludes(silent.message, "exit status 0");
});

qemuTestOnce("what the description cannot mean is refused before QEMU is asked", async () => {
  const desc = { ...BARE, devices: [{ driver: "virtio-rng-pci", props: { bus: "pci.7" }, index: 0 }] };
  const error = await assertRejects(() => QemuPlatform.start(desc, HOST), Error);
  assertStringIncludes(error.message, "bus 'pci.7' does not exist (possible: pcie.0)");
});

qemuTestOnce(
  "QEMU that dies is an error that says how, and the guest's accesses come to an end",
  async () => {
    const platform = await QemuPlatform.start(BARE, HOST);
    try {
      Deno.kill(platform.process.pid, "SIGKILL");
      await platform.process.ending();
      assertEquals(platform.portRead(0xcfc, 4), 0xffff_ffff);
      assertEquals(platform.exitCode, 74);
      const error = await platform.explain();
      assertEquals(error?.kind, "Died");
      assertStringIncludes(error!.message, "SIGKILL");
    } finally {
      await platform.close();
    }
  },
);

qemuTestOnce("QEMU that does not answer is given up after a while, by name of the command", async () => {
  const platform = await QemuPlatform.start(BARE, { ...HOST, patience: 200 });
  try {
    Deno.kill(platform.process.pid, "SIGSTOP");
    platform.portRead(0xcfc, 4);
    const error = await platform.explain();
    assertEquals(error?.kind, "Hung");
    assertStringIncludes(error!.message, "QEMU did not answer 'inl 0xcfc' within 0.2 s");
  } finally {
    await platform.close();
  }
});

qemuTestOnce("an idle guest learns of QEMU's end, too", async () => {
  const platform = await QemuPlatform.start(BARE, HOST);
  try {
    const idle = platform.idle(platform.now() + 10e9);
    await new Promise((wake) => setTimeout(wake, 100));
    Deno.kill(platform.process.pid, "SIGKILL");
    await idle;
    assertEquals((await platform.explain())?.kind, "Died");
  } finally {
    await platform.close();
  }
});

qemuTestOnce("nothing is left behind by a start, a refusal, a close", async () => {
  await temporary(async (dir) => {
    for (const args of [[], ["--qemu", "true"], ["--qemu", "/nonexistent"]]) {
      const child = shell(dir, args);
      await child.stdin.close();
      const { code, stderr } = await child.output();
      assertEquals(code, args.length === 0 ? 0 : 74, decode(stderr));
      assertEquals(filesIn(dir), []);
      assert(await until(() => processesOf(dir).length === 0), `still there: ${processesOf(dir)}`);
    }
  });
});

qemuTest("SIGKILL to a running session: no QEMU, no file is left", async () => {
  await temporary(async (dir) => {
    const child = shell(dir);
    const reader = child.stdout.getReader();
    await waitFor(reader, "> ");
    assertEquals(filesIn(dir), [], "the files of a running QEMU have no names");
    assert(qemuOf(dir) !== undefined);
    child.kill("SIGKILL");
    await child.status;
    assert(await until(() => processesOf(dir).length === 0), `still there: ${processesOf(dir)}`);
    assertEquals(filesIn(dir), []);
    await reader.cancel();
    await child.stderr.cancel();
    await child.stdin.close().catch(() => {});
  });
});

qemuTestOnce("SIGKILL at any moment of the start: no QEMU, no file is left", async () => {
  await temporary(async (dir) => {
    await Promise.all(Array.from({ length: 12 }, async (_, i) => {
      const own = `${dir}/${i}`;
      Deno.mkdirSync(own);
      const child = shell(own);
      // From the runtime's own start to past QEMU's first answer, whatever the machine's speed.
      const step = 10 * i;
      await until(() => processesOf(own).length > 1);
      await new Promise((wake) => setTimeout(wake, step));
      child.kill("SIGKILL");
      await child.status;
      assert(await until(() => processesOf(own).length === 0), `after ${step} ms: ${processesOf(own)}`);
      assert(await until(() => filesIn(own).length === 0), `after ${step} ms: ${filesIn(own)}`);
      await Promise.all([child.stdout.cancel(), child.stderr.cancel(), child.stdin.close().catch(() => {})]);
    }));
  });
});

qemuTest("a session whose QEMU is killed ends with status 74 and says so", async () => {
  await temporary(async (dir) => {
    const child = shell(dir);
    const reader = child.stdout.getReader();
    await waitFor(reader, "> ");
    Deno.kill(qemuOf(dir)!, "SIGKILL");
    const status = await child.status;
    let err = "";
    for await (const chunk of child.stderr) err += decode(chunk);
    assertMatch(err, /^pagurus: QEMU ended[^\n]*SIGKILL/m);
    assertEquals(status.code, 74);
    await reader.cancel();
    await child.stdin.close().catch(() => {});
  });
});

qemuTestOnce("without the permission to run anything, the message names it", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read", "--allow-env", MAIN, "--platform", "qemu"],
    stdin: "null",
  }).output();
  assertEquals(code, 74);
  assertStringIncludes(decode(stderr), "--allow-run=setsid");
});

qemuTestOnce("exactly the documented permissions are enough, also without FFI", async () => {
  const config = JSON.parse(Deno.readTextFileSync(new URL("../../../deno.json", import.meta.url)));
  const flags = (config.tasks.start as string).split(" ").filter((w) => w.startsWith("--allow"));
  for (const allowed of [flags, flags.filter((f) => f !== "--allow-ffi")]) {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...allowed, MAIN, "--platform", "qemu"],
      stdin: "null",
    }).output();
    assertEquals(code, 0, decode(stderr));
    assertStringIncludes(decode(stdout), "machine: q35 (qemu)");
  }
});

qemuTest("options that mean nothing to QEMU are refused; traces are QEMU's and ours", async () => {
  const run = async (args: string[]) => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", MAIN, ...args],
      stdin: "null",
    }).output();
    return { code, err: decode(stderr) };
  };
  assertMatch((await run(["--platform", "qemu", "--latency", "5"])).err, /--latency/);
  assertMatch((await run(["--qemu", "x"])).err, /only with --platform qemu/);
  assertEquals((await run(["--platform", "vmware"])).code, 2);
  await temporary(async (dir) => {
    const { err } = await run(["--platform", "qemu", "-trace", "virtio_set_status", "--trace", `${dir}/t`]);
    assertMatch(err, /virtio_set_status vdev 0x[0-9a-f]+ val 15/);
    const events = new Set(
      Deno.readTextFileSync(`${dir}/t`).trim().split("\n").map((l) => JSON.parse(l).ev as string),
    );
    for (const ev of ["mmio_write", "port_read", "mem_write", TRANSPORT === "pci" ? "msi" : "irq_line"]) {
      assert(events.has(ev), `no ${ev} in the trace`);
    }
  });
});
