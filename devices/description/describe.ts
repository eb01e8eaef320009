import { netdevWord } from "./net_words.ts";
import { formatSize } from "./sizes.ts";
import type { MachineDescription } from "./types.ts";
import { joinProps } from "./words.ts";

/**
 * A description as QEMU's command line; reading it again gives the same machine. What was ignored is left out, but for
 * memory back ends and networks.
 */
export function describe(desc: MachineDescription): string[] {
  const words = ["-machine", joinProps(desc.machine, desc.machineProps), "-m", formatSize(desc.memory)];
  const named = (
    option: string,
    list: readonly { id: string; props: Record<string, string> }[],
    first: (x: never) => string,
  ) => {
    for (const x of list) words.push(option, joinProps(first(x as never), { id: x.id, ...x.props }));
  };
  if (desc.nodefaults) words.push("-nodefaults");
  for (const g of desc.globals) {
    words.push("-global", joinProps(undefined, { driver: g.driver, property: g.property, value: g.value }));
  }
  named("-object", desc.objects, (o: { type: string }) => o.type);
  for (const netdev of desc.netdevs) words.push("-netdev", netdevWord(netdev));
  named("-chardev", desc.chardevs, (c: { backend: string }) => c.backend);
  for (const id of desc.serial) words.push("-serial", id === undefined ? "none" : `chardev:${id}`);
  if (desc.serial.length === 0) words.push("-serial", "none");
  for (const d of desc.devices) words.push("-device", joinProps(d.driver, d.props));
  for (const pattern of desc.trace) words.push("-trace", joinProps(undefined, { enable: pattern }));
  if (desc.append !== "") words.push("-append", desc.append);
  return words;
}
