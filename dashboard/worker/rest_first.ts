import { DEMO_SETUP } from "../lib/link.ts";
import type { Calls, Reply, Request } from "../lib/protocol.ts";

/** Whether this works without what {@link loadRest} brings: all that looks on, and booting the demo machine. */
function needsNoRest(request: Request): boolean {
  if (request.call === "input") return false;
  if (request.call !== "boot") return true;
  const { setup } = request.args as Calls["boot"]["args"];
  return setup.app === "shell" && !setup.strict && setup.words === DEMO_SETUP[setup.transport]?.words;
}

/**
 * Takes requests in order, and loads the rest before the first that needs it; those that only look on need not wait.
 *
 * @param serve answers a request.
 * @param loadRest is called once; called again after it has failed.
 * @param post for the answer where it fails.
 */
export function restFirst(
  serve: (request: Request) => void,
  loadRest: () => Promise<void>,
  post: (reply: Reply) => void,
): (request: Request) => void {
  let loaded = false;
  const waiting: Request[] = [];
  const load = async () => {
    try {
      await loadRest();
      loaded = true;
      for (const request of waiting.splice(0)) serve(request);
    } catch (error) {
      const why = `the rest of the kernel cannot be loaded: ${
        error instanceof Error ? error.message : error
      }`;
      for (const { id } of waiting.splice(0)) post({ id, error: why });
    }
  };
  return (request) => {
    const acts = request.call === "boot" || request.call === "input" || request.call === "hold";
    if (loaded || needsNoRest(request) && !(acts && waiting.length > 0)) return serve(request);
    if (waiting.push(request) === 1) void load();
  };
}
