/**
 * Does work in pieces, with pauses in which others have their turn: all of it within the first `slice` milliseconds if it
 * is done by then.
 *
 * @param done is called with what came out, at once if there was no pause.
 */
export function inSlices<T>(
  work: Generator<void, T>,
  done: (result: T) => void,
  pause: () => Promise<void>,
  slice = 4,
): void {
  const go = () => {
    const end = performance.now() + slice;
    do {
      const next = work.next();
      if (next.done) return done(next.value);
    } while (performance.now() < end);
    void pause().then(go);
  };
  go();
}
