import type { Finding, Rule, Scene, Watcher } from "./rule.ts";
import type { MachineModel } from "./model/machine.ts";

type Key = keyof Watcher;
type Handler<K extends Key> = NonNullable<Watcher[K]>;

/** The watchers of all rules, by what they listen to. */
export class Watchers {
  private readonly lists: { [K in Key]?: Handler<K>[] } = {};

  constructor(rules: readonly Rule[], machine: MachineModel, report: (rule: Rule, finding: Finding) => void) {
    for (const rule of rules) {
      const scene: Scene = { machine, report: (finding) => report(rule, finding) };
      const watcher = rule.watch(scene);
      for (const key of Object.keys(watcher) as Key[]) this.add(key, watcher);
    }
  }

  /** Tells all who listen. */
  tell<K extends Key>(key: K, ...args: Parameters<Handler<K>>): void {
    const list = this.lists[key] as ((...args: unknown[]) => void)[] | undefined;
    if (list === undefined) return;
    for (let i = 0; i < list.length; i++) list[i](...args);
  }
  private add<K extends Key>(key: K, watcher: Watcher): void {
    const handler = watcher[key];
    if (handler === undefined) return;
    const list = this.lists[key] ??= [] as never;
    (list as Handler<K>[]).push(handler.bind(watcher) as Handler<K>);
  }
}
