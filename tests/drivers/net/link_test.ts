import { assert, assertEquals } from "@std/assert";
import type { VirtioNet } from "../../../devices/virtio/mod.ts";
import { NetCtrlRx } from "../../../spec/virtio/net.ts";
import { card, type CardOptions, frame } from "./_cards.ts";

const VARIANTS: ["q35" | "microvm", string][] = [
  ["q35", "virtio-net-pci"],
  ["q35", "virtio-net-pci,vectors=0,packed=on"],
  ["microvm", "virtio-net-device"],
];
/** The model behind a card. */
function modelOf({ m, cable }: ReturnType<typeof card>): VirtioNet {
  const onMmio = m.machine.transports.find((t) => t.device !== undefined)?.device;
  assert(cable.card !== undefined);
  return (onMmio ?? (m.machine.pci!.at(1) as unknown as { device: unknown }).device) as VirtioNet;
}
/** A frame for `to`, and whether it reaches the driver. */
function reaches(c: ReturnType<typeof card>, to: string): boolean {
  const f = frame(60);
  f.set(Uint8Array.fromHex(to));
  c.cable.give(f);
  for (let i = 0; i < 10; i++) c.m.machine.relax();
  return c.driver.receive() !== undefined;
}

for (const [machine, word] of VARIANTS) {
  Deno.test(`the link goes down and up again; the driver is told (${machine} ${word})`, () => {
    const c = card(machine, word);
    const { m, driver } = c;
    const states: boolean[] = [];
    driver.onLinkChange = () => states.push(driver.linkUp());
    modelOf(c).setLink(false);
    m.until(() => states.length === 1);
    assert(driver.transmit(frame(60)), "taken, and lost on the way");
    modelOf(c).setLink(true);
    m.until(() => states.length === 2);
    assertEquals(states, [false, true]);
    assert(driver.transmit(frame(60)));
    m.until(() => c.cable.sent.length === 1);
  });

  Deno.test(`the device asks to be announced: the driver tells its owner, and answers (${machine} ${word})`, () => {
    const c = card(machine, word);
    let announced = 0;
    c.driver.onLinkChange = () => announced++;
    const model = modelOf(c);
    model.announce();
    assertEquals(model.configRead(6, 2), 3);
    c.m.until(() => announced === 1);
    assertEquals([model.configRead(6, 2), c.driver.linkUp()], [1, true]);
  });

  Deno.test(`frames for others stay out, unless asked for; the address can be changed (${machine} ${word})`, () => {
    const c = card(machine, word);
    const ours = "525400123456", other = "02000000000a", multicast = "01005e000001";
    assertEquals([ours, other, multicast, "ffffffffffff"].map((to) => reaches(c, to)), [
      true,
      false,
      false,
      true,
    ]);
    assert(c.driver.setReceiveMode(NetCtrlRx.ALLMULTI, true));
    assertEquals([other, multicast].map((to) => reaches(c, to)), [false, true]);
    assert(c.driver.setReceiveMode(NetCtrlRx.PROMISC, true));
    assertEquals([other, multicast].map((to) => reaches(c, to)), [true, true]);
    assert(c.driver.setReceiveMode(NetCtrlRx.PROMISC, false));
    assert(c.driver.setMac(Uint8Array.fromHex(other)));
    assertEquals([ours, other].map((to) => reaches(c, to)), [false, true]);
    assertEquals([...c.driver.mac], [...Uint8Array.fromHex(other)]);
  });
}

Deno.test("a device that breaks marks the card broken, and whoever waits hears of it", () => {
  const c = card("q35", "virtio-net-pci");
  let heard = 0;
  c.driver.onWritable = () => heard++;
  modelOf(c).needsReset("a test");
  c.m.until(() => c.driver.broken !== undefined);
  assert(c.driver.broken!.message.includes("needs a reset"));
  assertEquals([heard, c.driver.receive()], [1, undefined]);
  c.driver.shutdown();
  assertEquals(c.m.alloc.live(), []);
});

const env = (name: string, value: string): CardOptions => ({ env: { [name]: value } });

Deno.test("the environment: HERMIT_MTU where the device says none; nonsense is logged and left", () => {
  assertEquals(card("q35", "virtio-net-pci", env("HERMIT_MTU", "9000")).driver.mtu, 9000);
  assertEquals(card("q35", "virtio-net-pci,host_mtu=1300", env("HERMIT_MTU", "9000")).driver.mtu, 1300);
  for (const [name, value] of [["HERMIT_MTU", "12"], ["HERMIT_MRG_RXBUF_SIZE", "0"], ["HERMIT_MTU", "x"]]) {
    const { m, driver } = card("q35", "virtio-net-pci", env(name, value));
    assertEquals(driver.mtu, 1500);
    assert(m.lines.some((l) => l.startsWith(`warn: ${name}=${value}: not a number`)));
  }
});

Deno.test("jumbo frames: buffers follow the MTU, merged or not", () => {
  for (const word of ["virtio-net-pci,host_mtu=9000", "virtio-net-pci,host_mtu=9000,mrg_rxbuf=off"]) {
    const { m, driver, cable } = card("q35", word);
    cable.echo = true;
    const jumbo = frame(9014);
    assert(driver.transmit(jumbo));
    let got = driver.receive();
    m.until(() => (got ??= driver.receive()) !== undefined);
    assertEquals(got!.bytes, jumbo);
  }
});
