import { assert, assertEquals } from "@std/assert";
import { CAREFUL } from "../support/simulated.ts";
import { QEMU_IGNORE } from "../support/qemu.ts";
import { curl, freePort, has, machineWords, sha256, startGuest } from "./support.ts";

/** The web server behind the real QEMU's network: its card and its user network, our driver and TCP. */
const CURL = await has("curl");

for (const device of ["", ",packed=on", ",packed=on,mq=on", ",mrg_rxbuf=off"]) {
  if (CAREFUL) break;
  Deno.test({
    name: `curl reaches the web server on the real QEMU (virtio-net${device})`,
    ignore: QEMU_IGNORE || !CURL,
    async fn() {
      const port = freePort();
      const words = machineWords(`user,id=n0,hostfwd=tcp:127.0.0.1:${port}-:9975`, device, "--platform qemu");
      const guest = await startGuest(["httpd"], words, port);
      const url = `http://127.0.0.1:${port}`;
      let output = "";
      try {
        assertEquals((await curl(`${url}/hello.txt`)).text, "Hello from the unikernel!\n");
        const [body, digest] = [await curl(`${url}/big/2`), await curl(`${url}/big/2.sha256`)];
        assertEquals(await sha256(body.out as Uint8Array<ArrayBuffer>), digest.text.split(" ")[0]);
        // One after the other: QEMU 7.2 listens with a backlog of 1, so that of many at once the host drops some, and
        // they try again after seconds (ListenOverflows in /proc/net/netstat).
        const { text } = await curl(
          ...[
            "-H",
            "Connection: close",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}\n",
            `${url}/hello.txt?[1-50]`,
          ],
        );
        assertEquals(text, "200\n".repeat(50));
      } finally {
        output = await guest.stop();
      }
      assert(!/ERROR|panic/i.test(output), output);
    },
  });
}
