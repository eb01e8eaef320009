import type { Piece } from "../piece.ts";
import { netMachine, RNG, rngMachine } from "./machines.ts";

const EXECUTOR = "kernel/executor.ts";

/** Mistakes of the kernel around the drivers: tasks, wakers, the allocator of indices. */
export const KERNEL_PIECES: readonly Piece[] = [
  {
    id: "33a",
    number: 33,
    fix: "3344658d",
    title: "executor: a future is pending and keeps no waker",
    mistake: [{
      file: "kernel/net/service.ts",
      find: "        this.waker = waker.clone();\n",
      replace: "",
    }, {
      file: "kernel/net/service.ts",
      find: "        return timer === undefined ? PENDING : timer.poll(waker);",
      replace: "        return PENDING;",
    }],
    scenario: { kind: "run", line: netMachine("", "ping 10.0.2.2 1") },
    expected: { rule: "task-lost-wake", words: /task net waits .* no waker was kept/ },
  },
  {
    id: "33b",
    number: 33,
    fix: "335135de",
    title: "executor: the list of tasks is held while they are polled, and what they wake meanwhile is lost",
    mistake: [{
      file: EXECUTOR,
      find: "    while (runs < RUN_LIMIT) {\n      const entry = this.ready.shift();\n" +
        "      if (entry === undefined) break;\n",
      replace: "    const held = this.ready.slice();\n    for (const entry of held) {\n",
    }, {
      file: EXECUTOR,
      find: "      this.run(entry);\n    }\n    return runs;",
      replace: "      this.run(entry);\n    }\n    this.ready.length = 0;\n    return runs;",
    }],
    scenario: { kind: "scene", name: "two_kernels" },
    expected: { rule: "task-lost-wake", words: /was woken, and is not among those that get their turn/ },
  },
  {
    id: "33c",
    number: 33,
    fix: "fc0c5c3f",
    title: "executor: the network card's lock is taken again while it may be held",
    notHere: "no locks: tasks give way only where they wait, and nothing is locked then",
  },
  {
    id: "33d",
    number: 33,
    fix: "6a71cc25",
    title: "a connection is established, and who waits for that is not woken",
    mistake: [{
      file: "kernel/net/tcp_socket.ts",
      find: "    connection.onChange = () => this.changed.wake();",
      replace: "    connection.onChange = () => {\n" +
        '      if (!this.connecting || connection.state !== "ESTABLISHED") this.changed.wake();\n    };',
    }],
    scenario: { kind: "scene", name: "two_kernels" },
    expected: { rule: "task-lost-wake", words: /task wget waits for connect on .*nobody has woken the task/ },
  },
  {
    id: "34a",
    number: 34,
    fix: "3ccc4538",
    title: "the allocator of indices: of a last word that is not full, the wrong end is free",
    mistake: [{
      file: "drivers/virtio/virtqueue/index_alloc.ts",
      find: "this.bits[this.bits.length - 1] = (1 << extra) - 1;",
      replace: "this.bits[this.bits.length - 1] = -1 << (32 - extra);",
    }],
    scenario: { kind: "run", line: rngMachine(), input: RNG },
    expected: { rule: "split-chain-index", words: /in a table of 8/ },
  },
  {
    id: "34b",
    number: 34,
    fix: "3ccc4538",
    title: "the allocator of indices: of a last word that is not full, the wrong end is free (property test)",
    mistake: [{
      file: "drivers/virtio/virtqueue/index_alloc.ts",
      find: "this.bits[this.bits.length - 1] = (1 << extra) - 1;",
      replace: "this.bits[this.bits.length - 1] = -1 << (32 - extra);",
    }],
    scenario: { kind: "test", file: "tests/drivers/virtio/virtqueue/index_alloc_test.ts", filter: "" },
    expected: { words: /FAILED/ },
  },
];
