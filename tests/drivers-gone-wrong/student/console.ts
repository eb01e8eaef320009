import { ConsoleConfig as C, ConsoleControl as E, ConsoleQueue as Q } from "../../../spec/virtio/console.ts";
import { ConsoleF } from "../../../spec/virtio/features.ts";
import { VirtioId } from "../../../spec/virtio/ids.ts";
import { Student } from "./student.ts";

const RECEIVE_BUFFERS = 4, RECEIVE_SIZE = 128, CONTROL_SIZE = 64;

/** The driver of a console (virtio 1.4, 5.3): writes a text, reads a line; with MULTIPORT it opens port 0 first. */
export class ConsoleStudent extends Student {
  override readonly deviceId = VirtioId.Console;
  text = "hello, world\n";
  /** Bytes that are expected from the terminal. */
  expected = 0;
  input = "";
  columns = 0;
  rows = 0;
  ports = 1;
  /** The device opened the port. */
  opened = false;

  get multiport(): boolean {
    return this.has(ConsoleF.MULTIPORT);
  }
  override queues(): readonly number[] {
    return this.multiport
      ? [Q.RECEIVE, Q.TRANSMIT, Q.CTRL_RECEIVE, Q.CTRL_TRANSMIT]
      : [Q.RECEIVE, Q.TRANSMIT];
  }
  override readConfig(): void {
    this.readSize();
    if (this.multiport) this.ports = this.transport.readConfig(C.MAX_NR_PORTS, 4);
  }
  readSize(): void {
    if (!this.has(ConsoleF.SIZE)) return;
    [this.columns, this.rows] = this.consistent(() => [
      this.transport.readConfig(C.COLS, 2),
      this.transport.readConfig(C.ROWS, 2),
    ]);
  }
  override startQueues(): void {
    for (let i = 0; i < RECEIVE_BUFFERS; i++) this.giveBuffer(Q.RECEIVE, RECEIVE_SIZE);
    if (this.multiport) {
      for (let i = 0; i < RECEIVE_BUFFERS; i++) this.giveBuffer(Q.CTRL_RECEIVE, CONTROL_SIZE);
    }
  }
  giveBuffer(queue: number, length: number): void {
    const buffer = this.allocate(length, `console queue ${queue}`);
    this.rings[queue].submit([{ buffer, length, writable: true }]);
  }

  override work(): void {
    if (this.multiport) this.openPort();
    this.write(this.text);
    while (this.input.length < this.expected) this.receive();
  }
  write(text: string): void {
    this.send(Q.TRANSMIT, new TextEncoder().encode(text));
  }
  send(queue: number, bytes: Uint8Array): void {
    const buffer = this.allocate(bytes.length, "output");
    this.ground.memory.writeBytes(buffer.offset, bytes);
    this.rings[queue].submit([{ buffer, length: bytes.length, writable: false }]);
    this.freePieces(this.nextUsed(this.rings[queue]).pieces);
  }
  receive(): void {
    this.input += new TextDecoder().decode(this.takeReceived(Q.RECEIVE, RECEIVE_SIZE));
  }
  /** The bytes of the next used buffer, which goes back to the device. */
  takeReceived(queue: number, length: number): Uint8Array {
    const { pieces: [{ buffer }], written } = this.nextUsed(this.rings[queue]);
    const bytes = new Uint8Array(written);
    this.ground.memory.readBytes(buffer.offset, bytes);
    this.giveBack(queue, buffer, length);
    return bytes;
  }
  giveBack(queue: number, buffer: ReturnType<Student["allocate"]>, length: number): void {
    this.rings[queue].submit([{ buffer, length, writable: true }]);
  }

  /** DEVICE_READY; the device adds its ports; PORT_READY; it names and opens; PORT_OPEN (virtio 1.4, 5.3.6.2). */
  openPort(): void {
    this.sendControl(0, E.DEVICE_READY, 1);
    while (!this.opened) this.handleControl();
  }
  sendControl(port: number, event: number, value: number): void {
    const message = new DataView(new ArrayBuffer(8));
    message.setUint32(0, port, true);
    message.setUint16(4, event, true);
    message.setUint16(6, value, true);
    this.send(Q.CTRL_TRANSMIT, new Uint8Array(message.buffer));
  }
  handleControl(): void {
    const bytes = this.takeReceived(Q.CTRL_RECEIVE, CONTROL_SIZE);
    const message = new DataView(bytes.buffer);
    const port = message.getUint32(0, true);
    switch (message.getUint16(4, true)) {
      case E.DEVICE_ADD:
        return this.onAdd(port);
      case E.CONSOLE_PORT:
        return this.onConsole(port);
      case E.PORT_OPEN:
        if (port === 0) this.opened = true;
    }
  }
  onAdd(port: number): void {
    this.sendControl(port, E.PORT_READY, 1);
  }
  onConsole(port: number): void {
    this.sendControl(port, E.PORT_OPEN, 1);
  }
}
