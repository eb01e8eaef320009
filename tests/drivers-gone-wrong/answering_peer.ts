import type { NetBackend, NetFrontend } from "../../devices/net/backend.ts";

const ARP_TYPE = 12, ARP = 0x0806, SENDER = 22, TARGET = 32, LENGTH = 42;
/** Who answers: 52:55:0a:00:02:02, as QEMU's user-mode network. */
const MAC = Uint8Array.of(0x52, 0x55, 10, 0, 2, 2);

/** The other end of the cable: it answers every ARP request, at once. */
export class AnsweringPeer implements NetBackend {
  readonly id = "n0";
  /** Frames that the guest sent. */
  readonly frames: Uint8Array[] = [];
  /** Pairs of queues that the card may have. */
  readonly queues = 2;
  private frontend: NetFrontend | undefined;
  private readonly waiting: Uint8Array[] = [];

  attach(frontend: NetFrontend): void {
    this.frontend = frontend;
  }
  send(frame: Uint8Array): void {
    this.frames.push(frame.slice());
    if (frame.length < LENGTH || (frame[ARP_TYPE] << 8 | frame[ARP_TYPE + 1]) !== ARP) return;
    this.waiting.push(answer(frame));
    this.acceptInput();
  }
  acceptInput(): void {
    while (this.waiting.length > 0 && this.frontend!.receive(this.waiting[0])) this.waiting.shift();
  }
}

function answer(request: Uint8Array): Uint8Array {
  const frame = request.slice(0, LENGTH);
  frame.set(request.subarray(6, 12), 0);
  frame.set(MAC, 6);
  frame[21] = 2;
  frame.set(request.subarray(SENDER, SENDER + 10), TARGET);
  frame.set(MAC, SENDER);
  frame.set(request.subarray(TARGET + 6, TARGET + 10), SENDER + 6);
  return frame;
}
