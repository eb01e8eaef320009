/** A real QEMU without a machine, whose network is at the other end of a socket: frames in and out. */

/** What follows `-netdev` for the back end that is to be tried; it must have `id=u`. */
export async function qemuWire(netdev: string): Promise<Wire> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const child = new Deno.Command("qemu-system-x86_64", {
    args: [
      ...["-M", "none", "-nodefaults", "-display", "none", "-monitor", "none"],
      ...["-netdev", netdev, "-netdev", "hubport,id=h0,hubid=0,netdev=u"],
      ...["-netdev", `socket,id=s,connect=127.0.0.1:${port}`, "-netdev", "hubport,id=h1,hubid=0,netdev=s"],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const conn = await listener.accept();
  listener.close();
  return new Wire(conn, child);
}

/** Speaks the framing of QEMU's `-netdev socket`, written here a second time. */
export class Wire {
  private readonly frames: Uint8Array[] = [];
  private wake = () => {};
  private readonly reading: Promise<void>;

  constructor(private readonly conn: Deno.Conn, private readonly child?: Deno.ChildProcess) {
    this.reading = this.read();
  }
  async send(frame: Uint8Array): Promise<void> {
    const bytes = new Uint8Array(4 + frame.length);
    new DataView(bytes.buffer).setUint32(0, frame.length);
    bytes.set(frame, 4);
    const writer = this.conn.writable.getWriter();
    await writer.write(bytes);
    writer.releaseLock();
  }
  /** What arrives until nothing has for `ms`. */
  async settle(ms: number): Promise<Uint8Array[]> {
    for (;;) {
      const before = this.frames.length;
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([
        new Promise<void>((r) => this.wake = r),
        new Promise<void>((r) => timer = setTimeout(r, ms)),
      ]);
      clearTimeout(timer);
      if (this.frames.length === before) return this.frames.splice(0);
    }
  }
  async close(): Promise<void> {
    this.conn.close();
    this.child?.kill("SIGKILL");
    await this.child?.status;
    await this.reading;
  }
  private async read(): Promise<void> {
    let have = new Uint8Array(0);
    const buffer = new Uint8Array(65536);
    for (;;) {
      const n = await this.conn.read(buffer).catch(() => null);
      if (n === null) return;
      const all = new Uint8Array(have.length + n);
      all.set(have);
      all.set(buffer.subarray(0, n), have.length);
      have = all;
      while (have.length >= 4) {
        const end = 4 + new DataView(have.buffer, have.byteOffset).getUint32(0);
        if (have.length < end) break;
        this.frames.push(have.slice(4, end));
        have = have.subarray(end);
      }
      this.wake();
    }
  }
}
