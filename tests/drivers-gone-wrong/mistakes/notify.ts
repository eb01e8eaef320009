import { F } from "../../../spec/virtio/features.ts";
import { needEvent } from "../../../spec/virtio/split.ts";
import { before, forgotten, type Mistake, MMIO, PCI } from "../mistake.ts";

/** Telling the device, and being told (virtio 1.4, 2.7.7, 2.7.10, 2.8.10). */
export const NOTIFY: readonly Mistake[] = [
  {
    id: "notify-forgotten",
    what: "the device is never told of new buffers",
    on: { devices: ["rng", "console"] },
    plant: ({ ring }) => ring((r) => r.kick = forgotten),
    expect: { rule: "lost-notification" },
  },
  {
    id: "notify-only-once",
    what: "only the first request is announced",
    on: {},
    plant: ({ ring }) =>
      ring((r) => {
        const { notify } = r;
        r.notify = () => {
          notify.call(r);
          r.notify = forgotten;
        };
      }),
    expect: { rule: "lost-notification" },
  },
  {
    id: "notify-before-publish",
    what: "the device is told before the buffers are published",
    on: {},
    plant: ({ ring }) =>
      ring((r) => {
        r.submit = (pieces) => {
          const id = r.add(pieces);
          r.kick();
          r.publish();
          return id;
        };
      }),
    expect: { rule: "lost-notification" },
  },
  {
    id: "notify-other-queue",
    what: "another queue is notified than the one that has new buffers",
    on: { devices: ["console"] },
    plant: ({ student, ring }) => ring((r) => r.notify = () => student.transport.notify(0, 0, 2)),
    expect: { rule: "lost-notification", found: /queue 1/ },
  },
  {
    id: "notify-queue-that-is-not",
    what: "a queue is notified that the device does not have",
    on: { machines: MMIO },
    plant: ({ student, ring }) => ring((r) => r.notify = () => student.transport.notify(0, 7, 2)),
    expect: { rule: "notify-enabled-queue", found: /queue 7/ },
    also: ["lost-notification"],
  },
  {
    id: "notify-suppression-inverted",
    what: "the device is told only when it asks not to be",
    on: {},
    plant: ({ ring }) =>
      ring((r) => {
        const wants = r.wantsKick.bind(r);
        r.wantsKick = () => !wants();
      }),
    expect: { rule: "lost-notification" },
  },
  {
    id: "notify-event-off-by-one",
    what: "the device's event index is compared with an index that is one too low",
    on: { rings: ["split"], eventIdx: true },
    plant: ({ split }) =>
      split((r) =>
        r.wantsKick = () => {
          const from = r.notifiedIdx;
          r.notifiedIdx = r.availIdx;
          return needEvent(r.availEvent(), r.availIdx - 1, from - 1);
        }
      ),
    expect: { rule: "lost-notification" },
  },
  {
    id: "notify-event-wrap-ignored",
    what: "the wrap bit of the device's event is taken for a part of its offset",
    on: { rings: ["packed"], eventIdx: true, restless: true },
    plant: ({ rng, packed }) => {
      rng.requests = Array.from({ length: 40 }, () => [16]);
      packed((r) => {
        const passed = r.passed.bind(r);
        r.passed = (offset, wrap, fresh) => passed(offset | wrap << 15, r.wrap, fresh);
      });
    },
    expect: { rule: "lost-notification" },
  },
  {
    id: "notify-flags-with-event-idx",
    what: "the flags of the used ring decide, though EVENT_IDX was negotiated",
    on: { rings: ["split"], eventIdx: true },
    plant: ({ split }) => split((r) => r.wantsKick = () => (r.usedFlags() & 1) === 0),
    expect: { rule: "used-flags-with-event-idx" },
  },
  {
    id: "notify-event-without-feature",
    what: "avail_event decides, though EVENT_IDX was not negotiated",
    on: { rings: ["split"] },
    plant: ({ split }) =>
      split((r) => {
        r.wantsKick = () => {
          const from = r.notifiedIdx;
          r.notifiedIdx = r.availIdx;
          return needEvent(r.availEvent(), r.availIdx, from);
        };
      }),
    expect: { rule: "avail-event-without-feature" },
    also: ["lost-notification"],
  },
  {
    id: "notify-suppression-read-too-early",
    what: "whether the device wants to be told is looked up before the buffers are published",
    on: { eventIdx: true, restless: true },
    plant: ({ rng, ring }) => {
      rng.requests = [[16], [16]];
      const { askAll } = rng;
      rng.work = () => {
        for (let round = 0; round < 8; round++) askAll.call(rng);
      };
      // Between two requests the device gets to work.
      before(rng, "makePieces", () => {
        for (let i = 0; i < 400; i++) rng.ground.platform.relax();
      });
      ring((r) => {
        const wants = r.wantsKick.bind(r);
        r.submit = (pieces) => {
          const id = r.add(pieces);
          const wanted = wants();
          r.publish();
          r.barrierBeforeKick();
          if (wanted) r.notify();
          return id;
        };
      });
    },
    expect: { rule: "suppression-read-early" },
  },
  {
    id: "notify-event-idx-not-done",
    what: "EVENT_IDX was negotiated, and the driver never says where it wants its next interrupt",
    on: { rings: ["split"], eventIdx: true },
    plant: ({ ring }) => ring((r) => r.setInterrupts = forgotten),
    expect: { rule: "stuck-machine", found: /has not looked at/ },
  },
  {
    id: "notify-used-event-off-by-one",
    what: "the driver asks for its interrupt one chain too late",
    on: { rings: ["split"], eventIdx: true },
    plant: ({ split }) =>
      split((r) => {
        const write = r.writeUsedEvent.bind(r);
        r.writeUsedEvent = (index) => write(index + 1 & 0xffff);
      }),
    expect: { rule: "stuck-machine", found: /goes beyond 2 \(used_event\), which is 2/ },
  },
  {
    id: "notify-used-event-stale",
    what: "the driver asks for an interrupt once, and not again when it has taken what was used",
    on: { eventIdx: true },
    plant: ({ ring }) => ring((r) => Object.assign(r, { moveEvent: forgotten })),
    expect: { rule: "stuck-machine", found: /has not looked at/ },
  },
  {
    id: "notify-data-missing",
    what: "NOTIFICATION_DATA was negotiated, and only the number of the queue is written",
    on: { machines: PCI, props: "notification_data=on", wants: F.NOTIFICATION_DATA },
    plant: ({ student, ring }) => ring((r) => r.notify = () => student.transport.notify(r.queue, r.queue, 2)),
    expect: { rule: "pci-notify-width", found: /16 bits/ },
  },
  {
    id: "notify-data-stale",
    what: "the data of a notification is the position before what was published",
    on: { props: "notification_data=on", wants: F.NOTIFICATION_DATA },
    plant: ({ ring }) =>
      ring((r) => {
        const data = r.kickData.bind(r);
        let last = 0;
        before(r, "add", () => last = data());
        r.kickData = () => last;
      }),
    expect: { rule: "notification-data", found: /says 0/ },
  },
  {
    id: "notify-data-without-wrap",
    what: "the data of a notification lacks the wrap counter",
    on: { rings: ["packed"], props: "notification_data=on", wants: F.NOTIFICATION_DATA },
    plant: ({ packed }) => packed((r) => r.kickData = () => r.next),
    expect: { rule: "notification-data", found: /says 1 with wrap counter 0/ },
  },
  {
    id: "notify-interrupts-without-look",
    what: "the driver asks for interrupts again, and waits without a look at what came back before",
    on: {},
    plant: ({ rng }) =>
      rng.ask = (lengths) => {
        const ring = rng.rings[0];
        ring.setInterrupts(false);
        ring.submit(rng.makePieces(lengths));
        // Something else is done meanwhile, and takes longer than the device.
        for (let i = 0; i < 1000; i++) rng.ground.platform.relax();
        ring.setInterrupts(true);
        ring.barrierBeforeKick();
        rng.pause();
        rng.accept(rng.nextUsed(ring));
      },
    expect: { rule: "interrupts-without-look", found: /1 buffer had come back before/ },
  },
  {
    id: "notify-needless",
    what: "the device is told each time, though it says that it does not want to know",
    on: { rings: ["split"], eventIdx: true, restless: true },
    plant: ({ rng, ring }) => {
      rng.requests = Array.from({ length: 8 }, () => [16]);
      rng.work = () => rng.askAll();
      ring((r) => r.wantsKick = () => true);
    },
    expect: { rule: "needless-notification" },
  },
];
