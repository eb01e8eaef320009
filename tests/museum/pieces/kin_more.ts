import type { Piece } from "../piece.ts";
import { netMachine, RNG, rngMachine } from "./machines.ts";

const BASE = "drivers/virtio/virtqueue/base.ts";
const KIN = { kin: true, fix: "" } as const;

/** Second cousins: the same places again, gone wrong in another way. */
export const KIN_MORE_PIECES: readonly Piece[] = [
  {
    ...KIN,
    id: "kin-1b",
    number: 1,
    title: "no barrier between asking for interrupts and looking for used buffers once more",
    mistake: [{
      file: BASE,
      find: "    generalBarrier(this.memory, this.orderPlatform);\n    return this.hasUsedBuffers();",
      replace: "    return this.hasUsedBuffers();",
    }, {
      file: BASE,
      find: 'import { generalBarrier } from "../../../arch/barrier.ts";\n',
      replace: "",
    }],
    scenario: { kind: "run", line: netMachine("", "ping 10.0.2.2 3 1000") },
    expected: { rule: "interrupts-enabled-barrier", words: /no general barrier between/ },
  },
  {
    ...KIN,
    id: "kin-14b",
    number: 14,
    title: "net: of a frame in several buffers only the first is read",
    mistake: [{
      file: "drivers/net/receive.ts",
      find: "      done = used === null ? -1 : this.append(used.token, 0, used.writtenLen, done);\n",
      replace: "      if (used !== null) this.takeBack(used.token);\n",
    }, {
      file: "drivers/net/receive.ts",
      find: "    let done = this.append(first, NET_HDR_SIZE, length, 0);",
      replace: "    const done = this.append(first, NET_HDR_SIZE, length, 0);",
    }],
    scenario: {
      kind: "run",
      line: netMachine("", "ping 10.0.2.2 3 1000", "env=HERMIT_MRG_RXBUF_SIZE=128"),
    },
    expected: { rule: "net-rx-rest-unread", words: /given back unread/ },
  },
  {
    ...KIN,
    id: "kin-18b",
    number: 18,
    title: "each bit of the status is written alone, which takes those before it away",
    mistake: [{
      file: "drivers/virtio/transport/com_cfg.ts",
      find: "this.layout.width, this.deviceStatus() | bits);",
      replace: "this.layout.width, bits);",
    }],
    scenario: { kind: "run", line: rngMachine(), input: RNG },
    expected: { rule: "status-bit-cleared", words: /takes ACKNOWLEDGE away/ },
  },
  {
    ...KIN,
    id: "kin-26b",
    number: 26,
    title: "PCI: a BAR is left with the ones that were written to size it",
    mistake: [{
      file: "drivers/pci/bars.ts",
      find: "  const mask = device.read(offset, 4);\n  device.write(offset, 4, value);",
      replace: "  const mask = device.read(offset, 4);",
    }],
    scenario: { kind: "scene", name: "firmware" },
    expected: { rule: "pci-bar-address", words: /as a write for sizing leaves it/ },
  },
  {
    ...KIN,
    id: "kin-27b",
    number: 27,
    title: "PCI: another pin of the IOAPIC is opened than the one that INTx arrives at",
    mistake: [{
      file: "drivers/pci/routing.ts",
      find: "if (slot < 25) return 20 + (slot + pin - 1) % 4;",
      replace: "if (slot < 25) return 20 + (slot + pin) % 4;",
    }],
    scenario: { kind: "run", line: netMachine(",vectors=0", "ping 10.0.2.2 1") },
    expected: { rule: "interrupt-path-open", words: /line 21 is asserted, and nobody has opened it/ },
  },
];
