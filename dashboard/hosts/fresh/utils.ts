import { createDefine } from "fresh";

/** Nothing is kept on the server: the machine runs in the page. */
export type State = Record<never, never>;

export const define = createDefine<State>();
