/**
 * The names of tests in a source, without running it: the first text of each call that a statement begins with
 * (`Deno.test("...")`, `onceTest(\`...\`)`, `both("...")`, `test({ name: "..." }`).
 */
export function testNames(source: string): string[] {
  const call = /^[ \t]*([\w.]+)\(\s*(?:\{\s*name:\s*)?("(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/gm;
  const object = /^[ \t]*name:\s*("(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/gm;
  const names = [...source.matchAll(call)].filter((m) => !/^assert/.test(m[1])).map((m) => unquoted(m[2]));
  return [...names, ...[...source.matchAll(object)].map((m) => unquoted(m[1]))];
}

/** Whether a source has a test of this name (see {@link TestName}). */
export function hasTest(source: string, name: string): boolean {
  const [test, ...cases] = name.split(" > ");
  if (!testNames(source).some((written) => fits(written, test))) return false;
  return cases.every((text) => source.includes(JSON.stringify(text)) || source.includes(`\`${text}\``));
}

/** Letters that a template must have besides what it fills in, to stand for the names that it makes. */
const ENOUGH = 12;

/** `written` is a name in the source, perhaps a template. */
function fits(written: string, name: string): boolean {
  if (written === name) return true;
  const parts = written.split(/\$\{(?:[^{}]|\{[^}]*\})*\}/);
  if (parts.length === 1 || parts.join("").length < ENOUGH) return false;
  const escaped = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".+")}$`, "s").test(name);
}

function unquoted(literal: string): string {
  return literal.slice(1, -1).replace(/\\(["'`\\])/g, "$1");
}
