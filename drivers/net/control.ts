import type { Platform } from "../../arch/platform.ts";
import type { DeviceAlloc } from "../../mm/device_alloc.ts";
import { NetCtrlAck } from "../../spec/virtio/net.ts";
import type { Log } from "../context.ts";
import { VirtqError } from "../virtio/error.ts";
import { AvailBufferToken, BufferElem, BufferType, DeviceVec, type Virtq } from "../virtio/virtqueue/mod.ts";

/** Longest command: class, command and the two lists of MAC addresses that QEMU keeps. */
const COMMAND_SIZE = 2 + 2 * (4 + 64 * 6);
/** How often the queue is looked at before a command counts as unanswered. */
const PATIENCE = 10_000;
/** What the answer reads before the device has written it. */
const UNANSWERED = 0xff;

/** The control queue (virtio 1.4, 5.1.6.5). One command at a time; the driver waits for its answer. */
export class ControlQueue {
  declare private readonly command: DeviceVec;
  declare private readonly answer: DeviceVec;
  declare private readonly token: AvailBufferToken;
  /** Why no more commands can be sent. */
  private dead: string | undefined;

  constructor(
    readonly vq: Virtq,
    alloc: DeviceAlloc,
    private readonly platform: Platform,
    private readonly owner: string,
    private readonly log: Log,
  ) {
    vq.disableNotifs();
    this.command = DeviceVec.withCapacity(alloc, COMMAND_SIZE, `${owner} command`);
    this.answer = DeviceVec.withCapacity(alloc, 1, `${owner} answer`);
    this.token = AvailBufferToken.new([BufferElem.vector(this.command)], [BufferElem.vector(this.answer)]);
  }

  /**
   * Sends a command and waits for its answer, through `relax`.
   *
   * @param kind the class. @param data what follows class and command.
   * @returns whether the device answered OK. A device that does not answer at all gets no more commands.
   */
  send(kind: number, command: number, data: Uint8Array): boolean {
    if (this.dead !== undefined) return this.refused(kind, command, this.dead);
    const bytes = new Uint8Array(2 + data.length);
    bytes[0] = kind;
    bytes[1] = command;
    bytes.set(data, 2);
    this.command.set(bytes);
    const { memory, offset } = this.answer.buffer;
    memory.writeU8(offset, UNANSWERED);
    try {
      this.vq.dispatch(this.token, false, BufferType.Direct);
      for (let i = 0; this.token.inFlight; i++) {
        if (i === PATIENCE) throw new VirtqError("General", `${this.owner}: the device does not answer`);
        if (this.vq.tryRecv() === undefined) this.platform.relax();
      }
    } catch (error) {
      if (!(error instanceof VirtqError)) throw error;
      if (this.token.inFlight) this.dead = error.message;
      return this.refused(kind, command, error.message);
    }
    const answer = memory.readU8(offset);
    return answer === NetCtrlAck.OK || this.refused(kind, command, `the device answers ${answer}`);
  }

  /** Frees the memory. The device must have been reset. */
  release(): void {
    this.vq.free();
    this.command.free();
    this.answer.free();
  }

  private refused(kind: number, command: number, why: string): false {
    this.log.warn(`${this.owner}: command ${command} of class ${kind} failed: ${why}`);
    return false;
  }
}
