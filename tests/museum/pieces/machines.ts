/** Words of command lines that several pieces share. */

const CONSOLE = "-chardev stdio,id=c0,mux=on -serial chardev:c0";

/** A PCI machine with an entropy device; `words` follow its name: `,packed=on`. What is typed goes to its shell. */
export function rngMachine(words = "", more = ""): string {
  return `-machine q35 -m 64M -nodefaults ${CONSOLE} -device virtio-rng-pci${words} ${more}`.trimEnd();
}

/**
 * A PCI machine with a network card on a user network, and an application that talks to it. Its address is given: with many
 * a mistake no DHCP server is ever heard. `env`: variables of the kernel, as `env=NAME=VALUE`.
 */
export function netMachine(words: string, app: string, env = ""): string {
  const address = `-ip 10.0.2.15 -mask 255.255.255.0 -gateway 10.0.2.2 ${env}`.trimEnd();
  return `-machine q35 -m 64M -nodefaults ${CONSOLE} -netdev user,id=n0 -device virtio-net-pci,netdev=n0${words} ` +
    `-append '${address}' -- ${app}`;
}

/** The same on virtio-mmio: a microvm, and the kernel built for it. */
export function mmioNetMachine(words: string, app: string): string {
  return `-machine microvm -m 64M -nodefaults ${CONSOLE} -global virtio-mmio.force-legacy=off -netdev user,id=n0 ` +
    `-device virtio-net-device,netdev=n0${words} -append '-ip 10.0.2.15 -mask 255.255.255.0 -gateway 10.0.2.2' -- ${app}`;
}

/** Typed into a shell: random bytes, then the end. */
export const RNG = "rng 4096\nshutdown 0\n";
