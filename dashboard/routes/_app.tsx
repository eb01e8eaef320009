import type { PageProps } from "fresh";

/** What is around every page. Under Fresh this is the document itself; the npm host has one already. */
export default function App({ Component }: PageProps) {
  return <Component />;
}
