import { DEMO_SETUP, readHash } from "./link.ts";
import { socketPort } from "./ports.ts";
import type { Session } from "./session.ts";

/**
 * What a page does first: attaches to the machine that its link names (`?attach=TOKEN`, set by whoever serves the page),
 * or boots the set-up in the link, or the demo machine.
 */
export async function start(session: Session, href: string): Promise<void> {
  const url = new URL(href);
  const token = url.searchParams.get("attach");
  if (token !== null) {
    const socket = new URL(`./socket?token=${encodeURIComponent(token)}`, url);
    socket.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return session.attach(socketPort(new WebSocket(socket)));
  }
  const setup = readHash(url.hash);
  if (await session.boot(setup ?? DEMO_SETUP.pci)) return;
  // A set-up that is wrong stands in the form, to be mended.
  session.setup.value = setup ?? DEMO_SETUP.pci;
}
