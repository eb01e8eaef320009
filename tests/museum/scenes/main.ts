/** Plays one scene in a process of its own, and prints what came of it as JSON: `deno run -A tests/museum/scenes/main.ts NAME`. */
import { SCENES } from "./mod.ts";
import { play } from "./stage.ts";

const [name] = Deno.args;
const scene = Object.hasOwn(SCENES, name) ? SCENES[name] : undefined;
if (scene === undefined) {
  console.error(`no scene '${name}'; there are ${Object.keys(SCENES).join(", ")}`);
  Deno.exit(2);
}
console.log(JSON.stringify(await play(scene)));
