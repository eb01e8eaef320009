import { FAULT_PROPS, readFaults } from "../net/fault_words.ts";
import { USER_PROPS, USER_REFUSED, userOptions } from "../net/user/options.ts";
import {
  type DeviceDescription,
  type NetdevDescription,
  type ObjectDescription,
  type Props,
  UsageError,
} from "./types.ts";
import { joinProps, refuseUnknownProps, requireId, splitProps, suggestion } from "./words.ts";

const TYPES = ["user", "socket", "hubport"];
const QEMU_TYPES = ["bridge", "dgram", "l2tpv3", "netmap", "nic", "none", "stream", "tap", "vde"].concat([
  "vhost-user",
  "vhost-vdpa",
]);
/** More often than once, in order. */
const LISTS = ["hostfwd"];

/** Reads a `-netdev`. @throws {UsageError} */
export function parseNetdev(text: string): NetdevDescription {
  const where = `-netdev ${text}`;
  const { first: type, props, lists } = splitProps("-netdev", text, "type", LISTS);
  if (type === undefined || !TYPES.includes(type)) {
    const why = QEMU_TYPES.includes(type ?? "") ? "is not supported" : "is not a netdev type";
    const near = suggestion(type ?? "", TYPES);
    throw new UsageError(`${where}: '${type ?? ""}' ${why}${near}; possible: ${TYPES.join(", ")}`);
  }
  const id = requireId(where, props.id);
  delete props.id;
  const hostfwd = lists.hostfwd ?? [];
  if (type === "user") checkUser(where, props, hostfwd);
  else if (hostfwd.length > 0) throw new UsageError(`${where}: hostfwd= is for -netdev user only`);
  if (type === "socket") checkSocket(where, props);
  if (type === "hubport") checkHubport(where, props);
  readFaults(where, props);
  return hostfwd.length === 0 ? { type, id, props } : { type, id, props, hostfwd };
}

/** The reverse of {@link parseNetdev}: what follows `-netdev`. */
export function netdevWord({ type, id, props, hostfwd = [] }: NetdevDescription): string {
  return [
    joinProps(type, { id, ...props }),
    ...hostfwd.map((rule) => joinProps(undefined, { hostfwd: rule })),
  ].join(",");
}

function checkUser(where: string, props: Props, hostfwd: readonly string[]): void {
  for (const name of Object.keys(props)) {
    if (Object.hasOwn(USER_REFUSED, name)) throw new UsageError(`${where}: ${name}=: ${USER_REFUSED[name]}`);
  }
  refuseUnknownProps(where, props, [...USER_PROPS, ...LISTS, ...FAULT_PROPS]);
  userOptions(where, props, hostfwd);
}

function checkSocket(where: string, props: Props): void {
  for (const name of ["mcast", "udp", "fd", "localaddr"]) {
    if (props[name] !== undefined) {
      throw new UsageError(`${where}: ${name}= is not supported; possible: listen=, connect=`);
    }
  }
  refuseUnknownProps(where, props, ["listen", "connect", ...FAULT_PROPS]);
  if ((props.listen === undefined) === (props.connect === undefined)) {
    throw new UsageError(`${where}: exactly one of listen= and connect= is required`);
  }
  readHostPort(where, props.listen === undefined ? "connect" : "listen", props.listen ?? props.connect);
}

/** `[host]:port`; no host: 127.0.0.1. @throws {UsageError} */
export function readHostPort(where: string, name: string, text: string): { hostname: string; port: number } {
  const m = /^(.*):(\d{1,5})$/.exec(text);
  const port = Number(m?.[2]);
  if (m === null || port > 65535 || m[1].includes(":") || name === "connect" && port === 0) {
    throw new UsageError(`${where}: ${name}=${text} is not [host]:port`);
  }
  return { hostname: m[1] === "" ? "127.0.0.1" : m[1], port };
}

function checkHubport(where: string, props: Props): void {
  refuseUnknownProps(where, props, ["hubid", "netdev", ...FAULT_PROPS]);
  if (props.hubid === undefined || !/^-?\d{1,9}$/.test(props.hubid)) {
    throw new UsageError(`${where}: hubid=${props.hubid ?? ""} is not a number`);
  }
}

