/** What of `fresh` the shared files use, for the host without Fresh: a page and a layout are what they are there. */
import type { ComponentChildren, FunctionComponent, JSX } from "preact";

export interface PageProps {
  readonly url: URL;
  readonly Component: FunctionComponent;
}
type Part = (props: PageProps) => JSX.Element | ComponentChildren;
export const createDefine = <_State = unknown>() => ({ page: (p: Part) => p, layout: (l: Part) => l });
