import type { MachineContext } from "../bus.ts";
import { ConsoleConfig as C, ConsoleControl, ConsoleQueue } from "../../spec/virtio/console.ts";
import { ConsoleF } from "../../spec/virtio/features.ts";
import { VirtioId } from "../../spec/virtio/ids.ts";
import { DeviceStatus } from "../../spec/virtio/status.ts";
import { type ConsolePort, type ConsolePortOptions, portNumber, receiveQueueOf } from "./console_port.ts";
import { VirtioDevice } from "./device.ts";

export type { ConsolePort, ConsolePortOptions } from "./console_port.ts";

const PORT_QUEUE_SIZE = 128;
const CONTROL_QUEUE_SIZE = 32;
/** struct virtio_console_control: id 4, event 2, value 2. */
const CONTROL_SIZE = 8;
/** QEMU asks for no more than this when it wants to know how much a guest can take. */
const RECEIVE_LIMIT = 4096;
/** Bytes handed to the back end at a time. */
const CHUNK = 4096;
/** Most bytes of one transmitted chain that reach the back end: a hostile chain may name its memory over and over. */
const MAX_OUTPUT = 16 << 20;

/** Properties of a serial device, parsed. */
export interface SerialOptions {
  readonly hostFeatures: bigint;
  /** 1 to 511 (`max_ports`). */
  readonly maxPorts: number;
  /** Characters can be written through the configuration (`emergency-write`). */
  readonly emergencyWrite: boolean;
  /** Our own `x-size`: offers F_SIZE with these columns and rows. QEMU never does. */
  readonly size?: { readonly cols: number; readonly rows: number } | undefined;
}

/**
 * The console device (virtio 1.4, 5.3), as QEMU's virtio-serial with its ports.
 *
 *     -device virtio-serial-pci -device virtconsole,chardev=c0 -chardev stdio,id=c0
 *
 * Queues 0 and 1 are port 0, 2 and 3 control, then two for each further port. Bytes from the host go in only where the
 * guest has buffers waiting; a control message for which it has none is lost, as in QEMU.
 */
export class VirtioSerial extends VirtioDevice {
  readonly ports: ConsolePort[] = [];
  /** When the ports were last asked for room. */
  private lookedAt = -1;
  declare private readonly view: DataView;
  declare private readonly chunk: Uint8Array;

  constructor(ctx: MachineContext, name: string, private readonly options: SerialOptions) {
    let features = options.hostFeatures;
    if (options.maxPorts > 1) features |= ConsoleF.MULTIPORT;
    if (options.emergencyWrite) features |= ConsoleF.EMERG_WRITE;
    if (options.size !== undefined) features |= ConsoleF.SIZE;
    super(ctx, name, VirtioId.Console, features, new Uint8Array(options.emergencyWrite ? 12 : 8));
    this.view = new DataView(this.config.buffer);
    this.chunk = new Uint8Array(CHUNK);
    this.addQueue(PORT_QUEUE_SIZE);
    this.addQueue(PORT_QUEUE_SIZE);
    this.addQueue(CONTROL_QUEUE_SIZE);
    this.addQueue(CONTROL_QUEUE_SIZE);
    for (let i = 1; i < options.maxPorts; i++) {
      this.addQueue(PORT_QUEUE_SIZE);
      this.addQueue(PORT_QUEUE_SIZE);
    }
    this.writeConfig();
  }

  /**
   * Adds a port and connects it with its back end.
   *
   * @throws {Error} if the number or name is taken or out of range.
   */
  addPort(options: ConsolePortOptions): ConsolePort {
    const id = portNumber(options, this.ports, this.options.maxPorts);
    const receiveQueue = receiveQueueOf(id);
    const port: ConsolePort = {
      id,
      isConsole: options.isConsole,
      name: options.name,
      chardev: options.chardev,
      guestConnected: false,
      promised: 0,
      receiveQueue,
      transmitQueue: receiveQueue + 1,
    };
    this.ports.push(port);
    options.chardev?.attach({
      canReceive: () => this.guard(() => this.canReceive(port)) ?? 0,
      receive: (bytes) => this.guard(() => this.receive(port, bytes)),
      resize: (cols, rows) => this.resize(cols, rows),
    });
    return port;
  }

