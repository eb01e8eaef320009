import { hex, VIRT_LIMIT, virtAddr } from "../../arch/addresses.ts";
import { featureNames } from "../../spec/virtio/features.ts";
import { statusNames } from "../../spec/virtio/status.ts";
import { virtioIdName } from "../../spec/virtio/ids.ts";
import type { VirtqSnapshot } from "../../drivers/virtio/virtqueue/mod.ts";
import { integer } from "./commands.ts";
import { type Command, CommandError } from "./mod.ts";

/** `devices`: what the drivers found and agreed on. */
export const devices: Command = {
  usage: "devices",
  help: "list the devices: transport, features by name, queues",
  run(kernel, _args, out) {
    const { drivers, transport } = kernel.parts;
    for (const [i, d] of drivers.all.entries()) {
      out(
        `${i}: ${d.name} at ${d.location} (${transport}), virtio id ${d.virtioId} (${
          virtioIdName(d.virtioId)
        })`,
      );
      out(`   status ${statusNames(d.status())}`);
      out(`   features ${featureNames(d.features, d.virtioId).join(" ") || "none"}`);
      out(`   queues ${d.queues().map((q) => `${q.index}:${q.kind}/${q.size}`).join(" ")}`);
    }
    for (const f of drivers.failed) out(`failed: ${f.location.name}: ${f.error.message}`);
    if (drivers.all.length === 0 && drivers.failed.length === 0) out("no virtio device was found");
  },
};

/** `vq`: the state of the rings. */
export const vq: Command = {
  usage: "vq [N]",
  help: "ring state of all queues, or of device N's: indices, free descriptors, what is in flight",
  run(kernel, args, out) {
    const { all } = kernel.parts.drivers;
    if (all.length === 0) throw new CommandError("there is no device");
    const only = args.length === 0 ? undefined : integer(args[0], "the device", 0, all.length - 1);
    for (const [i, d] of all.entries()) {
      if (only !== undefined && only !== i) continue;
      for (const q of d.queues()) printQueue(d.name, q, out);
    }
  },
};

function printQueue(device: string, q: VirtqSnapshot, out: (line: string) => void): void {
  out(
    `${device} queue ${q.index}: ${q.kind}, size ${q.size}, ${q.free} descriptors free, ${q.notifications} notifications`,
  );
  out(`   ${Object.entries(q.indices).map(([name, value]) => `${name} ${value}`).join(", ")}`);
  for (const a of q.areas) out(`   ${a.name.padEnd(6)} at ${hex(a.phys)}, ${a.length} bytes`);
  const shown = q.inFlight.slice(0, 4);
  for (const t of shown) {
    out(
      `   in flight: id ${t.id}, ${t.descriptors} descriptors, ${t.readable} bytes to read, ${t.writable} to write`,
    );
  }
  if (q.inFlight.length > shown.length) out(`   in flight: ${q.inFlight.length - shown.length} more`);
}

/** `mem`: frames, page tables, device memory by owner. */
export const mem: Command = {
  usage: "mem",
  help: "frames, page tables, device memory still allocated and by whom",
  run(kernel, _args, out) {
    const { frames, paging, deviceAlloc } = kernel.parts;
    out(`frames: ${frames.freeBytes() / 4096} free of ${frames.totalBytes() / 4096} (4 KiB each)`);
    out(`page tables: ${paging.tablePages} frames`);
    const byOwner = new Map<string, { count: number; bytes: number }>();
    for (const buffer of deviceAlloc.live()) {
      const owner = byOwner.get(buffer.owner) ?? { count: 0, bytes: 0 };
      owner.count++;
      owner.bytes += Math.ceil(buffer.length / 4096) * 4096;
      byOwner.set(buffer.owner, owner);
    }
    out(`device memory: ${deviceAlloc.live().length} allocations, offset ${hex(deviceAlloc.offset)}`);
    for (const [owner, { count, bytes }] of byOwner) out(`   ${owner}: ${count}, ${bytes / 1024} KiB`);
  },
};

/** `tasks`: what runs and what everyone waits for. */
export const tasks: Command = {
  usage: "tasks",
  help: "list the tasks and what each waits for",
  run(kernel, _args, out) {
    for (const t of kernel.parts.executor.tasks()) {
      out(
        `${String(t.id).padStart(3)} ${t.name.padEnd(16)} ${t.state}${
          t.waitingFor ? `: ${t.waitingFor}` : ""
        }`,
      );
    }
  },
};

/** `interrupts`: lines, vectors, counts. */
export const interrupts: Command = {
  usage: "interrupts",
  help: "show the number of received interrupts",
  run(kernel, _args, out) {
    const { interrupts } = kernel.parts;
    for (const s of interrupts.statistics()) {
      out(`vector ${s.vector}${s.line === undefined ? " (MSI)" : ` (line ${s.line})`} ${s.name}: ${s.count}`);
    }
    out(`spurious: ${interrupts.spurious}`);
  },
};

/** `virt2phys`: the walk, level by level. */
export const virt2phys: Command = {
  usage: "virt2phys ADDR",
  help: "translate a virtual address, showing each level of the page tables",
  run(kernel, args, out) {
    const virt = virtAddr(integer(args[0], "the address", 0, VIRT_LIMIT - 1, hex));
    const { paging } = kernel.parts;
    for (const step of paging.walk(virt)) {
      out(
        `${step.name.padEnd(4)} table ${hex(step.table)} [${step.index}] = 0x${step.entry.toString(16)} ${
          step.flags.join(" ")
        }`,
      );
    }
    const phys = paging.virtualToPhysical(virt);
    out(phys === undefined ? `${hex(virt)} is not mapped` : `${hex(virt)} -> ${hex(phys)}`);
  },
};
