import type { Piece } from "../piece.ts";
import { mmioNetMachine } from "./machines.ts";

const MMIO = "drivers/virtio/transport/mmio.ts";
const KIN = { kin: true, fix: "" } as const;
const scenario = (words: string, app = "ping 10.0.2.2 3") =>
  ({ kind: "run", transport: "mmio", line: mmioNetMachine(words, app) }) as const;

/** Mistakes of the same kinds on virtio-mmio, which nobody at Hermit has made. */
export const KIN_MMIO_PIECES: readonly Piece[] = [
  {
    ...KIN,
    id: "kin-8m",
    number: 8,
    title: "MMIO: a notification with data has its two halves exchanged",
    mistake: [{
      file: MMIO,
      find: "this.withData ? (next << 16 | vqn) >>> 0 : vqn",
      replace: "this.withData ? (vqn << 16 | next) >>> 0 : vqn",
    }],
    scenario: scenario(",notification_data=on"),
    expected: { rule: "notification-data", words: /virtio-net-device\.0 queue 1 says 2/ },
  },
  {
    ...KIN,
    id: "kin-18m",
    number: 18,
    title: "MMIO: a queue is made ready before its addresses are written",
    mistake: [{
      file: "drivers/virtio/virtqueue/set_up.ts",
      find: "  setAddresses(handler, desc, driver, device);\n  const notifCtrl",
      replace: "  handler.enableQueue();\n  setAddresses(handler, desc, driver, device);\n  const notifCtrl",
    }, {
      file: "drivers/virtio/virtqueue/set_up.ts",
      find: "  handler.enableQueue();\n  return {",
      replace: "  return {",
    }],
    scenario: scenario(""),
    expected: { rule: "mmio-queue-ready-last", words: /queue_desc_low .* after the queue was enabled/ },
  },
  {
    ...KIN,
    id: "kin-27m",
    number: 27,
    title: "MMIO: an interrupt is seen, and not acknowledged",
    mistake: [{
      file: MMIO,
      find: "    if (status !== 0) this.regs.write(MmioReg.INTERRUPT_ACK, 4, status);",
      replace: "    if (status > 3) this.regs.write(MmioReg.INTERRUPT_ACK, 4, status);",
    }],
    scenario: scenario("", "ping 10.0.2.2 1"),
    expected: { rule: "mmio-interrupt-acknowledged", words: /InterruptACK was not written/ },
  },
  {
    ...KIN,
    id: "kin-32m",
    number: 32,
    title: "MMIO: a field of 16 bits of the configuration is cut out of 32",
    mistake: [{
      file: "drivers/virtio/transport/common.ts",
      find: "    return this.regs.read(offset, 2);",
      replace: "    return this.regs.read(offset & ~3, 4) >>> 8 * (offset & 3) & 0xffff;",
    }],
    scenario: scenario(""),
    expected: { rule: "config-access-width", words: /4 bytes .* of the configuration/ },
  },
];
