import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TRANSPORT } from "#transport";
import { freePort, machineWords, startGuest } from "./support.ts";

/** Two unikernels in processes of their own, neighbours on a wire: `-netdev socket`, whose peer is often slower. */

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

for (const device of ["", ",packed=on", ",packed=on,event_idx=off", ",mrg_rxbuf=off"]) {
  if (Deno.env.get("CAREFUL") === "1") break;
  Deno.test(`one unikernel fetches 4 MiB from another over -netdev socket (virtio-net${device})`, async () => {
    const port = freePort();
    const address = (n: number) => ["-append", `-ip 10.0.5.${n} -mask 255.255.255.0`];
    const server = await startGuest(
      ["httpd"],
      [...machineWords(`socket,id=n0,listen=127.0.0.1:${port}`, device), ...address(1)],
      port,
    );
    try {
      const words = machineWords(`socket,id=n0,connect=127.0.0.1:${port}`, `,mac=52:54:00:00:00:02${device}`);
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--no-check",
          MAIN,
          "wget",
          "http://10.0.5.1:9975/big/4",
          ...words,
          ...address(2),
        ],
        env: { DENO_CONDITIONS: TRANSPORT },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      // A transfer that stalls is a failure, not a wait.
      const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
      const { code, stdout, stderr } = await child.output();
      clearTimeout(timer);
      const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assertEquals(code, 0, text);
      assertStringIncludes(text, "200 OK, 4194304 bytes");
    } finally {
      const output = await server.stop();
      assert(!/ERROR|panic/i.test(output), output);
    }
  });
}
