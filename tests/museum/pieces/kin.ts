import type { Piece } from "../piece.ts";
import { netMachine, RNG, rngMachine } from "./machines.ts";

const CAPS = "drivers/virtio/transport/pci/caps.ts";
const KIN = { kin: true, fix: "" } as const;

/** Mistakes of the same kinds around the rings, which nobody at Hermit has made. */
export const KIN_PIECES: readonly Piece[] = [
  {
    ...KIN,
    id: "kin-10",
    number: 10,
    title: "PCI: the multiplier of notification addresses is left out",
    mistake: [{
      file: "drivers/virtio/transport/pci/notify.ts",
      find: "handler.notifOff() * this.multiplier",
      replace: "handler.notifOff() * Math.min(1, this.multiplier)",
    }],
    scenario: { kind: "run", line: netMachine("", "ping 10.0.2.2 1") },
    expected: { rule: "pci-notify-queue", words: /no queue's/ },
  },
  {
    ...KIN,
    id: "kin-14",
    number: 14,
    title: "net: the second and later buffers of a frame are read as a whole, however much the device wrote",
    mistake: [{
      file: "drivers/net/receive.ts",
      find: "this.append(used.token, 0, used.writtenLen, done);",
      replace: "this.append(used.token, 0, this.options.bufferSize, done);",
    }],
    scenario: {
      kind: "run",
      line: netMachine("", "ping 10.0.2.2 3 1000", "env=HERMIT_MRG_RXBUF_SIZE=128"),
    },
    expected: { rule: "used-length", words: /behind the \d+ that the device wrote/ },
  },
  {
    ...KIN,
    id: "kin-18",
    number: 18,
    title: "buffers are offered, and the device notified, before DRIVER_OK",
    mistake: [{
      file: "drivers/rng.ts",
      find:
        '      return new QueueBuffers(vq, ctx.alloc, "receive", PACKETS, PACKET_SIZE, owner, ctx.log);\n',
      replace:
        '      const made = new QueueBuffers(vq, ctx.alloc, "receive", PACKETS, PACKET_SIZE, owner, ctx.log);\n' +
        "      made.dispatchAll();\n      return made;\n",
    }],
    scenario: { kind: "run", line: rngMachine(), input: RNG },
    expected: { rule: "notify-after-driver-ok", words: /FEATURES_OK/ },
  },
  {
    ...KIN,
    id: "kin-21",
    number: 21,
    title:
      "net: the directions of buffers are mixed up; the driver breaks down over the first frame that it sends",
    mistake: [{
      file: "drivers/net/queue.ts",
      find: 'const token = direction === "send" ? AvailBufferToken.new(elems, [])',
      replace: "const token = direction !== undefined ? AvailBufferToken.new(elems, [])",
    }, {
      file: "drivers/net/queue.ts",
      find:
        "      const elems = [BufferElem.vector(DeviceVec.withCapacity(alloc, bytes, `${this.owner} buffer`))];\n",
      replace: "      const vec = DeviceVec.withCapacity(alloc, bytes, `${this.owner} buffer`);\n" +
        "      vec.len = bytes;\n      const elems = [BufferElem.vector(vec)];\n",
    }],
    scenario: { kind: "run", line: netMachine("", "ping 10.0.2.2 1") },
    expected: { rule: "net-rx-writable", words: /readable for the device/ },
  },
  {
    ...KIN,
    id: "kin-22",
    number: 22,
    title: "driver_feature_select is written once: all words of the features go where the first one should",
    mistake: [{
      file: "drivers/virtio/transport/com_cfg.ts",
      find: "      this.regs.write(this.layout.driverFeatureSelect, 4, i);",
      replace: "      if (i === 0) this.regs.write(this.layout.driverFeatureSelect, 4, i);",
    }],
    scenario: { kind: "run", line: netMachine("", "ping 10.0.2.2 3") },
    expected: { rule: "version-1-accepted", words: /VERSION_1/ },
  },
  {
    ...KIN,
    id: "kin-23",
    number: 23,
    title: "PCI: notify_off_multiplier is taken from the last four bytes of the capability",
    mistake: [{
      file: CAPS,
      find: "multiplier: device.read(at + VirtioPciCap.EXTRA, 4) };",
      replace: "multiplier: device.read(at + capLength - 4, 4) };",
    }],
    scenario: { kind: "scene", name: "long_capabilities" },
    expected: { rule: "pci-notify-queue", words: /no queue's/ },
  },
  {
    ...KIN,
    id: "kin-25",
    number: 25,
    title: "PCI: of several capabilities of a type the last is taken",
    mistake: [{
      file: CAPS,
      find: "  if (alreadyFound(found, type)) {",
      replace: "  if (type !== CapCfgType.Notify && alreadyFound(found, type)) {",
    }],
    scenario: { kind: "scene", name: "second_notify" },
    expected: { rule: "pci-first-structure", words: /comes first/ },
  },
  {
    ...KIN,
    id: "kin-26",
    number: 26,
    title: "PCI: a BAR's address is written, half by half, while the function decodes it",
    mistake: [{
      file: "drivers/pci.ts",
      find: "      this.setCommand(this.command() & ~(PciCommand.IO | PciCommand.MEMORY));\n",
      replace: "      this.setCommand(this.command() | PciCommand.IO | PciCommand.MEMORY);\n",
    }],
    scenario: { kind: "run", line: rngMachine(), input: RNG },
    expected: { rule: "pci-bar-while-decoding", words: /BAR\d/ },
  },
  {
    ...KIN,
    id: "kin-27",
    number: 27,
    title: "a device's line is never quietened: the ISR is not read",
    mistake: [{
      file: "drivers/virtio/transport/common.ts",
      find: "    const status = isr.acknowledge();",
      replace: "    const status = isr === undefined ? 0 : IsrBits.QUEUE;",
    }],
    scenario: { kind: "run", line: netMachine(",vectors=0", "ping 10.0.2.2 1") },
    expected: { rule: "pci-interrupt-acknowledged", words: /stays asserted: 10 interrupts were taken/ },
  },
  {
    ...KIN,
    id: "kin-29",
    number: 29,
    title: "net: csum_start counts from the IP header in place of the frame's first byte",
    mistake: [{
      file: "drivers/net/transmit.ts",
      find: "memory.writeU16(offset + NetHdr.CSUM_START, checksum.start);",
      replace: "memory.writeU16(offset + NetHdr.CSUM_START, checksum.start - 14);",
    }],
    scenario: { kind: "scene", name: "two_kernels" },
    expected: { rule: "net-tx-checksum-place", words: /csum_start is 20/ },
  },
  {
    ...KIN,
    id: "kin-31",
    number: 31,
    title: "net: without MRG_RXBUF the header is taken to have 10 bytes, as legacy devices have it",
    mistake: [{
      file: "drivers/net/receive.ts",
      find: "      this.setLength(length);\n      memory.readBytes(offset + NET_HDR_SIZE, this.frame.bytes);",
      replace: "      const header = this.options.mergeable ? NET_HDR_SIZE : 10;\n" +
        "      this.setLength(writtenLen - header);\n      memory.readBytes(offset + header, this.frame.bytes);",
    }],
    scenario: { kind: "run", line: netMachine(",mrg_rxbuf=off", "ping 10.0.2.2 1") },
    expected: { rule: "net-rx-header-size", words: /from byte 10 of the buffer on/ },
  },
  {
    ...KIN,
    id: "kin-32",
    number: 32,
    title: "net: 16-bit fields of the configuration are read with their bytes in the wrong order",
    mistake: [{
      file: "drivers/virtio/transport/common.ts",
      find: "    return this.regs.read(offset, 2);",
      replace: "    const value = this.regs.read(offset, 2);\n    return (value & 0xff) << 8 | value >>> 8;",
    }],
    scenario: { kind: "run", line: netMachine(",status=off,host_mtu=1400", "ping 10.0.2.2 1 2000") },
    expected: { rule: "net-tx-mtu", words: /1400/ },
  },
  {
    ...KIN,
    id: "kin-33",
    number: 33,
    title: "interrupts are asked for, and what came in just before is not looked at: nobody ever does",
    mistake: [{
      file: "drivers/virtio/virtqueue/base.ts",
      find: "    generalBarrier(this.memory, this.orderPlatform);\n    return this.hasUsedBuffers();",
      replace: "    return false;",
    }, {
      file: "drivers/virtio/virtqueue/base.ts",
      find: 'import { generalBarrier } from "../../../arch/barrier.ts";\n',
      replace: "",
    }],
    scenario: { kind: "scene", name: "ask_then_sleep" },
    expected: { rule: "interrupts-without-look", words: /waiting for interrupts/ },
  },
  {
    ...KIN,
    id: "kin-34",
    number: 34,
    title: "the allocator of indices: what is given back below the hint is not found again",
    mistake: [{
      file: "drivers/virtio/virtqueue/index_alloc.ts",
      find: "    if (word < this.hint) this.hint = word;\n",
      replace: "",
    }],
    scenario: { kind: "test", file: "tests/drivers/virtio/virtqueue/index_alloc_test.ts", filter: "" },
    expected: { words: /FAILED/ },
  },
];
