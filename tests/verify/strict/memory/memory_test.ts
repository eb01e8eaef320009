import { F } from "../../../../spec/virtio/features.ts";
import { DescF, Used } from "../../../../spec/virtio/split.ts";
import { type Buffer, le16, le32 } from "./bench.ts";
import { splitCases } from "./cases.ts";
import { SplitHand } from "./split_hand.ts";

/** A table of these buffers in memory of its own. */
function table(q: SplitHand, buffers: readonly Buffer[]): number {
  const at = q.bench.allocate(16 * buffers.length, "table");
  buffers.forEach((b, i) => {
    const more = i + 1 < buffers.length;
    q.bench.write64(at + 16 * i, b.address);
    q.memory.writeU32(at + 16 * i + 8, b.length);
    q.memory.writeU16(at + 16 * i + 12, (b.writable ? DescF.WRITE : 0) | (more ? DescF.NEXT : 0));
    q.memory.writeU16(at + 16 * i + 14, more ? i + 1 : 0);
  });
  return at;
}
function submitTable(q: SplitHand, buffers: readonly Buffer[]): number {
  const at = table(q, buffers);
  const head = q.free.shift()!;
  q.chains.set(head, [head]);
  q.descriptor(head, at, 16 * buffers.length, DescF.INDIRECT);
  q.entry(head);
  q.publish();
  return at;
}

