import { type Future, PENDING, type Task, wait, type Waker } from "../executor.ts";
import type { Net } from "./net.ts";
import { POLLERR, POLLHUP, POLLNVAL, type Socket } from "./socket.ts";

/** One socket and what is of interest: POLLIN, POLLOUT. Errors and hang-ups always are. */
export interface PollEntry {
  readonly socket: Socket;
  readonly events: number;
}

/**
 * POSIX's `poll`: waits until at least one socket has something, or the time is over.
 *
 * @param timeout nanoseconds; 0 only looks; undefined waits for ever.
 * @returns for each entry what it has (`revents`): all zero when the time was over.
 */
export function poll(net: Net, entries: readonly PollEntry[], timeout?: number): Task<number[]> {
  const { executor } = net;
  const timer = timeout === undefined ? undefined : executor.at(executor.now() + timeout);
  const look = () =>
    entries.map(({ socket, events }) =>
      socket.isClosed ? POLLNVAL : socket.revents() & (events | POLLERR | POLLHUP)
    );
  const future: Future<number[]> = {
    waitingFor: `poll of ${entries.length} sockets`,
    poll(waker: Waker) {
      const found = look();
      if (found.some((events) => events !== 0)) {
        timer?.dropped?.();
        return found;
      }
      if (timer !== undefined && timer.poll(waker) !== PENDING) return found;
      for (const { socket } of entries) socket.changed.register(waker);
      if (entries.length === 0) waker.clone();
      return PENDING;
    },
    dropped: () => timer?.dropped?.(),
  };
  return wait(future);
}
