import { once } from "./once.ts";
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, parseDescription, UsageError } from "../../../devices/description.ts";
import { readFaults } from "../../../devices/net/fault_words.ts";
import { formatAddress } from "../../../inet/addresses.ts";
import { userOptions } from "../../../devices/net/user/options.ts";
import { qemuArguments } from "../../../devices/qemu/arguments.ts";

const split = (line: string) => line.split(" ").filter((w) => w !== "");
const show = (options: object) =>
  Object.fromEntries(
    Object.entries(options).map(([k, v]) => [k, typeof v === "number" ? formatAddress(v) : v]),
  );

once("-netdev user: QEMU's defaults, and those of another network", () => {
  const { forwards: _, ...usual } = userOptions("", {});
  assertEquals(show(usual), {
    network: "10.0.2.0",
    mask: "255.255.255.0",
    host: "10.0.2.2",
    dns: "10.0.2.3",
    dhcpStart: "10.0.2.15",
    hostname: undefined,
    restrict: false,
  });
  const ci = userOptions("", { net: "192.168.76.0/24", dhcpstart: "192.168.76.9" }, ["tcp::9975-:9975"]);
  assertEquals([ci.host, ci.dns, ci.dhcpStart].map(formatAddress), [
    "192.168.76.2",
    "192.168.76.3",
    "192.168.76.9",
  ]);
  assertEquals(ci.forwards, [{
    protocol: "tcp",
    hostAddress: "127.0.0.1",
    hostPort: 9975,
    guestAddress: ci.dhcpStart,
    guestPort: 9975,
  }]);
  // No mask: the class of old; a mask written out.
  assertEquals(formatAddress(userOptions("", { net: "172.16.3.0" }).mask), "255.255.0.0");
  assertEquals(formatAddress(userOptions("", { net: "10.9.0.0/255.255.0.0" }).dns), "10.9.2.3");
});

once("hostfwd: both addresses, both protocols, more than once", () => {
  const { forwards } = userOptions("", {}, [
    "udp:0.0.0.0:53-10.0.2.77:5353",
    ":192.0.2.1:0-:1",
    "tcp::65535-0.0.0.0:65535",
  ]);
  assertEquals(forwards.map((f) => ({ ...f, guestAddress: formatAddress(f.guestAddress) })), [
    { protocol: "udp", hostAddress: "0.0.0.0", hostPort: 53, guestAddress: "10.0.2.77", guestPort: 5353 },
    { protocol: "tcp", hostAddress: "192.0.2.1", hostPort: 0, guestAddress: "10.0.2.15", guestPort: 1 },
    {
      protocol: "tcp",
      hostAddress: "127.0.0.1",
      hostPort: 65535,
      guestAddress: "10.0.2.15",
      guestPort: 65535,
    },
  ]);
});

once("a network's words are read, and written back the same, also for QEMU", () => {
  const line =
    "-machine q35 -netdev user,id=n0,net=192.168.76.0/24,hostfwd=tcp::9975-:9975,hostfwd=udp::9975-:9975 " +
    "-netdev socket,id=n1,listen=:4444 -netdev hubport,id=n2,hubid=0,netdev=n1 " +
    "-object filter-dump,id=d0,netdev=n0,file=net.pcap,maxlen=128";
  const desc = parseDescription(split(line));
  assertEquals(desc.netdevs[0], {
    type: "user",
    id: "n0",
    props: { net: "192.168.76.0/24" },
    hostfwd: ["tcp::9975-:9975", "udp::9975-:9975"],
  });
  assertEquals(desc.ignored, ["-netdev user,id=n0: no -device has it (netdev=n0)"]);
  const again = parseDescription(describe(desc));
  assertEquals([again.netdevs, again.objects], [desc.netdevs, desc.objects]);
  const qemu = qemuArguments(desc, { qtest: "q", ram: "r", firmware: "f", stdio: "s" }).join(" ");
  assertStringIncludes(
    qemu,
    "-netdev user,id=n0,net=192.168.76.0/24,hostfwd=tcp::9975-:9975,hostfwd=udp::9975-:9975",
  );
  assertStringIncludes(qemu, "-object filter-dump,id=d0,netdev=n0,file=net.pcap,maxlen=128");
  const own = parseDescription(split("-netdev user,id=n0,x-loss=5%"));
  const error = assertThrows(
    () => qemuArguments(own, { qtest: "q", ram: "r", firmware: "f", stdio: "s" }),
    UsageError,
  );
  assertStringIncludes(error.message, "x-loss: Pagurus' own");
});

