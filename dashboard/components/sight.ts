import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

/**
 * Keeps a row of a table in sight within the part that scrolls, when another becomes the row. What the user has scrolled
 * stays as it is otherwise.
 *
 * @param key which row it is.
 */
export function useInSight(key: unknown): RefObject<HTMLTableRowElement> {
  const row = useRef<HTMLTableRowElement>(null);
  useLayoutEffect(() => {
    const box = row.current?.closest<HTMLElement>(".scroll");
    if (row.current === null || box === null || box === undefined) return;
    const head = box.querySelector<HTMLElement>("thead")?.offsetHeight ?? 0;
    const inner = box.getBoundingClientRect(), own = row.current.getBoundingClientRect();
    if (own.top < inner.top + head) box.scrollTop -= inner.top + head - own.top;
    else if (own.bottom > inner.bottom) box.scrollTop += own.bottom - inner.bottom + own.height / 2;
  }, [key]);
  return row;
}
