/** A session with a machine behind the worker's protocol, in this process. */
import { TRANSPORT } from "#transport";
import { DEMO_SETUP } from "../../dashboard/lib/link.ts";
import type { Port, Request, Setup } from "../../dashboard/lib/protocol.ts";
import { Session } from "../../dashboard/lib/session.ts";
import { serveMachine } from "../../dashboard/worker/machine.ts";

/** A port to a machine's server; messages are copied as a worker's would be, and arrive later. */
export function machinePort(limit?: number): Port {
  let closed = false;
  const later = (f: () => void) => queueMicrotask(() => closed || f());
  const port: Port = {
    send(message) {
      const copy = structuredClone(message) as Request;
      later(() => serve(copy));
    },
    onMessage: undefined,
    onClose: undefined,
    close() {
      closed = true;
      serve.close();
    },
  };
  const serve = serveMachine(TRANSPORT, (message) => {
    const copy = structuredClone(message);
    later(() => port.onMessage?.(copy));
  }, limit);
  return port;
}

/** The demo machine without network: nothing is left to do while it waits for input. */
export function quietSetup(more: Partial<Setup> = {}): Setup {
  const setup = DEMO_SETUP[TRANSPORT];
  const words = setup.words.replace(/ -netdev.*$/, "");
  return { ...setup, words, ...more };
}

/** Waits until a condition on signals holds; fails with a sentence after some seconds. */
export async function until(what: string, condition: () => boolean, ms = 10_000): Promise<void> {
  for (let left = ms; !condition(); left -= 5) {
    if (left < 0) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A booted session; `using` ends machine and session. */
export async function booted(setup: Setup = quietSetup()): Promise<Session & Disposable> {
  const session = Object.assign(new Session(() => machinePort()), {
    [Symbol.dispose]() {
      session.close();
    },
  });
  if (!await session.boot(setup)) throw new Error(session.error.value);
  await idle(session);
  return session;
}

/** Until the guest waits for input and the page has seen all of it. */
export async function idle(session: Session): Promise<void> {
  await until(`an idle machine (${session.error})`, () => {
    const { machine, length } = session.progress.value;
    return machine === "idle" && session.live.value && session.moment.value.state.at === length - 1;
  });
}

/** What the console shows at the session's moment. */
export function screen(session: Session): string {
  const [text] = Object.values(session.moment.value.console);
  return new TextDecoder().decode(text);
}