once("faults: percent or fraction, times with units; none is none", () => {
  assertEquals(readFaults("", {}), undefined);
  assertEquals(readFaults("", { "x-loss": "0%" }), undefined);
  assertEquals(readFaults("", { "x-loss": "5%", "x-dup": ".25", "x-delay": "1.5ms" }), {
    loss: 0.05,
    duplicate: 0.25,
    reorder: 0,
    corrupt: 0,
    delay: 1_500_000,
  });
});

once("every mistake is named, with what is possible", () => {
  const mistakes: [string, string][] = [
    ["-netdev", "requires a value"],
    ["-netdev usr,id=n0", "did you mean 'user'?; possible: user, socket, hubport"],
    ["-netdev tap,id=n0", "'tap' is not supported; possible: user, socket, hubport"],
    ["-netdev user", "no id specified"],
    ["-netdev user,id=n0 -netdev user,id=n0", "Duplicate ID 'n0' for netdev"],
    ["-netdev user,id=n0,hostfw=tcp::1-:1", "did you mean 'hostfwd'?"],
    ["-netdev user,id=n0,guestfwd=tcp:10.0.2.4:1-cmd:x", "guestfwd is not supported"],
    ["-netdev user,id=n0,tftp=/x", "there is no TFTP server"],
    ["-netdev user,id=n0,ipv6=on", "there is only IPv4"],
    ["-netdev user,id=n0,net=10.0.2.0/33", "net=10.0.2.0/33 is not a network"],
    ["-netdev user,id=n0,net=10.0.2.0/255.0.255.0", "is not a network"],
    ["-netdev user,id=n0,host=10.0.3.2", "does not belong to the network 10.0.2.0/24"],
    ["-netdev user,id=n0,dns=10.0.2.2", "dns= must be different from host="],
    ["-netdev user,id=n0,dhcpstart=10.0.2.3", "dhcpstart= must be different"],
    ["-netdev user,id=n0,restrict=maybe", "expects 'on' or 'off'"],
    ["-netdev user,id=n0,hostfwd=tcp:9975-:80", "is not a rule"],
    ["-netdev user,id=n0,hostfwd=sctp::1-:1", "'sctp' is not a protocol"],
    ["-netdev user,id=n0,hostfwd=tcp:localhost:1-:1", "'localhost' is not an IPv4 address"],
    ["-netdev user,id=n0,hostfwd=tcp::70000-:1", "'70000' is not a port from 0 to 65535"],
    ["-netdev user,id=n0,hostfwd=tcp::1-:0", "'0' is not a port from 1 to 65535"],
    ["-netdev socket,id=n0", "exactly one of listen= and connect= is required"],
    ["-netdev socket,id=n0,listen=:1,connect=:1", "exactly one"],
    ["-netdev socket,id=n0,mcast=230.0.0.1:1", "mcast= is not supported; possible: listen=, connect="],
    ["-netdev socket,id=n0,udp=:1", "udp= is not supported"],
    ["-netdev socket,id=n0,connect=nowhere", "connect=nowhere is not [host]:port"],
    ["-netdev socket,id=n0,listen=:1,hostfwd=tcp::1-:1", "hostfwd= is for -netdev user only"],
    ["-netdev hubport,id=n0", "hubid= is not a number"],
    ["-netdev hubport,id=n0,hubid=0,netdev=n1", "there is no netdev 'n1'"],
    ["-netdev user,id=n0,x-loss=150%", "x-loss=150% is not a probability"],
    ["-netdev user,id=n0,x-delay=5", "x-delay=5 is not a time"],
    ["-object filter-dump,id=d,file=x", "netdev= is required"],
    ["-object filter-dump,id=d,netdev=n9,file=x", "there is no netdev 'n9'"],
    ["-object filter-dump,id=d,netdev=n9,file=x,queue=up", "possible: all, rx, tx"],
    ["-object filter-dump,id=d,netdev=n9,file=x,maxlen=0", "maxlen=0 is not a number of bytes"],
    ["-object filter-dumb,id=d", "did you mean 'filter-dump'?"],
    ["-nic user", "say -netdev user,id=n0"],
    ["-net nic", "say -netdev user,id=n0"],
  ];
  for (const [line, expected] of mistakes) {
    const error = assertThrows(() => parseDescription(split(line)), UsageError, undefined, line);
    assertStringIncludes(error.message, expected);
  }
});
