import { once } from "../../net/once.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { parseDescription, UsageError } from "../../../../devices/description.ts";
import { HostError } from "../../../../devices/host/mod.ts";
import { openNetdevs, Resolver, UdpSocket } from "../../../../devices/host/net/mod.ts";
import { LOOPBACK } from "../../../../inet/addresses.ts";
import { arp, show, udp } from "../../net/frames.ts";
import { Card, frameOf, tagOf } from "../../net/support.ts";

const descOf = (line: string) => parseDescription(["-nodefaults", ...line.split(" ")]);
/** Lets the host have its turn until `done`. */
async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (done()) return;
    await new Promise((r) => setTimeout(r, 5));
  }
  throw new Error("it did not happen");
}

once(
  "a port that is in use is the host's error and names the rule; what was opened before is closed",
  async () => {
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const error = await assertRejects(
      () => openNetdevs(descOf(`-netdev user,id=n0,hostfwd=tcp::0-:80,hostfwd=tcp::${port}-:80`)),
      HostError,
    );
    assertStringIncludes(error.message, `hostfwd=tcp::${port}-:80: 127.0.0.1:${port} is in use already`);
    taken.close();
    const busy = await UdpSocket.bind("127.0.0.1", 0);
    await assertRejects(
      () => openNetdevs(descOf(`-netdev user,id=n0,hostfwd=udp::${busy.port}-:80`)),
      HostError,
      "is in use already",
    );
    await assertRejects(
      () => openNetdevs(descOf(`-netdev socket,id=n0,connect=:${port}`)),
      HostError,
      "refused",
    );
    busy.close();
  },
);

once("without permission nothing is opened, and the error says which is missing", async () => {
  const script = `import { openNetdevs } from "./devices/host/net/mod.ts";
    import { parseDescription } from "./devices/description.ts";
    await openNetdevs(parseDescription(["-netdev", "user,id=n0,hostfwd=tcp::9975-:80"]))
      .catch((e) => console.log(e.name, e.message));`;
  const root = new URL("../../../../", import.meta.url);
  const file = new URL(".permission_test.ts", root);
  await Deno.writeTextFile(file, script);
  try {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-prompt", file.pathname],
      stderr: "inherit",
    }).output();
    assertStringIncludes(
      new TextDecoder().decode(stdout),
      "HostError -netdev user,id=n0: hostfwd=tcp::9975-:80: not allowed (deno run --allow-net=127.0.0.1:9975)",
    );
  } finally {
    await Deno.remove(file);
  }
});

once("two machines on a wire: -netdev socket, listen and connect", async () => {
  const there = await openNetdevs(descOf("-netdev socket,id=n0,listen=:0"));
  const { port, hostname } = there.ports[0];
  assertEquals(hostname, "127.0.0.1", "loopback unless asked otherwise");
  const here = await openNetdevs(descOf(`-netdev socket,id=n1,connect=:${port}`));
  const [a, b] = [new Card(there.netdevs.get("n0")!), new Card(here.netdevs.get("n1")!)];
  const turn = () => [a, b].forEach((c) => c.backend.deliver!());
  await until(() => (turn(), (there.netdevs.get("n0") as unknown as { connected: boolean }).connected));
  let sent = 0;
  for (; sent < 3000; sent++) {
    if (!a.backend.canSend!()) await until(() => (turn(), a.backend.canSend!()));
    a.backend.send(frameOf(sent, 60 + sent % 1400));
  }
  b.backend.send(frameOf(7));
  await until(() => (turn(), b.received.length === sent && a.received.length === 1));
  assertEquals(b.received.map(tagOf), Array.from({ length: sent }, (_, i) => i));
  here.close();
  await until(() => (turn(), !(there.netdevs.get("n0") as unknown as { connected: boolean }).connected));
  there.close();
});

once("UDP through real sockets: out to a server and back, and in through hostfwd", async () => {
  const server = await UdpSocket.bind("127.0.0.1", 0);
  const opened = await openNetdevs(descOf("-netdev user,id=n0,hostfwd=udp::0-:53"));
  const card = new Card(opened.netdevs.get("n0")!);
  card.backend.send(arp("10.0.2.15", "10.0.2.2"));
  card.backend.send(udp("10.0.2.15:1000", `10.0.2.2:${server.port}`, Uint8Array.of(1, 2)));
  card.pass(0);
  let got: ReturnType<UdpSocket["receive"]>;
  await until(() => (got = server.receive()) !== undefined);
  assertEquals([...got!.bytes], [1, 2]);
  card.received.length = 0;
  server.send(Uint8Array.of(3), got!.address, got!.port);
  await until(() => (card.backend.deliver!(), card.received.length === 1));
  assertStringIncludes(show(card.received[0]), `10.0.2.2:${server.port} > 10.0.2.15:1000 03`);
  server.send(Uint8Array.of(4), LOOPBACK, opened.ports[0].port);
  await until(() => (card.backend.deliver!(), card.received.length === 2));
  assertStringIncludes(show(card.received[1]), `10.0.2.2:${server.port} > 10.0.2.15:53 04`);
  card.backend.send(udp("10.0.2.15:53", `10.0.2.2:${server.port}`, Uint8Array.of(5)));
  await until(() => (got = server.receive()) !== undefined);
  assertEquals([[...got!.bytes], got!.port], [[5], opened.ports[0].port]);
  opened.close();
  server.close();
});

once("DNS questions go to the name server as they are; without an answer in time there is none", async () => {
  const server = await UdpSocket.bind("127.0.0.1", 0);
  const resolver = new Resolver("127.0.0.1", server.port);
  const answer = resolver.resolve(Uint8Array.of(0x12, 0x34, 1));
  let question: ReturnType<UdpSocket["receive"]>;
  await until(() => (question = server.receive()) !== undefined);
  server.send(Uint8Array.of(0x99, 0x99, 9), question!.address, question!.port); // not for this question
  server.send(Uint8Array.of(0x12, 0x34, 2), question!.address, question!.port);
  assertEquals([...(await answer)!], [0x12, 0x34, 2]);
  const never = resolver.resolve(Uint8Array.of(1, 2, 3));
  resolver.close();
  assertEquals(await never, undefined);
  server.close();
});

once(
  "a hub of two cards and a dump: the file is complete when all is closed, and a bad path is a usage error",
  async () => {
    const file = await Deno.makeTempFile({ suffix: ".pcap" });
    const opened = await openNetdevs(
      descOf(
        "-netdev hubport,id=h0,hubid=3 -netdev hubport,id=h1,hubid=3 -netdev hubport,id=h2,hubid=4 " +
          `-object filter-dump,id=d,netdev=h1,file=${file} -object filter-dump,id=e,netdev=h0,file=/nonexistent,status=off`,
      ),
    );
    const [a, b, c] = ["h0", "h1", "h2"].map((id) => new Card(opened.netdevs.get(id)!));
    a.backend.send(frameOf(5, 100));
    b.pass(0);
    c.pass(0);
    assertEquals([b.received.length, c.received.length], [1, 0]);
    opened.close();
    const bytes = await Deno.readFile(file);
    await Deno.remove(file);
    assertEquals([bytes.length, bytes[0]], [24 + 16 + 100, 0xd4]);
    await assertRejects(
      () =>
        openNetdevs(
          descOf("-netdev hubport,id=h,hubid=0 -object filter-dump,id=d,netdev=h,file=/nonexistent/x"),
        ),
      UsageError,
      "file=/nonexistent/x",
    );
  },
);
