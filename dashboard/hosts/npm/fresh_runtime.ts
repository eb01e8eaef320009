/** What of `fresh/runtime` the shared files use, for the host without Fresh. */
import { type ComponentChildren, Fragment, h, type VNode } from "preact";
import { createPortal } from "preact/compat";

export const IS_BROWSER = typeof document !== "undefined";
/** Fresh adds a version; files here are named by what is in them, or served without a cache. */
export const asset = (path: string): string => path;
/** Puts what is in it into the document's head. */
export function Head({ children }: { children?: ComponentChildren }): VNode {
  return IS_BROWSER ? createPortal(children, document.head) as VNode : h(Fragment, null);
}
