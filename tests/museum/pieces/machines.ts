/** Words of command lines that several pieces share. */

const CONSOLE = "-chardev stdio,id=c0,mux=on -serial chardev:c0";

/** A PCI machine with an entropy device; `words` follow its name: `,packed=on`. What is typed goes to its shell. */
export function rngMachine(words = "", more = ""): string {
  return `-machine q35 -m 64M -nodefaults ${CONSOLE} -device virtio-rng-pci${words} ${more}`.trimEnd();
}

/** A PCI machine with a network card on a user network, and an application that talks to it. */
export function netMachine(words: string, app: string, more = ""): string {
  const card = `-netdev user,id=n0 -device virtio-net-pci,netdev=n0${words}`;
  return `-machine q35 -m 64M -nodefaults ${CONSOLE} ${card} ${more} -- ${app}`.replaceAll(/ +/g, " ");
}

/** The same on virtio-mmio. */
export function mmioNetMachine(words: string, app: string, more = ""): string {
  const card = `-netdev user,id=n0 -device virtio-net-device,netdev=n0${words}`;
  return `-machine microvm -m 64M -nodefaults ${CONSOLE} -global virtio-mmio.force-legacy=off ${card} ${more} -- ${app}`
    .replaceAll(/ +/g, " ");
}

/** Typed into a shell: random bytes, then the end. */
export const RNG = "rng 4096\nshutdown 0\n";
