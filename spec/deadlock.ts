/** The guest waits, no event is due and no host input can arrive: it would wait for ever. */
export class DeadlockError extends Error {
  override name = "DeadlockError";
}
