import type { MachineDescription } from "../../devices/description.ts";
import { UsageError } from "../../devices/description.ts";
import type { NetBackend } from "../../devices/net/backend.ts";
import { FaultLink } from "../../devices/net/fault_link.ts";
import { readFaults } from "../../devices/net/fault_words.ts";
import { type HostForward, Hub, NO_HOST, UserNetwork, userOptions } from "../../devices/net/mod.ts";

/**
 * Network back ends without a host: the user network with its DHCP server and gateway, from which nothing leads out; hubs.
 *
 * @throws {UsageError} for a back end that needs sockets.
 */
export function pageNetworks(desc: MachineDescription): Map<string, NetBackend> {
  const made = new Map<string, NetBackend>();
  const hubs = new Map<number, Hub>();
  const open = (id: string): NetBackend => {
    const known = made.get(id);
    if (known !== undefined) return known;
    const netdev = desc.netdevs.find((n) => n.id === id)!;
    const where = `-netdev ${netdev.type},id=${id}`;
    let backend: NetBackend;
    if (netdev.type === "user") {
      const options = userOptions(where, netdev.props, netdev.hostfwd);
      const closed = options.forwards.map((): HostForward => ({
        port: 0,
        accept: () => undefined,
        close: () => {},
        onEvent: undefined,
      }));
      backend = new UserNetwork(id, options, NO_HOST, closed, () => {});
    } else if (netdev.type === "hubport") {
      const number = Number(netdev.props.hubid);
      let hub = hubs.get(number);
      if (hub === undefined) hubs.set(number, hub = new Hub());
      backend = hub.port(id, netdev.props.netdev === undefined ? undefined : open(netdev.props.netdev));
    } else {
      throw new UsageError(`${where}: needs sockets, and a page has none (possible: user, hubport)`);
    }
    const faults = readFaults(where, netdev.props);
    if (faults !== undefined) backend = new FaultLink(backend, faults);
    made.set(id, backend);
    return backend;
  };
  for (const { id } of desc.netdevs) open(id);
  for (const { props } of desc.netdevs) if (props.netdev !== undefined) made.delete(props.netdev);
  return made;
}
