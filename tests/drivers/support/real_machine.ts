import { physAddr } from "../../../arch/addresses.ts";
import { RamDeviceMemory } from "../../../arch/device_memory.ts";
import { Interrupts } from "../../../arch/interrupts.ts";
import { PageTables } from "../../../arch/paging.ts";
import type { Chardev, ChardevFrontend } from "../../../devices/chardev.ts";
import type { NetBackend } from "../../../devices/net/backend.ts";
import type { MachineDescription } from "../../../devices/description/mod.ts";
import { createMachine, type Machine } from "../../../devices/machine/mod.ts";
import type { DriverContext, Log } from "../../../drivers/context.ts";
import type { UniCapsColl, VirtioDeviceLocation } from "../../../drivers/virtio/transport/mod.ts";
import * as mmio from "../../../drivers/virtio/transport/mmio.ts";
import * as pci from "../../../drivers/virtio/transport/pci.ts";
import { DeviceAlloc } from "../../../mm/device_alloc.ts";
import { DeviceHeap } from "../../../mm/device_heap.ts";
import { FrameAlloc } from "../../../mm/physicalmem.ts";
import { NO_TRACE } from "../../../spec/trace.ts";
import { STRICT, StrictTest } from "../../support/strict.ts";

/** A terminal: keeps what the guest wrote, and types. */
export class Terminal implements Chardev {
  readonly id = "c0";
  output: number[] = [];
  private frontend: ChardevFrontend | undefined;
  write(bytes: Uint8Array): void {
    this.output.push(...bytes);
  }
  attach(frontend: ChardevFrontend): void {
    this.frontend = frontend;
  }
  acceptInput(): void {}
  resize(cols: number, rows: number): void {
    this.frontend?.resize?.(cols, rows);
  }
}

/** A simulated machine with the drivers' context on top. Devices in QEMU's words: `virtio-rng-pci,packed=on`. */
export class RealMachine {
  readonly machine: Machine;
  readonly terminal = new Terminal();
  readonly interrupts: Interrupts;
  readonly ctx: DriverContext;
  readonly lines: string[] = [];
  readonly alloc: DeviceAlloc;
  readonly transport: { findDevices: typeof pci.findDevices; mapDevice: typeof pci.mapDevice };

  constructor(
    machine: MachineDescription["machine"],
    words: string[],
    options: {
      machineProps?: Record<string, string>;
      vqKind?: "split" | "packed";
      latency?: number;
      /** Network back ends; each is a netdev. */
      netdevs?: ReadonlyMap<string, NetBackend>;
      env?: Readonly<Record<string, string>>;
      memory?: number;
      /** Rules are watched, and a broken one is an error; default: as the run of the tests has it. */
      strict?: boolean;
    } = {},
  ) {
    const strict = options.strict ?? STRICT ? new StrictTest() : undefined;
    const devices = words.map((word, index) => {
      const [driver, ...rest] = word.split(",");
      return { driver, index, props: Object.fromEntries(rest.map((p) => p.split("=") as [string, string])) };
    });
    const globals = machine === "microvm"
      ? [{ driver: "virtio-mmio", property: "force-legacy", value: "false" }]
      : [];
    this.machine = createMachine({
      machine,
      machineProps: options.machineProps ?? {},
      memory: options.memory ?? 16 << 20,
      devices,
      chardevs: [{ backend: "null", id: "c0", props: {} }],
      serial: [],
      objects: [],
      netdevs: [...options.netdevs?.keys() ?? []].map((id) => ({
        type: "hubport",
        id,
        props: { hubid: "0" },
      })),
      globals,
      append: "",
      nodefaults: true,
      trace: [],
      ignored: [],
    }, {
      chardevs: new Map([["c0", this.terminal]]),
      netdevs: options.netdevs,
      seed: 7,
      trace: strict?.trace() ?? NO_TRACE,
      latency: options.latency ?? 0,
    });
    strict?.watches(this.machine);
    this.transport = machine === "microvm" ? mmio : pci;
    const careful = Deno.env.get("CAREFUL") === "1";
    const ram = this.machine.ram[0];
    const watched = strict?.boot();
    const memory = watched?.deviceMemory(ram.base, ram.bytes) ?? new RamDeviceMemory(ram.base, ram.bytes);
    const frames = new FrameAlloc(this.machine.memoryMap);
    this.alloc = new DeviceAlloc(memory, frames, careful ? 1 << 30 : 0, careful ? 0xa5 : undefined);
    watched?.onDeviceAlloc(this.alloc);
    const paging = new PageTables(new RamDeviceMemory(ram.base, ram.bytes), frames);
    this.interrupts = new Interrupts(this.machine);
    this.interrupts.init();
    const log = Object.fromEntries(
      ["error", "warn", "info", "debug", "trace"].map((
        l,
      ) => [l, (m: string) => this.lines.push(`${l}: ${m}`)]),
    ) as unknown as Log;
    this.ctx = {
      platform: this.machine,
      alloc: this.alloc,
      indirect: new DeviceHeap(this.alloc),
      interrupts: this.interrupts,
      paging: { identityMap: (phys, length) => paging.identityMap(physAddr(phys), length) },
      log,
      mmioDevices: [],
      env: (name) => options.env?.[name],
      vqKind: options.vqKind,
    };
  }
  find(): VirtioDeviceLocation[] {
    return this.transport.findDevices(this.ctx);
  }
  map(deviceId: number): UniCapsColl {
    const location = this.find().find((l) => l.deviceId === deviceId);
    if (location === undefined) {
      throw new Error(`no virtio device ${deviceId} was found: ${this.lines.join("\n")}`);
    }
    return this.transport.mapDevice(location, this.ctx);
  }
  /** Lets time pass, with interrupts, until `done`. */
  until(done: () => boolean): void {
    for (let i = 0; i < 10_000 && !done(); i++) {
      this.machine.relax();
      this.interrupts.poll();
    }
    if (!done()) throw new Error(`it did not happen:\n${this.lines.join("\n")}`);
  }
}
