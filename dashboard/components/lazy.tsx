import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";

/**
 * A component whose script is loaded when it is first drawn, so that the first view does not wait for all others.
 *
 * `lazy(() => import("../islands/Frames.tsx"))`
 */
export function lazy(load: () => Promise<{ default: ComponentType }>): ComponentType {
  const found = signal<ComponentType | undefined>(undefined);
  const failed = signal("");
  return function Lazy() {
    useEffect(() => {
      if (found.value !== undefined) return;
      load().then((module) => found.value = module.default, (error) => failed.value = String(error));
    }, []);
    const Component = found.value;
    if (Component !== undefined) return <Component />;
    return <p class="nothing" role="status">{failed.value === "" ? "loading" : failed.value}</p>;
  };
}
