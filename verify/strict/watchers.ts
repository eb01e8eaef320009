import type { Finding, Rule, Scene, Watcher } from "./rule.ts";
import type { MachineModel } from "./model/machine.ts";

type Key = keyof Watcher;
type Handler<K extends Key> = NonNullable<Watcher[K]>;

/** One rule's ear for one kind of event. */
interface Ear<K extends Key> {
  readonly rule: Rule;
  readonly hear: Handler<K>;
}

/**
 * The watchers of all rules, by what they listen to. A rule that throws has a fault of its own, which must not reach the
 * driver that it watches: that is reported as a note, and the rule is not asked again.
 */
export class Watchers {
  private readonly lists: { [K in Key]?: Ear<K>[] } = {};
  /** What was thrown by those who are told of findings: not the rule's fault. */
  private passing: unknown;

  constructor(
    rules: readonly Rule[],
    machine: MachineModel,
    private readonly report: (rule: Rule, finding: Finding) => void,
  ) {
    for (const rule of rules) {
      const scene: Scene = { machine, report: (finding) => this.pass(rule, finding) };
      const watcher = rule.watch(scene);
      for (const key of Object.keys(watcher) as Key[]) this.add(key, rule, watcher);
    }
  }

  /** Tells all who listen. */
  tell<K extends Key>(key: K, ...args: Parameters<Handler<K>>): void {
    const list = this.lists[key] as { rule: Rule; hear: (...args: unknown[]) => void }[] | undefined;
    if (list === undefined) return;
    for (let i = 0; i < list.length; i++) {
      try {
        list[i].hear(...args);
      } catch (error) {
        if (error === this.passing) throw error;
        this.drop(list[i].rule, error);
        i--;
      }
    }
  }
  private add<K extends Key>(key: K, rule: Rule, watcher: Watcher): void {
    const handler = watcher[key];
    if (handler === undefined) return;
    const list = this.lists[key] ??= [] as never;
    (list as Ear<K>[]).push({ rule, hear: handler.bind(watcher) as Handler<K> });
  }
  private pass(rule: Rule, finding: Finding): void {
    try {
      this.report(rule, finding);
    } catch (error) {
      this.passing = error;
      throw error;
    }
  }
  private drop(rule: Rule, error: unknown): void {
    for (const list of Object.values(this.lists) as Ear<Key>[][]) {
      for (let i = list.length - 1; i >= 0; i--) if (list[i].rule === rule) list.splice(i, 1);
    }
    this.report({ ...rule, level: "note", hint: "a fault in Pagurus' own rule, not in the driver" }, {
      found: `the rule itself failed, and is not looked at any more: ${error}`,
      expected: "a rule that says whether it is broken",
    });
  }
}
