/** Cards on a machine whose other end the test holds. */
import type { NetBackend, NetFrontend } from "../../../devices/net/backend.ts";
import { VirtioNetDriver } from "../../../drivers/net/virtio.ts";
import { RealMachine } from "../support/real_machine.ts";

/** The other end of a cable, in the hands of a test. */
export class Cable implements NetBackend {
  readonly sent: Uint8Array[] = [];
  queues = 1;
  /** Whether it takes frames. */
  open = true;
  /** Gives back what it takes. */
  echo = false;
  card: NetFrontend | undefined;
  /** Frames that the card did not take. */
  readonly waiting: Uint8Array[] = [];

  constructor(readonly id = "n0") {}
  attach(frontend: NetFrontend): void {
    this.card = frontend;
  }
  canSend(): boolean {
    return this.open;
  }
  send(frame: Uint8Array): void {
    this.sent.push(frame.slice());
    if (this.echo) this.give(frame);
  }
  acceptInput(): void {
    while (this.waiting.length > 0 && this.card!.receive(this.waiting[0])) this.waiting.shift();
  }
  /** A frame for the card; waits if it is not taken. */
  give(frame: Uint8Array): void {
    this.waiting.push(frame.slice());
    if (this.waiting.length === 1) this.acceptInput();
  }
}

/** A frame of `length` bytes whose contents tell it from others. */
export function frame(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length).map((_, i) => i * 7 + seed);
  bytes.set([0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 1, 0x88, 0xb5].slice(0, length));
  return bytes;
}

export type CardOptions = ConstructorParameters<typeof RealMachine>[2];

/** One card, and the other end of its cable. `word`: `virtio-net-pci,packed=on`. */
export function card(
  machine: "q35" | "pc" | "microvm",
  word: string,
  options: CardOptions = {},
  cable = new Cable(),
) {
  const m = new RealMachine(machine, [`${word},netdev=${cable.id}`], {
    ...options,
    netdevs: new Map([[cable.id, cable]]),
  });
  const driver = VirtioNetDriver.initDev(m.map(1), m.ctx);
  return { m, driver, cable };
}
