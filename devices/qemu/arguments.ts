import { netdevWord, refuseOwnWords } from "../description/net_words.ts";
import type { MachineDescription, Props } from "../description/types.ts";
import { joinProps } from "../description/words.ts";

/** Where QEMU finds what belongs to us. */
export interface QemuFiles {
  /** Path without `.in` and `.out`. */
  readonly qtest: string;
  readonly ram: string;
  readonly firmware: string;
  /** What QEMU's `stdio` chardev becomes, without `.in` and `.out`: the host's terminal stays ours. */
  readonly stdio: string;
}

/** Backends of `-object` that say where RAM comes from: it comes from us. */
const MEMORY_BACKEND = /^memory-backend-/;
/** The id of our own objects: nothing on a command line can be called so by accident. */
const OURS = "pagurus";

/**
 * The command line of a QEMU that is the described machine without a running CPU: its bus and devices are driven over
 * qtest, and its RAM is a file (qemu-facts: a parked CPU under TCG, as Debian's QEMU has no qtest accelerator).
 *
 * @throws {UsageError} for words that QEMU does not have.
 */
export function qemuArguments(desc: MachineDescription, files: QemuFiles): string[] {
  refuseOwnWords(desc.netdevs);
  const { "memory-backend": _ours, accel: _accel, ...machineProps } = desc.machineProps;
  const args = [
    ...["-accel", "tcg", "-bios", files.firmware, "-display", "none", "-no-user-config"],
    ...["-chardev", `pipe,id=${OURS}-qtest,path=${files.qtest}`],
    ...["-object", `qtest,id=${OURS}-qtest0,chardev=${OURS}-qtest,log=/dev/null`],
    ...["-object", `memory-backend-file,id=${OURS}-ram,mem-path=${files.ram},size=${desc.memory},share=on`],
    ...["-machine", joinProps(desc.machine, { ...machineProps, "memory-backend": `${OURS}-ram` })],
    ...["-m", `${desc.memory}B`, "-smp", "1", "-monitor", "none", "-parallel", "none"],
  ];
  if (desc.nodefaults) args.push("-nodefaults");
  for (const object of desc.objects) {
    if (!MEMORY_BACKEND.test(object.type)) args.push("-object", withId(object.type, object.id, object.props));
  }
  for (const chardev of desc.chardevs) args.push("-chardev", chardevWord(chardev, files));
  for (const id of desc.serial) args.push("-serial", id === undefined ? "none" : `chardev:${id}`);
  if (desc.serial.length === 0) args.push("-serial", "none");
  for (const netdev of desc.netdevs) args.push("-netdev", netdevWord(netdev));
  for (const g of desc.globals) {
    args.push("-global", joinProps(undefined, { driver: g.driver, property: g.property, value: g.value }));
  }
  for (const device of [...desc.devices].sort((a, b) => a.index - b.index)) {
    args.push("-device", joinProps(device.driver, { ...romOf(device.driver), ...device.props }));
  }
  for (const pattern of desc.trace) args.push("-trace", pattern);
  return args;
}

/** A network card has an option ROM, whose file may not be installed; our machines have none to run it. */
const romOf = (driver: string): Props => driver.startsWith("virtio-net-pci") ? { romfile: "" } : {};

const withId = (first: string, id: string, props: Props) => joinProps(first, { id, ...props });

function chardevWord(
  { backend, id, props }: MachineDescription["chardevs"][number],
  files: QemuFiles,
): string {
  if (backend !== "stdio") return withId(backend, id, props);
  // `signal` is about the terminal, which QEMU does not have.
  const { signal: _terminal, ...rest } = props;
  return withId("pipe", id, { path: files.stdio, ...rest });
}
