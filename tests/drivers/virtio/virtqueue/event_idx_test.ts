import { assertEquals } from "@std/assert";
import { BufferType } from "../../../../drivers/virtio/virtqueue/mod.ts";
import { F } from "../../../../spec/virtio/features.ts";
import { rig, tinyDevice, token } from "./support.ts";

const { Direct } = BufferType;

Deno.test("split: D13: avail_event decides, the flag is ignored, across the 16-bit limit", () => {
  const r = rig("split", { features: F.EVENT_IDX });
  const device = tinyDevice("split", r);
  const availEvent = r.device + 4 + 8 * 4;
  r.view.setUint16(r.device, 1, true);
  const t = token(r, [1], []);
  for (let i = 0; i < 65540; i++) {
    const want = i % 3 === 0;
    r.view.setUint16(availEvent, (want ? i : i + 1) & 0xffff, true);
    r.notified.length = 0;
    r.vq.dispatch(t, false, Direct);
    if ((r.notified.length === 1) !== want) throw new Error(`buffer ${i}: ${r.notified}`);
    const chain = device.pop()!;
    device.push(chain.id, 0);
    r.vq.tryRecv();
  }
});

Deno.test("split: D13: a batch notifies when it passes avail_event", () => {
  const r = rig("split", { size: 8, features: F.EVENT_IDX });
  r.view.setUint16(r.device + 4 + 8 * 8, 1, true);
  r.vq.dispatchBatch([0, 1, 2].map(() => [token(r, [1], []), Direct] as const), false);
  assertEquals(r.notified, [3]);
  r.vq.dispatch(token(r, [1], []), false, Direct);
  assertEquals(r.notified, [3]);
});

Deno.test("split: D13: used_event follows the read position, or stays away", () => {
  const r = rig("split", { features: F.EVENT_IDX });
  const device = tinyDevice("split", r);
  const usedEvent = () => r.view.getUint16(r.driver + 4 + 2 * 4, true);
  const t = token(r, [1], []);
  const cycle = (notif: boolean) => {
    r.vq.dispatch(t, notif, Direct);
    const asked = usedEvent();
    device.push(device.pop()!.id, 0);
    r.vq.tryRecv();
    return asked;
  };
  assertEquals([cycle(false), usedEvent()], [0, 1]);
  r.vq.disableNotifs();
  assertEquals([cycle(false), usedEvent()], [0, 0]);
  assertEquals([cycle(true), usedEvent()], [2, 2], "asked for entry 2, then away from the next");
  assertEquals(r.view.getUint16(r.driver, true), 0, "flags stay 0 (virtio 1.4, 2.7.7.1)");
  r.vq.enableNotifs();
  assertEquals(usedEvent(), 3);
});

Deno.test("packed: D04: the device's DESC event is honoured by range, on both laps", () => {
  const r = rig("packed", { features: F.EVENT_IDX, size: 4 });
  const device = tinyDevice("packed", r);
  const set = (off: number, wrap: number) => {
    r.view.setUint16(r.device, off | (wrap << 15), true);
    r.view.setUint16(r.device + 2, 2, true);
  };
  // Chains of 2 on size 4: positions 0-1, 2-3 (wrap 1), 0-1, 2-3 (wrap 0).
  const t = token(r, [1], [1]);
  const seen: boolean[] = [];
  for (const [off, wrap] of [[0, 1], [3, 1], [1, 0], [0, 0], [2, 0], [0, 1], [2, 1], [3, 0]]) {
    set(off, wrap);
    r.notified.length = 0;
    r.vq.dispatch(t, false, Direct);
    seen.push(r.notified.length === 1);
    const chain = device.pop()!;
    device.push(chain.id, 0, chain.n);
    r.vq.tryRecv();
  }
  //                    0-1,1 2-3,1 0-1,0 2-3,0: [0,0] passed   0-1,1: [2,0] passed
  assertEquals(seen, [true, true, true, false, false, false, false, true]);
});

Deno.test("packed: D05: notif asks for the chain's own last descriptor and is taken back", () => {
  const r = rig("packed", { features: F.EVENT_IDX });
  const device = tinyDevice("packed", r);
  const event = () => [r.view.getUint16(r.driver, true), r.view.getUint16(r.driver + 2, true)];
  r.vq.disableNotifs();
  r.vq.dispatch(token(r, [1], []), false, Direct);
  r.vq.dispatch(token(r, [1], [1, 1]), true, Direct);
  assertEquals(event(), [0x8003, 2], "the last of three, still on the first lap");
  let chain = device.pop()!;
  device.push(chain.id, 0, chain.n);
  r.vq.tryRecv();
  assertEquals(event()[1], 2);
  chain = device.pop()!;
  device.push(chain.id, 0, chain.n);
  r.vq.tryRecv();
  assertEquals(event()[1], 1, "off again, as the driver had asked");
});

Deno.test("packed: D05: two that asked: none is lost when the first came back", () => {
  const r = rig("packed", { features: F.EVENT_IDX });
  const device = tinyDevice("packed", r);
  const flags = () => r.view.getUint16(r.driver + 2, true);
  r.vq.disableNotifs();
  r.vq.dispatch(token(r, [1], []), true, Direct);
  r.vq.dispatch(token(r, [1], []), true, Direct);
  assertEquals([r.view.getUint16(r.driver, true), flags()], [0x8000, 2]);
  for (const after of [0, 1]) {
    const chain = device.pop()!;
    device.push(chain.id, 0, chain.n);
    r.vq.tryRecv();
    assertEquals(flags(), after);
  }
});
