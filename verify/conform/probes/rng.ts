import type { Check, Value } from "../check.ts";
import { buffer, type Front, Ring, W } from "../driver/mod.ts";
import { machineWords } from "../static/variants.ts";
import { checksOf, frontOf, MACHINES, type Probe, RngProbe, VERSION_1 } from "./session.ts";

const ENTROPY = "virtio 1.4, 5.4.6";

/** A quota that no test lives to see renewed. */
const quota = (bytes: number, device: "pci" | "mmio") =>
  device === "pci"
    ? machineWords("q35", `-device virtio-rng-pci,rng=r0,addr=4,max-bytes=${bytes},period=100000000`)
    : machineWords(
      "microvm",
      `-global virtio-mmio.force-legacy=false -device virtio-rng-device,rng=r0,max-bytes=${bytes},period=100000000`,
    );

/** Chains of these lengths behind one notification, then one more. */
function chains(d: Front, lengths: readonly number[]): Value {
  const p = new RngProbe(d, "split");
  lengths.forEach((len, i) => p.ring.chain([{ addr: buffer(i), len, flags: W }], i));
  const first = p.go();
  p.ring.chain([{ addr: buffer(9), len: 10, flags: W }], 7);
  return [first, p.go(), p.go()];
}

/** A quota counts over the machine's life: each of these has a machine of its own. */
const quotaCheck = (device: "pci" | "mmio", bytes: number, lengths: readonly number[]): Check => ({
  id: `rng-${device}/quota/${bytes}-for-${lengths.join("-")}`,
  title: `max-bytes=${bytes}, chains of ${lengths.join(", ")} bytes`,
  spec: ENTROPY,
  kind: "probe",
  machine: quota(bytes, device),
  alone: true,
  run: (world) => chains(frontOf(world), lengths),
});

const probes: readonly Probe[] = [
  {
    name: "status-looks",
    title: "every status write with DRIVER_OK looks for buffers",
    spec: ENTROPY,
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      d.status = 15;
      const again = p.go(false);
      p.ring.chain([{ flags: W }], 1);
      d.status = 143;
      return [again, p.go(false)];
    },
  },
  {
    name: "queue-1",
    title: "a notification of a queue that does not exist",
    spec: ENTROPY,
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      d.kick(1);
      d.run();
      const wrong = p.outcome();
      d.kick(1023);
      d.run();
      return [wrong, p.outcome(), p.go()];
    },
  },
  {
    name: "added-while-at-work",
    title: "chains added after the notification, before the device acts",
    spec: ENTROPY,
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ len: 5, flags: W }]);
      p.ring.chain([{ addr: buffer(1), len: 6, flags: W }], 1);
      d.kick(0);
      d.run();
      p.ring.chain([{ addr: buffer(2), len: 7, flags: W }], 2);
      return [p.outcome(), p.go()];
    },
  },
  {
    name: "reset-after-kick",
    title: "everything again after a reset: indices start at 0",
    spec: "virtio 1.4, 2.4.1",
    run(d) {
      const results: Value[] = [];
      for (let i = 0; i < 3; i++) {
        d.rewind();
        const p = new RngProbe(d, "split");
        p.ring.chain([{ len: 8 + i, flags: W }], i);
        results.push(p.go());
      }
      return results;
    },
  },
  {
    name: "other-ring-after-reset",
    title: "split, packed and split again, with a reset between",
    spec: "virtio 1.4, 2.4.1",
    run: (d) =>
      (["split", "packed", "split", "packed"] as const).map((kind) => {
        d.rewind();
        const p = new RngProbe(d, kind);
        p.ring.chain([{ len: 9, flags: W }], 3);
        return p.go();
      }),
  },
  {
    name: "version-1-alone",
    title: "queue enabled before FEATURES_OK",
    spec: "virtio 1.4, 3.1.1",
    run(d) {
      d.status = 0;
      d.status = 3;
      const ring = new Ring(d, false, 0, 8);
      d.setQueue(ring);
      d.accept(0, 0);
      d.accept(1, Number(VERSION_1 >> 32n));
      d.status = 11;
      d.status = 15;
      d.run();
      ring.chain([{ flags: W }]);
      d.kick(0);
      d.run();
      return { used: ring.takeUsed().map((u) => ({ ...u })), status: d.status, isr: d.takeIsr() };
    },
  },
];

/** The entropy device's own manners. */
export const rngChecks: readonly Check[] = [
  ...checksOf("rng-pci/device", MACHINES.rng.pci, probes),
  ...checksOf("rng-mmio/device", MACHINES.rng.mmio, probes),
  quotaCheck("pci", 16, [64]),
  quotaCheck("pci", 16, [10, 10, 10]),
  quotaCheck("pci", 16, [16, 1]),
  quotaCheck("pci", 100, [10, 20]),
  quotaCheck("pci", 1, [64]),
  quotaCheck("mmio", 16, [10, 10]),
];
