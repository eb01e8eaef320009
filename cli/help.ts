import { DEFAULT_SEED, demoMachine } from "./options.ts";

/** The text of `--help`. */
export function helpText(transport: string, apps: Readonly<Record<string, { help: string }>>): string {
  const list = Object.entries(apps).map(([name, app]) => `  ${name.padEnd(22)}${app.help}`).join("\n");
  return `Pagurus: the Hermit kernel's virtio stack on a simulated machine. This kernel: ${transport}.

usage: main.ts [options] [application [arguments]]

applications (default: shell)
${list}

the machine, in QEMU's words (one dash or two)
  -machine q35|pc|microvm[,prop=value]     -m 64M     -smp 1     -append "kernel command line"
  -device DRIVER[,prop=value]              -global DRIVER.PROP=VALUE     -object rng-builtin,id=ID
  -chardev stdio|null|file|ringbuf,id=ID[,mux=on]
  -netdev user|socket|hubport,id=ID[,...]  -object filter-dump,id=ID,netdev=ID,file=FILE
  -serial none|null|stdio|mon:stdio|file:PATH|chardev:ID
  -nodefaults  -nographic  -display none   -trace PATTERN (events to standard error, as 'virtio*')
without any: ${demoMachine(transport).join(" ")}
  and for an application that uses the network: ${
    demoMachine(transport, ["tcp:PORT"]).slice(demoMachine(transport).length).join(" ")
  }
-netdev user: net=, host=, dns=, dhcpstart=, hostname=, restrict=on; hostfwd=[tcp|udp]:[hostaddr]:port-[guestaddr]:port
  listens on 127.0.0.1 unless hostaddr says otherwise; socket: listen=, connect=[host]:port; hubport: hubid=, netdev=
  a bad link, on any of them: x-loss=5%,x-dup=1%,x-reorder=2%,x-corrupt=1%,x-delay=10ms (from the seed)

the simulator
  --seed N              seed of all randomness (default ${DEFAULT_SEED}); same seed and input, same run
  --trace FILE          everything that happens, as JSON lines with virtual time
  --latency NS          virtual ns between a notification and the device acting on it (default 0)
  --dashboard [PORT]    a page on 127.0.0.1 (default 8000, or what is free) that shows the machine while it runs, and
                        can type into its console; open the link that is printed. It ends with the machine;
                        --trace FILE keeps the run: \`deno task dashboard FILE\` opens it
  --strict [on|stop|off]
                        names each rule of the specification that a driver breaks: the clause, the evidence, the line of
                        the driver, a hint; stop: the run ends at the first violation (alone: on)
  --strict-report FILE  all reports at the end: .json, .xml (JUnit), .sarif, else text
  --careful             device memory at an offset, freed memory poisoned
  --platform qemu       the same kernel on the devices of a real QEMU (default: simulated)
  --qemu PROGRAM        that QEMU (default qemu-system-x86_64)
  -h, --help            this text        --version

exit status: the guest's; 2 for a wrong command line, 70 for an error of the simulator,
  74 if the host fails (a full disk, a port in use), 76 instead of 0 if --strict found a violation
with mux=on: C-a x ends the machine, C-a h helps
`;
}
