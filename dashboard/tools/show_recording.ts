import { wallClock } from "../../devices/host/mod.ts";
import type { Recorder } from "../../verify/record/mod.ts";
import { Server } from "../worker/serve.ts";
import { inSlices } from "../worker/slices.ts";
import type { Page } from "./page_server.ts";

/** Lets pages look at a recording that is finished: for `PageServer`'s `connect`. */
export function showRecording(recorder: Recorder, title: string): (page: Page) => void {
  return (page) => {
    const server = new Server(recorder, {
      kind: "file",
      title,
      canBoot: false,
      canInput: false,
      canFork: false,
    });
    page.onRequest = (request) => inSlices(server.work(request), (reply) => page.post(reply), wallClock.turn);
    page.post({ news: "hello", source: server.source });
    page.post({ news: "progress", progress: server.progress("recorded") });
  };
}
