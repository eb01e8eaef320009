import { Msix, PciCfg } from "../../../spec/pci.ts";
import type { Value } from "../check.ts";
import { Area, buffer, LegacyPorts, PAGE, type PciFront, Port, type Ring, W } from "../driver/mod.ts";
import { checksOf, MACHINES, type Probe, VERSION_1, written } from "./session.ts";

const SPEC = "virtio 1.4, 4.1.4.10";
const EVENT_IDX = 2 ** 29, BAD = 2 ** 30;

/** What came of it: used entries, memory, the ports' status and interrupt status, lines. */
function outcome(p: LegacyPorts, ring: Ring): { [name: string]: Value } {
  p.front.run();
  const lines = p.front.world.takeLines();
  const [status, isr] = [p.status, p.in(Port.ISR, 1)];
  return {
    used: ring.takeUsed().map((u) => ({ ...u })),
    written: written(p.front),
    status,
    isr,
    lines: [...lines, ...p.front.world.takeLines()],
    wishes: [...ring.suppression],
  };
}
/** A device at work, with its one queue. */
function running(d: PciFront, features = 0): { p: LegacyPorts; ring: Ring } {
  const p = new LegacyPorts(d).begin(features);
  const ring = p.place(0);
  p.status = 7;
  d.run();
  return { p, ring };
}
const question = (name: string, title: string, run: (d: PciFront) => Value): Probe<PciFront> => ({
  name,
  title,
  spec: SPEC,
  run,
});
const ports = (name: string, title: string, run: (p: LegacyPorts, d: PciFront) => Value) =>
  question(name, title, (d) => run(new LegacyPorts(d), d));