const DUMP_PROPS = ["netdev", "file", "maxlen", "queue", "status"];

/** Checks the properties of `-object filter-dump`. @throws {UsageError} */
export function checkFilterDump(where: string, props: Props): void {
  for (const name of ["position", "insert"]) {
    if (props[name] !== undefined) throw new UsageError(`${where}: ${name}= is not supported`);
  }
  refuseUnknownProps(where, props, DUMP_PROPS);
  for (const name of ["netdev", "file"]) {
    if (!props[name]) throw new UsageError(`${where}: ${name}= is required`);
  }
  dumpOptions(where, props);
}

/** What a filter-dump's properties mean. @throws {UsageError} */
export function dumpOptions(where: string, props: Props) {
  const queue = props.queue ?? "all";
  if (queue !== "all" && queue !== "rx" && queue !== "tx") {
    throw new UsageError(`${where}: queue=${queue} is unknown; possible: all, rx, tx`);
  }
  if (props.status !== undefined && !["on", "off"].includes(props.status)) {
    throw new UsageError(`${where}: status=${props.status} is unknown; possible: on, off`);
  }
  const maxLength = /^\d{1,10}$/.test(props.maxlen ?? "65536") ? Number(props.maxlen ?? 65536) : NaN;
  if (!(maxLength >= 1 && maxLength <= 0xffff_ffff)) {
    throw new UsageError(`${where}: maxlen=${props.maxlen} is not a number of bytes`);
  }
  return { file: props.file, queue, maxLength, on: props.status !== "off" } as const;
}

/**
 * Each netdev that is named exists and has one user: a card, or a hub's port. Returns what QEMU warns of.
 *
 * @throws {UsageError}
 */
export function checkNetdevs(
  netdevs: readonly NetdevDescription[],
  devices: readonly DeviceDescription[],
  objects: readonly ObjectDescription[],
): string[] {
  const ids = netdevs.map((n) => n.id);
  const used = new Set<string>();
  const exists = (where: string, id: string) => {
    if (ids.includes(id)) return;
    throw new UsageError(
      `${where}: there is no netdev '${id}'${suggestion(id, ids)}; possible: ${ids.join(", ") || "none"}`,
    );
  };
  const use = (where: string, id: string) => {
    exists(where, id);
    if (used.has(id)) throw new UsageError(`${where}: netdev '${id}' is in use already`);
    used.add(id);
  };
  for (const { driver, props } of devices) {
    if (props.netdev !== undefined) use(`-device ${driver},netdev=${props.netdev}`, props.netdev);
  }
  for (const { type, id, props } of netdevs) {
    if (type !== "hubport" || props.netdev === undefined) continue;
    if (props.netdev === id) {
      throw new UsageError(`-netdev hubport,id=${id}: netdev=${id} is this port itself`);
    }
    use(`-netdev hubport,id=${id},netdev=${props.netdev}`, props.netdev);
    used.add(id);
  }
  for (const { type, id, props } of objects) {
    if (type === "filter-dump") exists(`-object filter-dump,id=${id},netdev=${props.netdev}`, props.netdev);
  }
  return netdevs.filter((n) => !used.has(n.id)).map((n) =>
    `-netdev ${n.type},id=${n.id}: no -device has it (netdev=${n.id})`
  );
}

/** @throws {UsageError} if a netdev has words that only Pagurus has. */
export function refuseOwnWords(netdevs: readonly NetdevDescription[]): void {
  for (const { type, id, props } of netdevs) {
    const own = FAULT_PROPS.filter((name) => props[name] !== undefined);
    if (own.length === 0) continue;
    throw new UsageError(
      `-netdev ${type},id=${id}: ${
        own.join(", ")
      }: Pagurus' own, which QEMU does not have (--platform simulated has)`,
    );
  }
}

/** Why `-nic` and `-net` are refused, and what to write instead. */
export function nicAdvice(option: string, text: string): UsageError {
  return new UsageError(
    `-${option} ${text}: not supported by Pagurus; say -netdev user,id=n0,... -device virtio-net-pci,netdev=n0 ` +
      "(microvm: virtio-net-device)",
  );
}
