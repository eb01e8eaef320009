import type { Piece } from "../piece.ts";
import { netMachine } from "./machines.ts";

const RECEIVE = "drivers/net/receive.ts";
const TRANSMIT = "drivers/net/transmit.ts";
const OUTPUT = "kernel/net/ip_output.ts";

/** Mistakes of the network driver and of what stands on it. */
export const NET_PIECES: readonly Piece[] = [
  {
    id: "14",
    number: 14,
    fix: "b7584c50",
    title: "net: of a frame in several buffers, the place of the header is skipped in all of them",
    mistake: [{
      file: RECEIVE,
      find: "this.append(used.token, 0, used.writtenLen, done);",
      replace: "this.append(used.token, NET_HDR_SIZE, used.writtenLen - NET_HDR_SIZE, done);",
    }],
    scenario: {
      kind: "run",
      line: netMachine("", "ping 10.0.2.2 3 1000", "env=HERMIT_MRG_RXBUF_SIZE=128"),
    },
    expected: { rule: "net-rx-skipped", words: /from byte 12 on/ },
  },
  {
    id: "16",
    number: 16,
    fix: "8e20316a",
    title:
      "net: whether there is room to send is decided before used buffers are taken back: nothing is ever sent again",
    mistake: [{
      file: TRANSMIT,
      find: "    if (this.reclaim()) return true;\n    if (this.made <",
      replace: "    if (this.made <",
    }, {
      file: TRANSMIT,
      find: "    this.waiting = true;\n" +
        "    // If there is something already, no interrupt would come for it.\n" +
        "    return this.vq.enableNotifs() && this.reclaimed();",
      replace: "    return false;",
    }],
    scenario: { kind: "scene", name: "slow_transmit" },
    expected: { rule: "stuck-machine", words: /256 used buffers that the driver has not looked at/ },
  },
  {
    id: "17",
    number: 17,
    fix: "ce037fe0",
    title:
      "vsock: buf_alloc of the answer to a connection request is not read: the first write waits for ever",
    notHere: "no vsock driver, and nothing else here that has the credit of a peer to read",
  },
  {
    id: "21",
    number: 21,
    fix: "ccba17cd",
    title: "what the device has written is looked for in the buffer that was sent",
    mistake: [{
      file: "drivers/net/control.ts",
      find: "    const answer = memory.readU8(offset);",
      replace: "    const answer = this.command.buffer.memory.readU8(this.command.buffer.offset);",
    }],
    scenario: { kind: "run", line: netMachine("", "ping 10.0.2.2 1") },
    expected: { rule: "net-ctrl-answer", words: /never read/ },
  },
  {
    id: "29a",
    number: 29,
    fix: "437bb484",
    title: "net: GUEST_CSUM is accepted, and the flags of received headers are not looked at",
    mistake: [{
      file: "drivers/net/virtio.ts",
      find: "checksums: this.has(NetF.GUEST_CSUM),",
      replace: "checksums: false,",
    }],
    scenario: { kind: "scene", name: "partial_checksums" },
    expected: { rule: "net-rx-flags", words: /without a look at the flags of its header/ },
  },
  {
    id: "29b",
    number: 29,
    fix: "185f4316",
    title: "net: a checksum is left to the device without the sum of the pseudo header in its field",
    mistake: [{
      file: OUTPUT,
      find: "    const partial = path.iface.device.fillsChecksums ? PARTIAL[PROTOCOL_TCP] : undefined;\n",
      replace: "    const partial = path.iface.device.fillsChecksums ? PARTIAL[PROTOCOL_TCP] : undefined;\n" +
        "    if (partial !== undefined) bytes[start + TCP_CHECKSUM] = bytes[start + TCP_CHECKSUM + 1] = 0;\n",
    }],
    scenario: { kind: "scene", name: "two_kernels" },
    expected: { rule: "net-tx-pseudo-header", words: /holds 0x0/ },
  },
  {
    id: "29c",
    number: 29,
    fix: "185f4316",
    title: "net: a checksum is left to the device without VIRTIO_NET_F_CSUM",
    mistake: [{
      file: "drivers/net/virtio.ts",
      find: "    this.fillsChecksums = this.has(NetF.CSUM);",
      replace: "    this.fillsChecksums = true;",
    }],
    scenario: { kind: "scene", name: "plain_kernels" },
    expected: { rule: "net-tx-flags-without-csum", words: /CSUM was not negotiated/ },
  },
  {
    id: "31",
    number: 31,
    fix: "fe93e7f2",
    title: "net: num_buffers is believed without VIRTIO_NET_F_MRG_RXBUF",
    mistake: [{
      file: RECEIVE,
      find: "const buffers = this.options.mergeable ? memory.readU16(offset + NetHdr.NUM_BUFFERS) : 1;",
      replace: "const buffers = memory.readU16(offset + NetHdr.NUM_BUFFERS);",
    }],
    scenario: { kind: "scene", name: "num_buffers" },
    expected: { rule: "net-rx-num-buffers", words: /num_buffers was read/ },
  },
];
