/** The driver on the real QEMU's cards. */
import { assert, assertEquals } from "@std/assert";
import { physAddr } from "../../../arch/addresses.ts";
import { RamDeviceMemory } from "../../../arch/device_memory.ts";
import { Interrupts } from "../../../arch/interrupts.ts";
import { PageTables } from "../../../arch/paging.ts";
import { parseDescription } from "../../../devices/description/mod.ts";
import { QemuPlatform } from "../../../devices/qemu/mod.ts";
import type { DriverContext } from "../../../drivers/context.ts";
import { VirtioNetDriver } from "../../../drivers/net/virtio.ts";
import * as mmio from "../../../drivers/virtio/transport/mmio.ts";
import * as pci from "../../../drivers/virtio/transport/pci.ts";
import { DeviceAlloc } from "../../../mm/device_alloc.ts";
import { DeviceHeap } from "../../../mm/device_heap.ts";
import { FrameAlloc } from "../../../mm/physicalmem.ts";
import { qemuTestOnce } from "../../support/qemu.ts";
import { StrictTest } from "../../support/strict.ts";
import { frame } from "./_cards.ts";

const PCI = "-machine q35 -m 64M -nodefaults",
  MMIO = "-machine microvm,acpi=off -m 64M -nodefaults -global virtio-mmio.force-legacy=off";
const HUB = "-netdev hubport,id=n0,hubid=0 -netdev hubport,id=n1,hubid=0";

/** Starts QEMU, and a driver for each of its cards; a rule that one breaks is a failure. */
async function cards(words: string, env: Record<string, string> = {}) {
  const strict = new StrictTest("qemu");
  const platform = await QemuPlatform.start(parseDescription(words.split(" ")), {
    chardevs: new Map(),
    trace: strict.trace(),
  });
  strict.watches(platform);
  const { base, bytes } = platform.ram[0];
  const ram = platform.deviceMemory(base, bytes.length) ?? new RamDeviceMemory(base, bytes);
  const frames = new FrameAlloc(platform.memoryMap);
  const watched = strict.boot({ deviceMemory: () => ram });
  const alloc = new DeviceAlloc(watched.deviceMemory(base, bytes), frames);
  watched.onDeviceAlloc(alloc);
  const paging = new PageTables(ram, frames);
  const interrupts = new Interrupts(platform);
  interrupts.init();
  const lines: string[] = [];
  const log = (level: string) => (text: string) => void lines.push(`${level}: ${text}`);
  const ctx: DriverContext = {
    platform,
    alloc,
    indirect: new DeviceHeap(alloc),
    interrupts,
    paging: { identityMap: (phys, length) => paging.identityMap(physAddr(phys), length) },
    log: { error: log("error"), warn: log("warn"), info() {}, debug() {}, trace() {} },
    mmioDevices: [],
    env: (name) => env[name],
  };
  const transport = words.includes("microvm") ? mmio : pci;
  const drivers = transport.findDevices(ctx).filter((d) => d.deviceId === 1)
    .map((d) => VirtioNetDriver.initDev(transport.mapDevice(d, ctx), ctx));
  /** Lets QEMU run, and takes interrupts, until `done`. */
  const until = async (done: () => boolean) => {
    const giveUp = performance.now() + 10_000;
    while (!done()) {
      platform.relax();
      interrupts.poll();
      if (performance.now() > giveUp) throw new Error(`it did not happen:\n${lines.join("\n")}`);
      await Promise.resolve();
    }
  };
  const close = async () => {
    for (const driver of drivers) driver.shutdown();
    assertEquals([alloc.live(), lines], [[], []]);
    await platform.close();
  };
  return { platform, drivers, until, close };
}

/** Who has 10.0.2.2? Tell 10.0.2.15. */
function arpRequest(mac: Uint8Array): Uint8Array {
  const request = Uint8Array.fromHex(
    "ffffffffffff000000000000080600010800060400010000000000000a00020f0000000000000a000202",
  );
  request.set(mac, 6);
  request.set(mac, 22);
  return request;
}

for (
  const [name, words, env] of [
    ["q35", `${PCI} -netdev user,id=n0 -device virtio-net-pci,netdev=n0`, {}],
    ["q35, packed, mq", `${PCI} -netdev user,id=n0 -device virtio-net-pci,netdev=n0,packed=on,mq=on`, {}],
    [
      "q35, one buffer a frame",
      `${PCI} -netdev user,id=n0 -device virtio-net-pci,netdev=n0,mrg_rxbuf=off`,
      {},
    ],
    [
      "q35, INTx, buffers of 16 bytes",
      `${PCI} -netdev user,id=n0 -device virtio-net-pci,netdev=n0,vectors=0`,
      {
        HERMIT_MRG_RXBUF_SIZE: "16",
      },
    ],
    ["microvm", `${MMIO} -netdev user,id=n0 -device virtio-net-device,netdev=n0`, {}],
    ["microvm, packed", `${MMIO} -netdev user,id=n0 -device virtio-net-device,netdev=n0,packed=on`, {}],
  ] as const
) {
  qemuTestOnce(`QEMU's gateway answers an ARP request (${name})`, async () => {
    const { drivers: [driver], until, close } = await cards(words, env);
    assertEquals([driver.linkUp(), driver.mtu, driver.mac.toHex()], [true, 1500, "525400123456"]);
    let interrupts = 0;
    driver.onReceive = () => interrupts++;
    assert(driver.transmit(arpRequest(driver.mac)));
    let answer: Uint8Array | undefined;
    await until(() => interrupts > 0 && (answer ??= driver.receive()?.bytes.slice()) !== undefined);
    assertEquals(answer!.subarray(0, 6), driver.mac);
    assertEquals(answer!.subarray(12, 22).toHex(), "08060001080006040002");
    assertEquals(answer!.subarray(28, 32).toHex(), "0a000202");
    await close();
  });
}

for (
  const [name, machine, one, two, env] of [
    ["q35, split and packed", PCI, "virtio-net-pci", "virtio-net-pci,packed=on,disable-legacy=on", {}],
    ["q35, buffers of 200 bytes", PCI, "virtio-net-pci,packed=on", "virtio-net-pci,event_idx=off", {
      HERMIT_MRG_RXBUF_SIZE: "200",
    }],
    ["q35, one buffer a frame, tx=timer", PCI, "virtio-net-pci,mrg_rxbuf=off", "virtio-net-pci,tx=timer", {}],
    ["microvm, split and packed", MMIO, "virtio-net-device", "virtio-net-device,packed=on", {}],
  ] as const
) {
  qemuTestOnce(`two of QEMU's cards exchange frames over a hub (${name})`, async () => {
    const words = `${machine} ${HUB} -device ${one},netdev=n0 -device ${two},netdev=n1`;
    const { drivers, until, close } = await cards(words, env);
    const sizes = [60, 200, 201, 1514];
    // On microvm the drivers come in the order of windows, the cards from the last one down.
    for (const [from, to] of [drivers, [...drivers].reverse()]) {
      const received: Uint8Array[] = [];
      const sent = Array.from({ length: 300 }, (_, i) => {
        const f = frame(sizes[i % sizes.length], i);
        f.set(to.mac);
        return f;
      });
      let next = 0;
      await until(() => {
        while (next < sent.length && next - received.length < 32 && from.transmit(sent[next])) next++;
        for (let got = to.receive(); got !== undefined; got = to.receive()) received.push(got.bytes.slice());
        return received.length === sent.length;
      });
      assertEquals(received, sent);
    }
    await close();
  });
}
