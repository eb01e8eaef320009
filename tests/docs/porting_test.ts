import { assert, assertEquals } from "@std/assert";
import { onceTest } from "../support/once.ts";

const ROOT = new URL("../../", import.meta.url);
const text = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));

/** Rows of the tables of a document whose heading has this first cell, as cells. */
function rows(document: string, first: string): string[][] {
  const found: string[][] = [];
  let inside = false;
  for (const line of document.split("\n")) {
    if (!line.startsWith("|")) {
      inside = false;
      continue;
    }
    const cells = line.slice(1, -1).split(/(?<!\\) ?\| ?/).map((c) => c.trim());
    if (cells[0] === first) inside = true;
    else if (inside && !/^-+$/.test(cells[0])) found.push(cells);
  }
  return found;
}
const quoted = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((m) => m[1]);

const PORTING = text("docs/porting.md");
const TABLE = rows(PORTING, "Hermit");

onceTest("porting.md: every item of the map has a row, and no other has", () => {
  const map = rows(text("docs/hermit-map.md"), "Hermit").map((r) => r[0]);
  assert(map.length > 30, `${map.length}`);
  assertEquals(TABLE.map((r) => r[0]), map);
});

onceTest("porting.md: every place of the table is there, with the names that it gives", () => {
  let names = 0;
  for (const [item, place] of TABLE) {
    let file: string | undefined;
    for (const word of quoted(place)) {
      if (word.includes("/")) {
        file = text(word);
        continue;
      }
      assert(file !== undefined, `${item}: ${word} stands before any file`);
      const declared = new RegExp(
        `\\b(class|interface|type|const|function\\*?|readonly|abstract|static|override) ${word}\\b`,
      );
      const member = new RegExp(`^  (\\w+ )*${word}(\\?|!)?(<\\w+>)?[(:;]`, "m");
      assert(declared.test(file) || member.test(file), `${item}: no ${word} in ${place}`);
      names++;
    }
  }
  assert(names > 50, `${names} names`);
});

onceTest("porting.md: every state says what it is, and every defect is in the table of defects", () => {
  const defects = rows(text("docs/hermit-defects.md"), "id").map((r) => r[0]);
  assert(defects.includes("D21"));
  for (const [item, place, state] of TABLE) {
    assert(/^(ported|differs|not ported: )/.test(state), `${item}: ${state}`);
    assertEquals(place === "", state.startsWith("not ported"), item);
  }
  for (const [id] of PORTING.matchAll(/\bD\d\d\b/g)) assert(defects.includes(id), id);
  const ids = new Set(TABLE.flatMap(([, , state]) => state.match(/D\d\d/g) ?? []));
  // D19 is as Hermit does it.
  assertEquals(defects.filter((id) => !ids.has(id)), ["D19"]);
});

onceTest("porting.md: what it says of the change is what the code is, and its commands are tasks", () => {
  const line = PORTING.match(/^ {4}- {3}(while .*)$/m)![1];
  assert(text("drivers/virtio/queue_buffers.ts").includes(line), line);
  const { tasks } = JSON.parse(text("deno.json"));
  for (const [, task] of PORTING.matchAll(/deno task (\w+)/g)) assert(task in tasks, task);
  for (const [, link] of PORTING.matchAll(/\]\(([\w-]+\.md)\)/g)) text(`docs/${link}`);
  for (const [, test] of PORTING.matchAll(/`(tests\/[\w/]+\.ts)`/g)) text(test);
});