splitCases([
  {
    rule: "table-in-flight",
    what: "a table is used for the next chain",
    features: F.INDIRECT_DESC,
    found: /4 bytes at 0x\w+ were written: part of the table of the chain of head 0/,
    run(q, wrong) {
      const at = submitTable(q, [q.bench.readable()]);
      if (!wrong) {
        q.use(0);
        q.take();
      }
      q.memory.writeU32(at + 8, 16);
    },
  },
  {
    rule: "readable-buffer-in-flight",
    what: "bytes behind the first",
    found: /1 byte at 0x\w+ was written/,
    run(q, wrong) {
      const buffer = q.bench.readable();
      const head = q.submit(buffer);
      if (!wrong) {
        q.use(head);
        q.take();
      }
      q.memory.writeU8(buffer.address + 31, 1);
    },
  },
  {
    rule: "writable-buffer-in-flight",
    what: "a buffer is cleared after it was made available",
    found: /32 bytes at 0x\w+ were written: part of the writable buffer/,
    run(q, wrong) {
      const buffer = q.bench.writable();
      if (!wrong) q.memory.fill(buffer.address, 32, 0);
      q.submit(buffer);
      if (wrong) q.memory.fill(buffer.address, 32, 0);
    },
  },
  {
    rule: "writable-buffer-read-early",
    what: "the bytes are looked at in place of the used ring",
    found: /1 byte at 0x\w+ was read: part of the writable buffer/,
    run(q, wrong) {
      const buffer = q.bench.writable();
      const head = q.submit(buffer);
      if (!wrong) {
        q.bench.deviceWrites(buffer.address, [1]);
        q.use(head, 1);
        q.take();
      }
      q.memory.readU8(buffer.address);
    },
  },
  {
    rule: "device-area-written",
    what: "avail_event is set by the driver",
    features: F.EVENT_IDX,
    found: /the driver wrote 2 bytes at offset 68 of the device area/,
    run: (q, wrong) => q.memory.writeU16(wrong ? q.availEventAt : q.usedEventAt, 3),
  },
  {
    rule: "buffer-not-in-ram",
    what: "a virtual address",
    found: /a buffer of 32 bytes at 0x2\d{11} is not in RAM/,
    run(q, wrong) {
      const { address, length } = q.bench.readable();
      q.submit({ address: wrong ? address + 2 ** 45 : address, length });
    },
  },
  {
    rule: "buffer-not-in-ram",
    what: "an address big-endian",
    found: /is not in RAM/,
    run(q, wrong) {
      const { address, length } = q.bench.readable();
      q.submit({ address: wrong ? 0x3010_0000_0000 : address, length });
    },
  },
  {
    rule: "buffer-freed",
    what: "the buffer was freed before it was sent",
    found: /is memory that was freed \(it was "test buffer"\)/,
    run(q, wrong) {
      const buffer = q.bench.readable();
      if (wrong) q.bench.free(buffer.address);
      q.submit(buffer);
    },
  },
  {
    rule: "buffer-too-long",
    what: "a length that goes over the end",
    found: /goes 32 bytes beyond the end, 0x\w+, of "test buffer"/,
    run(q, wrong) {
      const buffer = q.bench.writable(32);
      q.submit({ ...buffer, length: wrong ? 64 : 32 });
    },
  },
  {
    rule: "buffer-too-long",
    what: "memory that nobody allocated",
    found: /is no memory that was allocated for devices/,
    run: (q, wrong) =>
      void q.submit(wrong ? { address: 0x20_0000, length: 32, writable: true } : q.bench.writable()),
  },
  {
    rule: "ring-freed",
    what: "the rings go while the device is live",
    found: /"queue device", the device area of .* queue 0, was freed while the queue is enabled/,
    run(q, wrong) {
      if (!wrong) q.bench.setStatus(0);
      q.bench.free(q.used);
    },
  },
  {
    rule: "buffer-freed-in-flight",
    what: "a buffer is freed as soon as it is sent",
    found: /"test buffer" was freed: it holds the readable buffer of 32 bytes/,
    run(q, wrong) {
      const buffer = q.bench.readable();
      const head = q.submit(buffer);
      if (!wrong) {
        q.use(head);
        q.take();
      }
      q.bench.free(buffer.address);
    },
  },
  {
    rule: "buffer-freed-in-flight",
    what: "a table is freed as soon as it is published",
    features: F.INDIRECT_DESC,
    found: /"table" was freed: it holds the indirect table of 16 bytes/,
    run(q, wrong) {
      const at = submitTable(q, [q.bench.readable()]);
      if (!wrong) q.bench.setStatus(0);
      q.bench.free(at);
    },
  },
  {
    rule: "use-after-free",
    what: "a buffer is read after it was freed",
    found: /the driver read 4 bytes at 0x\w+, memory that was freed \(it was "test buffer"\)/,
    run(q, wrong) {
      const { address } = q.bench.readable();
      if (wrong) q.bench.free(address);
      q.memory.readU32(address);
      if (!wrong) q.bench.free(address);
    },
  },
  {
    rule: "use-after-free",
    what: "a buffer is written after it was freed",
    found: /the driver wrote 1 byte at/,
    run(q, wrong) {
      const { address } = q.bench.readable();
      if (wrong) q.bench.free(address);
      q.memory.writeU8(address, 1);
    },
  },
  {
    rule: "buffer-taken-unseen",
    what: "the next message into the buffer, which is back by luck",
    found:
      /the driver wrote 2 bytes at 0x\w+, in a readable buffer of the chain of head 0: it came back, and/,
    run(q, wrong) {
      const buffer = q.bench.readable();
      q.use(q.submit(buffer));
      if (!wrong) q.take();
      q.memory.writeU16(buffer.address + 4, 1);
    },
  },
  {
    rule: "buffer-taken-unseen",
    what: "the answer is read without a look at the used ring",
    found: /the driver read 1 byte at 0x\w+, in a writable buffer/,
    run(q, wrong) {
      const buffer = q.bench.writable();
      const head = q.submit(buffer);
      q.bench.deviceWrites(buffer.address, [1]);
      q.use(head, 1);
      if (!wrong) q.take();
      q.memory.readU8(buffer.address);
    },
  },
  {
    rule: "buffer-taken-unseen",
    what: "the buffer is freed without a look",
    found: /the driver freed 32 bytes at/,
    run(q, wrong) {
      const buffer = q.bench.readable();
      q.use(q.submit(buffer));
      if (!wrong) q.take();
      q.bench.free(buffer.address);
    },
  },
  {
    rule: "freed-twice",
    what: "a buffer is freed again",
    found: /"test buffer" frees 32 bytes at 0x\w+, which was freed before/,
    run(q, wrong) {
      const { address } = q.bench.readable();
      q.bench.free(address);
      if (wrong) q.bench.strict.freedWrongly({ phys: address, length: 32, owner: "test buffer" }, false);
    },
  },
  {
    rule: "buffer-shared",
    what: "one buffer for two answers",
    found:
      /the writable buffer of 1 byte at 0x\w+ shares bytes with the writable buffer of the chain of head 0/,
    run(q, wrong) {
      const buffer = q.bench.writable();
      q.submit(buffer);
      q.submit(wrong ? { ...buffer, address: buffer.address + 31, length: 1 } : q.bench.writable());
    },
  },
  {
    rule: "buffer-shared",
    what: "one table for two chains",
    features: F.INDIRECT_DESC,
    found: /the table of 16 bytes at 0x\w+ shares bytes with the table of the chain of head 0/,
    run(q, wrong) {
      const buffer = q.bench.readable();
      const at = submitTable(q, [buffer]);
      // The same readable buffer twice does no harm.
      if (!wrong) return void submitTable(q, [buffer]);
      const head = q.free.shift()!;
      q.descriptor(head, at, 16, DescF.INDIRECT);
      q.entry(head);
      q.publish();
    },
  },
  {
    rule: "device-memory-leak",
    what: "a buffer is left after the reset",
    found: /32 bytes at 0x\w+, "test buffer", are still allocated/,
    run(q, wrong) {
      const { address } = q.bench.readable();
      q.bench.setStatus(0);
      for (const area of [q.desc, q.avail, q.used]) q.bench.free(area);
      if (!wrong) q.bench.free(address);
      q.bench.strict.end("ended");
    },
  },
  {
    rule: "unwritten-bytes-sent",
    what: "the length of the buffer in place of that of the data",
    found: /of 64 bytes at 0x\w+ that the device reads, nobody wrote those from offset 5 on/,
    run(q, wrong) {
      const address = q.bench.allocate(64);
      q.memory.writeBytes(address, Uint8Array.of(1, 2, 3, 4, 5));
      q.submit({ address, length: wrong ? 64 : 5 });
    },
  },
  {
    rule: "descriptor-reused-unseen",
    what: "descriptors are taken again without a look at the used ring",
    size: 2,
    found: /has descriptor 0, which came back from the device unseen/,
    run(q, wrong) {
      const head = q.submit(q.bench.readable());
      q.use(head);
      if (wrong) q.free.unshift(head);
      else q.take();
      q.submit(q.bench.readable());
    },
  },
  {
    rule: "order-platform-barriers",
    what: "smp barriers before the index",
    features: F.ORDER_PLATFORM,
    found: /was written after the last write barrier that devices heed/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.readable()]));
      if (wrong) q.memory.barrier(1);
      else q.bench.barrier("write");
      q.index();
      q.kick();
    },
  },
  {
    rule: "order-platform-barriers",
    what: "an smp barrier before flags are read",
    features: F.ORDER_PLATFORM,
    found: /flags of the used ring were read .* with only a barrier for CPUs between/,
    run(q, wrong) {
      q.entry(q.chain([q.bench.readable()]));
      q.bench.barrier("write");
      q.index();
      if (wrong) q.memory.barrier(2);
      else q.bench.barrier("general");
      if (q.wanted()) q.bench.notify();
    },
  },
  {
    rule: "order-platform-barriers",
    what: "an smp barrier behind the used index",
    features: F.ORDER_PLATFORM,
    found: /entry 0 of the used ring was read after the used index, 1, with no barrier that devices heed/,
    run(q, wrong) {
      q.use(q.submit(q.bench.readable()));
      q.memory.readU16(q.used + Used.IDX);
      if (wrong) q.memory.barrier(0);
      else q.bench.barrier("read");
      q.takeEntry();
    },
  },
  {
    rule: "device-used-id",
    what: "the device invents an id",
    found: /the device gave back 5, which is not in flight/,
    run(q, wrong) {
      const head = q.submit(q.bench.readable());
      q.use(wrong ? 5 : head);
    },
  },
  {
    rule: "device-used-length",
    what: "the device reports more than there is room for",
    found: /the device reports 33 bytes in 0/,
    run: (q, wrong) => q.use(q.submit(q.bench.writable(32)), wrong ? 33 : 32),
  },
  {
    rule: "device-used-index",
    what: "the device counts a chain twice",
    found: /the device set the used index from 1 to 3/,
    // What it has not written is taken for an entry.
    also: ["device-used-id"],
    run(q, wrong) {
      const heads = [q.submit(q.bench.readable()), q.submit(q.bench.readable())];
      q.use(heads[0]);
      if (wrong) q.deviceIdx++;
      q.use(heads[1]);
    },
  },
  {
    rule: "device-in-order",
    what: "the device gives chains back as they finish",
    features: F.IN_ORDER,
    found: /the device gave back 0, the chain number 0 of the queue, after a later one/,
    run(q, wrong) {
      const heads = [q.submit(q.bench.readable()), q.submit(q.bench.readable())];
      for (const head of wrong ? heads.reverse() : heads) q.use(head);
    },
  },
  {
    rule: "device-writes-outside",
    what: "behind the end of a buffer",
    found: /a device wrote 4 bytes at 0x\w+: over an end of a writable buffer/,
    run(q, wrong) {
      const buffer = q.bench.writable(32);
      q.submit(buffer);
      q.bench.deviceWrites(buffer.address + (wrong ? 30 : 28), le32(1));
    },
  },
  {
    rule: "device-writes-outside",
    what: "into a buffer that it may only read",
    found: /a buffer that it may only read: the chain of head 0/,
    run(q, wrong) {
      const buffer = wrong ? q.bench.readable() : q.bench.writable();
      q.submit(buffer);
      q.bench.deviceWrites(buffer.address, [1]);
    },
  },
  {
    rule: "device-writes-outside",
    what: "into a buffer that it has given back",
    found: /memory that was not given to it/,
    run(q, wrong) {
      const buffer = q.bench.writable();
      const head = q.submit(buffer);
      if (wrong) q.use(head);
      q.bench.deviceWrites(buffer.address, [1]);
    },
  },
  {
    rule: "device-writes-outside",
    what: "into the descriptor table",
    found: /the descriptor table of .* at offset 12: the driver's alone/,
    run(q, wrong) {
      q.submit(q.bench.readable());
      if (wrong) q.bench.deviceWrites(q.desc + 12, le16(1));
    },
  },
]);
