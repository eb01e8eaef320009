import { setImmediate } from "node:timers";
import type { WallClock } from "../machine/pace.ts";

/** Below this many nanoseconds `setTimeout`, which counts in milliseconds and is late by one, is not used. */
const FINE = 1_500_000;
/** Goes of the event loop after which Deno has looked at its sockets, also when it always has something to do. */
const TURN = 64;

/** The host's clock, for machines with peers that live by it. */
export const wallClock: WallClock = {
  now: () => performance.now() * 1e6,

  after(ns, wake) {
    let cancelled = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const at = performance.now() + ns / 1e6;
    // Waits coarsely as long as that is not too long, then by looking again and again, which lets sockets in.
    const look = () => {
      if (cancelled) return;
      const left = at - performance.now();
      if (left <= 0) return wake();
      if (left * 1e6 < FINE) setImmediate(look);
      else timer = setTimeout(look, Math.min(left - 1, 2 ** 31 - 1));
    };
    // Never at once: the caller has yet to learn how to cancel it.
    if (ns < FINE) setImmediate(look);
    else look();
    return () => {
      cancelled = true;
      clearTimeout(timer);
    };
  },

  turn() {
    return new Promise((resolve) => {
      let left = TURN;
      const go = () => --left > 0 ? void setImmediate(go) : resolve();
      go();
    });
  },
};