  /** The terminal has a new size, in characters. Nothing happens unless `x-size` made the device offer SIZE. */
  resize(cols: number, rows: number): void {
    const { size } = this;
    if (size === undefined || (size.cols === cols && size.rows === rows)) return;
    this.size = { cols: cols & 0xffff, rows: rows & 0xffff };
    this.writeConfig();
    this.notifyConfig();
    if (!this.negotiated(ConsoleF.MULTIPORT)) return;
    const size4 = new Uint8Array(4);
    new DataView(size4.buffer).setUint16(0, this.size.cols, true);
    new DataView(size4.buffer).setUint16(2, this.size.rows, true);
    for (const port of this.ports) {
      if (port.isConsole) this.guard(() => this.sendControl(port.id, ConsoleControl.RESIZE, 0, size4));
    }
  }

  protected override onNotify(index: number): void {
    // QEMU's main loop asks for room for input, then sees to all queues; so it finds a broken ring first. On MMIO a
    // notification does not wait for the main loop.
    if (this.lookedAt !== this.ctx.events.now) {
      this.lookedAt = this.ctx.events.now;
      if (this.listening) this.lookForRoom();
      else this.ctx.events.schedule(0, () => this.guard(() => this.lookForRoom()));
      if (this.broken) return;
    }
    this.serve(index);
    if (this.broken) this.loseInput();
  }
  private serve(index: number): void {
    if (index === ConsoleQueue.CTRL_TRANSMIT) return this.control();
    if (index === ConsoleQueue.CTRL_RECEIVE) return;
    const port = this.ports.find((p) => p.receiveQueue === index || p.transmitQueue === index);
    // After what else is due: QEMU's main loop looks for input when the queues have been seen to.
    if (port?.receiveQueue === index) {
      this.ctx.events.schedule(0, () => this.guard(() => this.offerInput(port)));
    } else if (index & 1) this.transmit(index, port);
  }

  protected override onStatus(status: number): void {
    if (status & DeviceStatus.DRIVER_OK) {
      const port0 = this.ports.find((p) => p.id === 0);
      // Without MULTIPORT there is no message that opens a port; only port 0 can be used.
      if (port0 !== undefined && !this.negotiated(ConsoleF.MULTIPORT)) port0.guestConnected = true;
    } else this.disconnect();
  }
  protected override onReset(): void {
    this.disconnect();
    this.writeConfig();
  }

  /** The emergency write: one character, at any time, without queues (virtio 1.4, 5.3.4). */
  protected override onConfigWrite(): void {
    const character = this.options.emergencyWrite ? this.view.getUint32(C.EMERG_WR, true) : 0;
    this.writeConfig();
    if (character === 0) return;
    const console = this.ports.find((p) => p.isConsole && p.chardev !== undefined);
    console?.chardev?.write(Uint8Array.of(character & 0xff));
  }

  private get size(): { cols: number; rows: number } | undefined {
    return this.currentSize ?? this.options.size;
  }
  private set size(value: { cols: number; rows: number } | undefined) {
    this.currentSize = value;
  }
  private currentSize: { cols: number; rows: number } | undefined;

  /** The driver can change nothing but the emergency register, which reads 0. */
  private writeConfig(): void {
    this.config.fill(0);
    this.view.setUint16(C.COLS, this.size?.cols ?? 0, true);
    this.view.setUint16(C.ROWS, this.size?.rows ?? 0, true);
    this.view.setUint32(C.MAX_NR_PORTS, this.options.maxPorts, true);
  }
  private disconnect(): void {
    for (const port of this.ports) {
      port.guestConnected = false;
      port.promised = 0;
    }
  }

