import { assert, assertEquals } from "@std/assert";
import { parseDescription } from "../../../../devices/description.ts";
import { type HostNetdevs, openNetdevs } from "../../../../devices/host/net/mod.ts";
import { qemuTestOnce } from "../../../support/qemu.ts";
import { arp, ping, show } from "../../net/frames.ts";
import { Card } from "../../net/support.ts";

/** Our end of a wire whose other end is a real QEMU with a gateway on it. */
async function gateway(
  open: (words: string) => Promise<HostNetdevs>,
  side: "listen" | "connect",
): Promise<{ card: Card; netdevs: HostNetdevs; close(): Promise<void> }> {
  let netdevs = side === "listen" ? await open("listen=:0") : undefined;
  const port = netdevs?.ports[0].port ?? freePort();
  const child = new Deno.Command("qemu-system-x86_64", {
    args: [
      ...["-M", "none", "-nodefaults", "-display", "none", "-monitor", "none"],
      ...["-netdev", "user,id=u", "-netdev", "hubport,id=h0,hubid=0,netdev=u"],
      ...["-netdev", `socket,id=s,${side === "listen" ? "connect" : "listen"}=127.0.0.1:${port}`],
      ...["-netdev", "hubport,id=h1,hubid=0,netdev=s"],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  for (let i = 0; netdevs === undefined; i++) {
    try {
      netdevs = await open(`connect=:${port}`);
    } catch (error) {
      if (i === 100) throw error;
      await new Promise((r) => setTimeout(r, 20));
    }
  }
  const card = new Card(netdevs.netdevs.get("n0")!);
  const close = async () => {
    netdevs.close();
    child.kill("SIGKILL");
    await child.status;
  };
  return { card, netdevs, close };
}
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return (listener.addr as Deno.NetAddr).port;
}

for (const side of ["listen", "connect"] as const) {
  qemuTestOnce(
    `a real QEMU on the other end of -netdev socket,${side}=: long pings come back`,
    async () => {
      const open = (words: string) =>
        openNetdevs(parseDescription(["-nodefaults", "-netdev", `socket,id=n0,${words}`]));
      const { card, close } = await gateway(open, side);
      try {
        const until = async (done: () => boolean) => {
          for (let i = 0; i < 2000 && !done(); i++) {
            card.backend.deliver!();
            await new Promise((r) => setTimeout(r, 2));
          }
          assert(done());
        };
        await until(() => {
          if (card.received.length === 0) card.backend.send(arp("10.0.2.15", "10.0.2.2"));
          return card.received.length > 0;
        });
        assert(show(card.received[0]).includes("ARP 2 52:55:0a:00:02:02 10.0.2.2"));
        card.received.length = 0;
        const replies = () => card.received.filter((f) => show(f).includes("ICMP"));
        for (let i = 0; i < 300; i++) {
          await until(() => card.backend.canSend!());
          card.backend.send(ping("10.0.2.15", "10.0.2.2", 1 + 5 * i % 1472, i));
          // QEMU loses what its own queue does not hold.
          if (i % 50 === 49) await until(() => replies().length === i + 1);
        }
        const lengths = replies().map((frame) => (frame[16] << 8 | frame[17]) - 28);
        assertEquals(lengths, Array.from({ length: 300 }, (_, i) => 1 + 5 * i % 1472));
      } finally {
        await close();
      }
    },
  );
}
