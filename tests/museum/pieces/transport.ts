import type { Piece } from "../piece.ts";
import { netMachine, RNG, rngMachine } from "./machines.ts";

const CAPS = "drivers/virtio/transport/pci/caps.ts";

/** Mistakes in finding, setting up and reaching a device. */
export const TRANSPORT_PIECES: readonly Piece[] = [
  {
    id: "10",
    number: 10,
    fix: "4d7a3dba",
    title: "PCI: the notification address is offset plus multiplier in place of times",
    mistake: [{
      file: "drivers/virtio/transport/pci/notify.ts",
      find: "handler.notifOff() * this.multiplier",
      replace: "handler.notifOff() + this.multiplier",
    }],
    scenario: { kind: "run", line: netMachine("", "ping 10.0.2.2 1") },
    expected: { rule: "pci-notify-queue", words: /no queue/ },
  },
  {
    id: "18",
    number: 18,
    fix: "77637dd9",
    title: "queues are built before the features are agreed on",
    mistake: [{
      file: "drivers/virtio/features.ts",
      find: "    com.featuresOk();\n    if (!com.checkFeatures()) {",
      replace: "    const result = setup(features);\n    com.featuresOk();\n    if (!com.checkFeatures()) {",
    }, {
      file: "drivers/virtio/features.ts",
      find: "    const result = setup(features);\n    com.drvOk();",
      replace: "    com.drvOk();",
    }],
    scenario: { kind: "run", line: rngMachine(), input: RNG },
    expected: { rule: "queue-after-features", words: /before FEATURES_OK/ },
  },
  {
    id: "22",
    number: 22,
    fix: "1e564167",
    title: "PCI: device_feature is read once for both words, as a compiler does that may merge the accesses",
    mistake: [{
      file: "drivers/virtio/transport/com_cfg.ts",
      find: "      words.push(this.regs.read(this.layout.deviceFeature, 4));",
      replace: "      if (i !== 1) continue;\n" +
        "      const word = this.regs.read(this.layout.deviceFeature, 4);\n      words.push(word, word);",
    }],
    // Word 1 holds VERSION_1, which is CSUM in word 0.
    scenario: { kind: "run", line: netMachine(",queue_reset=off", "ping 10.0.2.2 1") },
    expected: { rule: "features-read-first", words: /CSUM of feature word 0/ },
  },
  {
    id: "23",
    number: 23,
    fix: "ebe8bc3a",
    title:
      "PCI: notify_off_multiplier is looked for behind the capability that follows in the list, cap_len bytes on",
    mistake: [{
      file: CAPS,
      find: "multiplier: device.read(at + VirtioPciCap.EXTRA, 4) };",
      replace: "multiplier: device.read(device.read(at + 1, 1) + capLength, 4) };",
    }],
    scenario: { kind: "scene", name: "long_capabilities" },
    expected: { rule: "pci-notify-queue", words: /offset 0x0 of the notification structure/ },
  },
  {
    id: "25",
    number: 25,
    fix: "7aae9722",
    title: "PCI: a capability that cannot be used, beside one of its type that can, stops the driver",
    mistake: [{
      file: CAPS,
      find: "      const why = error instanceof Error ? error.message : String(error);\n" +
        "      log.warn(`${deviceName}: the capability at ${hex(cap.offset)} is skipped: ${why}`);\n",
      replace: "      log.warn(`${deviceName}: the capability at ${hex(cap.offset)}`);\n      throw error;\n",
    }],
    scenario: { kind: "scene", name: "double_capabilities" },
    expected: {
      rule: "pci-device-given-up",
      words: /cfg_type 1, bar 0\) cannot be used, others of its type can/,
    },
  },
  {
    id: "26",
    number: 26,
    fix: "17953eff",
    title: "PCI: BARs are sized while the function decodes them",
    mistake: [{
      file: "drivers/pci/bars.ts",
      find: "  device.setCommand(command & ~(PciCommand.IO | PciCommand.MEMORY));\n  const bars: Bar[] = [];",
      replace: "  device.setCommand(command);\n  const bars: Bar[] = [];",
    }, {
      file: "drivers/pci/bars.ts",
      find: 'import { PciCfg, PciCommand } from "../../spec/pci.ts";',
      replace: 'import { PciCfg } from "../../spec/pci.ts";',
    }],
    scenario: { kind: "scene", name: "firmware" },
    expected: { rule: "pci-bar-while-decoding", words: /0xffffffff/ },
  },
  {
    id: "27",
    number: 27,
    fix: "5cf80ebb",
    title: "PCI: INTx is set up edge triggered and active high, so that only the first interrupt arrives",
    mistake: [{
      file: "drivers/virtio/transport/pci/interrupt.ts",
      find: 'const mode = { trigger: "level", polarity: "low" } as const;',
      replace: 'const mode = { trigger: "edge", polarity: "high" } as const;',
    }],
    scenario: { kind: "run", line: netMachine(",vectors=0", "ping 10.0.2.2 3") },
    expected: { rule: "pci-line-level", words: /edge triggered/ },
  },
  {
    id: "32",
    number: 32,
    fix: "8764ef9e",
    title: "vsock: guest_cid is read in the byte order of the CPU",
    notHere: "no big-endian guest, and no vsock; kin-32 has a field of another device in the wrong order",
  },
];
