/** The C library's functions for what Deno has no API: shared mappings, waiting with a limit, pinning to a CPU. */
const SYMBOLS = {
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  sched_getcpu: { parameters: [], result: "i32" },
  sched_getaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  sched_setaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
} as const;

const PROT_READ_WRITE = 3, MAP_SHARED = 1, O_RDWR = 2, O_RDONLY = 0, O_CLOEXEC = 0o2000000;
const POLLIN = 1;
/** Bytes of a CPU mask: 1024 CPUs, glibc's cpu_set_t. */
const CPU_SET = 128;

const pathOf = (path: string) => new TextEncoder().encode(path + "\0");

/** libc through FFI. One object is one handle: close it. */
export class Libc {
  private constructor(private readonly library: Deno.DynamicLibrary<typeof SYMBOLS>) {}

  /** Undefined without the permission (`--allow-ffi`) or on a host without glibc: callers have another way. */
  static open(): Libc | undefined {
    try {
      if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
      return new Libc(Deno.dlopen("libc.so.6", SYMBOLS));
    } catch {
      return undefined;
    }
  }
  close(): void {
    this.library.close();
  }

  /**
   * Maps `length` bytes of a file from `offset` on, shared with whoever else maps it.
   *
   * The array must not be used after `unmap`: that detaches it, so that a late access finds nothing instead of crashing.
   */
  map(path: string, offset: number, length: number): { bytes: Uint8Array<ArrayBuffer>; unmap(): void } {
    const fd = this.library.symbols.open(pathOf(path), O_RDWR | O_CLOEXEC);
    if (fd < 0) throw new Error(`${path} cannot be opened for a mapping`);
    const { mmap, munmap, close } = this.library.symbols;
    const at = mmap(null, BigInt(length), PROT_READ_WRITE, MAP_SHARED, fd, BigInt(offset));
    close(fd);
    // MAP_FAILED is the address of all ones.
    if (at === null || BigInt(Deno.UnsafePointer.value(at)) === 0xffff_ffff_ffff_ffffn) {
      throw new Error(`${length} bytes of ${path} cannot be mapped`);
    }
    const buffer = Deno.UnsafePointerView.getArrayBuffer(at, length, 0);
    let mapped = true;
    return {
      bytes: new Uint8Array(buffer),
      unmap() {
        if (!mapped) return;
        mapped = false;
        buffer.transfer(0);
        munmap(at, BigInt(length));
      },
    };
  }

  /** A second descriptor of a FIFO, for {@link Libc.readable}; give it back with {@link Libc.closeFd}. */
  openForPoll(path: string): number {
    return this.library.symbols.open(pathOf(path), O_RDONLY | O_CLOEXEC);
  }
  closeFd(fd: number): void {
    this.library.symbols.close(fd);
  }
  /** Whether `fd` has something to read (or its other end is gone) within `milliseconds`. */
  readable(fd: number, milliseconds: number): boolean {
    const request = new DataView(new ArrayBuffer(8));
    request.setInt32(0, fd, true);
    request.setInt16(4, POLLIN, true);
    // -1 is an interrupted call: the read that follows waits instead.
    return this.library.symbols.poll(request, 1n, milliseconds) !== 0;
  }

  /** The CPU that this thread runs on; -1 if the kernel does not say. */
  currentCpu(): number {
    return this.library.symbols.sched_getcpu();
  }
  /** Keeps this thread on one CPU. The function returned takes that back. */
  pin(cpu: number): () => void {
    const before = new Uint8Array(CPU_SET);
    const { sched_getaffinity, sched_setaffinity } = this.library.symbols;
    if (sched_getaffinity(0, BigInt(CPU_SET), before) < 0) return () => {};
    const one = new Uint8Array(CPU_SET);
    one[cpu >> 3] = 1 << (cpu & 7);
    if (sched_setaffinity(0, BigInt(CPU_SET), one) !== 0) return () => {};
    return () => void sched_setaffinity(0, BigInt(CPU_SET), before);
  }
}