const probes: readonly Probe<PciFront>[] = [
  question("interrupt", "buffers by a legacy driver, one after the other, with its interrupts", (d) => {
    const { p, ring } = running(d);
    return [0, 1, 2, 3].map((n) => {
      ring.setInterrupts(n === 2 ? 1 : 0);
      ring.chain([{ addr: buffer(n), flags: W }], n);
      p.kick(0);
      return outcome(p, ring);
    });
  }),
  question("event-idx", "a legacy driver with EVENT_IDX", (d) => {
    const { p, ring } = running(d, EVENT_IDX);
    ring.setEvent(1);
    return [0, 1, 2].map((n) => {
      ring.chain([{ addr: buffer(n), flags: W }], n);
      p.kick(0);
      return outcome(p, ring);
    });
  }),
  question("vectors", "MSI-X vectors through the ports, and messages", (d) => {
    for (const v of [0, 1]) d.setVector(v);
    d.msixControl = Msix.ENABLE;
    const { p, ring } = running(d);
    const set = (at: number, width: 2 | 4, value: number) => {
      p.out(at, width, value);
      return [p.in(Port.CONFIG_VECTOR, 2), p.in(Port.QUEUE_VECTOR, 2)];
    };
    const assigned = [
      set(Port.CONFIG_VECTOR, 2, 0),
      set(Port.QUEUE_VECTOR, 2, 2),
      set(Port.CONFIG_VECTOR, 2, 0xffff),
      set(Port.CONFIG_VECTOR, 4, 0x1_0001),
      set(Port.QUEUE_VECTOR, 2, 1),
    ];
    ring.chain([{ flags: W }]);
    p.kick(0);
    const used = { ...outcome(p, ring), messages: d.takeMessages() };
    p.out(Port.SELECT, 2, 3);
    const elsewhere = [set(Port.QUEUE_VECTOR, 2, 0), p.in(Port.QUEUE_VECTOR - 3, 4)];
    p.status = 0;
    return { assigned, used, elsewhere, after: [p.in(Port.CONFIG_VECTOR, 2), p.in(Port.QUEUE_VECTOR, 2)] };
  }),
  ports("features", "features: offered, others, bit 30, in pieces, late", (p, d) => {
    const set = (value: number, at: number = Port.FEATURES, width: 1 | 2 | 4 = 4) => {
      p.out(at, width, value);
      return p.in(Port.FEATURES, 4);
    };
    p.begin();
    const first = [EVENT_IDX, 0xffff_ffff, 2 ** 28, BAD, BAD + EVENT_IDX, 0x3f00_0000].map((v) => set(v));
    const pieces = [set(EVENT_IDX), set(0xff, 4, 1), set(0x10, 7, 1), set(0x3000, 6, 2), set(0x3000, 4, 2)];
    p.status = 11;
    const late = [set(EVENT_IDX), p.status];
    d.status = 0;
    d.negotiate(VERSION_1);
    const modern = [p.in(Port.FEATURES, 4), set(EVENT_IDX)];
    d.status = 3;
    return { first, pieces, late, modern, taken: [set(EVENT_IDX), d.status] };
  }),
  ports("widths", "writes at any width and offset", (p) => {
    const at = [0, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22];
    return at.flatMap((offset) =>
      ([1, 2, 4] as const).map((width) => {
        p.begin(EVENT_IDX);
        p.place(0);
        p.out(offset, width, 0x0102_0304);
        return `${offset}/${width}: ${p.registers().map((v) => v.toString(16)).join(" ")}`;
      })
    );
  }),
  ports("read-widths", "reads at any width and offset", (p) => {
    p.begin(EVENT_IDX);
    p.place(0);
    return Array.from({ length: 0x20 }, (_, at) => ([1, 2, 4] as const).map((width) => p.in(at, width)));
  }),
  question("address-0", "a queue's address 0 resets the device", (d) => {
    const { p, ring } = running(d, EVENT_IDX);
    ring.chain([{ flags: W }]);
    p.kick(0);
    const before = d.takeIsr();
    p.out(Port.SELECT, 2, 5);
    p.out(Port.ADDRESS, 4, 0);
    return { before, after: p.registers(), lines: d.world.takeLines() };
  }),
  question("status", "status as a legacy driver writes it: any bits, 16 and 32 of them", (d) => {
    const { p } = running(d);
    return ([[1, 3], [1, 0x87], [2, 0x0107], [2, 0x0700], [1, 7], [4, 0xffff_0003], [1, 0x0f]] as const)
      .map(([width, value]) => {
        p.out(Port.STATUS, width, value);
        return [d.status, ...p.registers()];
      });
  }),
  question("bus-master", "status 3 makes the function bus master", (d) => {
    const p = new LegacyPorts(d);
    const command = () => d.cfg.read(PciCfg.COMMAND, 2);
    const found: Value[] = [];
    for (const [width, value] of [[1, 1], [1, 7], [2, 0x103], [1, 3]] as const) {
      d.cfg.write(PciCfg.COMMAND, 3, 2);
      p.status = 0;
      p.out(Port.STATUS, width, value);
      found.push(command());
    }
    const ring = p.place(0);
    p.status = 7;
    ring.chain([{ flags: W }]);
    p.kick(0);
    const first = outcome(p, ring);
    // A device that was stopped by losing the bus.
    d.cfg.write(PciCfg.COMMAND, 3, 2);
    const stopped = p.status;
    p.status = 3;
    p.status = 7;
    ring.chain([{ addr: buffer(1), flags: W }], 1);
    p.kick(0);
    const second = [command(), outcome(p, ring)];
    d.cfg.write(PciCfg.COMMAND, 7, 2);
    p.kick(0);
    return { found, first, stopped, second, third: outcome(p, ring) };
  }),
  question("notify", "notifications at any width, and of queues that do not exist", (d) => {
    const { p, ring } = running(d);
    return ([[2, 0], [1, 0], [4, 0], [4, 0x7_0000], [2, 1], [2, 0x400], [2, 0xffff], [1, 0]] as const).map(
      ([width, value], n) => {
        ring.chain([{ addr: buffer(n), flags: W }], n % 8);
        p.out(Port.NOTIFY, width, value);
        return outcome(p, ring);
      },
    );
  }),
  question("before-driver-ok", "buffers and a notification before DRIVER_OK", (d) => {
    const p = new LegacyPorts(d).begin();
    const ring = p.place(0);
    ring.chain([{ flags: W }]);
    p.kick(0);
    const before = outcome(p, ring);
    p.status = 7;
    return { before, after: outcome(p, ring) };
  }),
  // 910 descriptors and the available ring end on a page, used_event does not: the used ring follows at once.
  ...[0, EVENT_IDX].map((features) =>
    question(`layout,${features === 0 ? "plain" : "event-idx"}`, "where the used ring begins", (d) => {
      const p = new LegacyPorts(d).begin(features);
      d.select(0);
      d.write(0x18, 910, 2);
      const size = p.sizeOf(0);
      const ring = p.place(0, size);
      p.status = 7;
      ring.chain([{ flags: W }]);
      p.kick(0);
      return { size, ...outcome(p, ring) };
    })
  ),
  ports("bad-address", "a queue outside memory, and at its end", (p, d) => {
    const end = 64 << 20;
    return [end, end - PAGE, 2 ** 32, 0xffff_f000, 2 ** 43, end - 2 * PAGE].map((at) => {
      p.begin();
      p.place(0, undefined, at);
      p.status = 7;
      d.run();
      return [p.registers(), d.takeIsr(), d.generation];
    });
  }),
  question("bad-ring", "a head that does not exist: no NEEDS_RESET without VERSION_1", (d) => {
    const { p, ring } = running(d);
    ring.publish(8);
    p.kick(0);
    const broken = outcome(p, ring);
    ring.chain([{ flags: W }]);
    p.kick(0);
    return { broken, after: outcome(p, ring) };
  }),
  question("mixed", "both interfaces at once", (d) => {
    const { p, ring } = running(d);
    const seen = () => [0x14, 0x16, 0x18, 0x1c, 0x20, 0x28, 0x30].map((at) => d.read(at, at < 0x20 ? 2 : 4));
    const legacy = seen();
    const other = { index: 0, size: 4, desc: Area.QUEUES + 0x1_0000, driver: 0x12_0000, device: 0x13_0000 };
    d.setQueue(other);
    const modern = [seen(), p.registers()];
    p.out(Port.ADDRESS, 4, ring.desc / PAGE);
    const again = p.place(0);
    again.chain([{ flags: W }]);
    p.kick(0);
    return { legacy, modern, again: [seen(), p.registers(), outcome(p, again)] };
  }),
];

/** An entropy device that is driven through its ports. */
export const legacyDriverChecks = checksOf("rng-pci/legacy", MACHINES.rng.pci, probes);