  private lookForRoom(): void {
    for (const port of this.ports) {
      const room = port.chardev === undefined ? 0 : this.canReceive(port);
      port.promised = this.listening ? room : 0;
    }
  }
  /** A queue broke after room was found: QEMU takes the input that waits all the same, and has no place for it. */
  private loseInput(): void {
    for (const port of this.ports) {
      if (port.promised === 0) continue;
      this.ctx.events.schedule(0, () => {
        this.guard(() => port.chardev?.acceptInput());
        port.promised = 0;
      });
    }
  }
  /** Input may wait for buffers. QEMU asks how much fits whether or not any does, and so finds a broken ring. */
  private offerInput(port: ConsolePort): void {
    if (port.chardev !== undefined && this.canReceive(port) > 0) port.chardev.acceptInput();
  }
  private canReceive(port: ConsolePort): number {
    const { receiveQueue } = port;
    if (this.broken && this.lookedAt === this.ctx.events.now && port.promised > 0) return port.promised;
    if (!this.ready(receiveQueue) || !this.driverOk || this.isEmpty(receiveQueue)) return 0;
    if (this.negotiated(ConsoleF.MULTIPORT) && !port.guestConnected) return 0;
    // As in QEMU, where it is an int: buffers of 2 GiB and more are none.
    return Math.max(0, this.availBytes(receiveQueue, RECEIVE_LIMIT, 0).in | 0);
  }
  /** What the buffers do not take is lost (as in QEMU), so {@link canReceive} comes first. */
  private receive(port: ConsolePort, bytes: Uint8Array): void {
    const { receiveQueue } = port;
    port.promised = 0;
    if (!port.guestConnected || !this.ready(receiveQueue)) return;
    for (let done = 0; done < bytes.length;) {
      const chain = this.pop(receiveQueue);
      if (chain === undefined) break;
      const n = chain.writeFrom(bytes.subarray(done), 0);
      done += n;
      this.push(receiveQueue, chain, n);
    }
    this.notifyDriver(receiveQueue);
  }
  /** QEMU tells the driver even if there was nothing. */
  private transmit(index: number, port: ConsolePort | undefined): void {
    if (!this.ready(index)) return;
    for (let chain = this.pop(index); chain !== undefined; chain = this.pop(index)) {
      const chardev = port?.chardev;
      const length = chardev === undefined ? 0 : Math.min(chain.readableLength, MAX_OUTPUT);
      for (let at = 0; at < length; at += CHUNK) {
        const n = Math.min(CHUNK, length - at);
        chain.readInto(this.chunk.subarray(0, n), at);
        chardev!.write(this.chunk.slice(0, n));
      }
      this.push(index, chain, 0);
    }
    this.notifyDriver(index);
  }

  // Control messages (virtio 1.4, 5.3.6.2).

  private control(): void {
    const queue = ConsoleQueue.CTRL_TRANSMIT;
    const message = new Uint8Array(CONTROL_SIZE);
    for (let chain = this.pop(queue); chain !== undefined; chain = this.pop(queue)) {
      if (chain.readInto(message) === CONTROL_SIZE) this.handleControl(new DataView(message.buffer));
      this.push(queue, chain, 0);
    }
    this.notifyDriver(queue);
  }
  private handleControl(message: DataView): void {
    const event = message.getUint16(4, true);
    const value = message.getUint16(6, true);
    this.traceQemu("virtio_serial_handle_control_message", `event ${event} value ${value}`);
    if (event === ConsoleControl.DEVICE_READY) {
      if (value !== 0) { for (const p of this.ports) this.sendControl(p.id, ConsoleControl.DEVICE_ADD, 1); }
      return;
    }
    const port = this.ports.find((p) => p.id === message.getUint32(0, true));
    if (port === undefined) return;
    if (event === ConsoleControl.PORT_READY && value !== 0) {
      if (port.isConsole) this.sendControl(port.id, ConsoleControl.CONSOLE_PORT, 1);
      if (port.name !== undefined) {
        const name = new TextEncoder().encode(port.name + "\0");
        this.sendControl(port.id, ConsoleControl.PORT_NAME, 1, name);
      }
      if (port.chardev !== undefined) this.sendControl(port.id, ConsoleControl.PORT_OPEN, 1);
    } else if (event === ConsoleControl.PORT_OPEN) {
      port.guestConnected = value !== 0;
      if (port.guestConnected) this.schedule(port.receiveQueue);
    }
  }
  /** Into the next control receive buffer; without one the message is lost (as in QEMU). */
  private sendControl(port: number, event: number, value: number, extra?: Uint8Array): void {
    this.traceQemu("virtio_serial_send_control_event", `port ${port}, event ${event}, value ${value}`);
    const queue = ConsoleQueue.CTRL_RECEIVE;
    const chain = this.ready(queue) ? this.pop(queue) : undefined;
    if (chain === undefined) return;
    const message = new Uint8Array(CONTROL_SIZE + (extra?.length ?? 0));
    const view = new DataView(message.buffer);
    view.setUint32(0, port, true);
    view.setUint16(4, event, true);
    view.setUint16(6, value, true);
    if (extra !== undefined) message.set(extra, CONTROL_SIZE);
    this.push(queue, chain, chain.writeFrom(message, 0));
    this.notifyDriver(queue);
  }
}
