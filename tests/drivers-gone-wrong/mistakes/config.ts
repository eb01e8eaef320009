import { NetF } from "../../../spec/virtio/features.ts";
import { NetConfig } from "../../../spec/virtio/net.ts";
import { before, type Mistake } from "../mistake.ts";

/** The configuration space of devices (virtio 1.4, 2.5). */
export const CONFIG: readonly Mistake[] = [
  {
    id: "config-no-generation",
    what: "the address of a card is read byte by byte without a look at the generation",
    on: { devices: ["net"] },
    plant: ({ net }) => net.consistent = (read) => read(),
    expect: { rule: "config-generation", found: /mac was read in 6 parts, and config_generation not before/ },
  },
  {
    id: "config-generation-read-once",
    what: "the generation is read before the fields and not after them",
    on: { devices: ["net"] },
    plant: ({ net }) =>
      net.consistent = (read) => {
        net.transport.generation();
        return read();
      },
    expect: { rule: "config-generation", found: /not afterwards/ },
  },
  {
    id: "config-generation-read-after-only",
    what: "the generation is read after the fields and not before them",
    on: { devices: ["net"] },
    plant: ({ net }) =>
      net.consistent = (read) => {
        const value = read();
        net.transport.generation();
        return value;
      },
    expect: { rule: "config-generation", found: /not before/ },
  },
  {
    id: "config-size-no-generation",
    what: "columns and rows are read without a look at the generation",
    on: { devices: ["console"], props: "x-size=80x25" },
    plant: ({ console }) => console.consistent = (read) => read(),
    expect: { rule: "config-generation-fields", found: /cols and rows/ },
  },
  {
    id: "config-mac-32-bit",
    what: "the address of a card is read as 32 bits, not byte by byte",
    on: { devices: ["net"] },
    plant: ({ net }) =>
      before(net, "readConfig", () => net.consistent(() => net.transport.readConfig(NetConfig.MAC, 4))),
    expect: { rule: "config-access-width", found: /4 bytes at 0x0/ },
  },
  {
    id: "config-status-8-bit",
    what: "a field of 16 bits is read as two bytes",
    on: { devices: ["net"] },
    plant: ({ net }) =>
      before(net, "readConfig", () => net.consistent(() => net.transport.readConfig(NetConfig.STATUS, 1))),
    expect: { rule: "config-access-width", found: /1 byte.* at 0x6/ },
  },
  {
    id: "config-unaligned",
    what: "32 bits are read at an offset that is no multiple of 4",
    on: { devices: ["net"] },
    plant: ({ net }) =>
      before(net, "readConfig", () => net.consistent(() => net.transport.readConfig(NetConfig.STATUS, 4))),
    expect: { rule: "config-access-width", found: /4 bytes at 0x6/ },
    also: ["config-field-offered"],
  },
  {
    id: "config-pairs-without-feature",
    what: "the number of pairs is read, though MQ is not offered",
    on: { devices: ["net"] },
    plant: ({ net }) =>
      before(net, "readConfig", () => net.transport.readConfig(NetConfig.MAX_VIRTQUEUE_PAIRS, 2)),
    expect: { rule: "config-field-offered", found: /does not offer MQ/ },
  },
  {
    id: "config-mtu-without-feature",
    what: "the MTU is read, though it is not offered",
    on: { devices: ["net"] },
    plant: ({ net }) => before(net, "readConfig", () => net.transport.readConfig(NetConfig.MTU, 2)),
    expect: { rule: "config-field-offered", found: /does not offer MTU/ },
  },
  {
    id: "config-written-before-features",
    what: "a character is written through the configuration before the features are chosen",
    on: { devices: ["net"], wants: NetF.CTRL_MAC_ADDR },
    plant: ({ net }) => before(net, "negotiate", () => net.transport.writeConfig(NetConfig.MAC, 1, 2)),
    expect: { rule: "config-write-after-features", found: /0x2 was written at 0x0/ },
    also: ["net-config-read-only"],
  },
];
