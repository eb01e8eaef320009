/** Something that wants to be called at a time. */
export interface Timed {
  /** When, in nanoseconds; Infinity: not at all. */
  deadline(): number;
  /** The queue's: the time it is filed under, never later than the deadline; and its place, or -1. */
  filedUnder: number;
  place: number;
}

/**
 * Who is next? A heap that files lazily: a deadline that moves back costs nothing until it would have come. Moving it
 * forward is O(log n).
 */
export class TimerQueue<T extends Timed> {
  declare private readonly heap: T[];

  constructor() {
    this.heap = [];
  }

  get size(): number {
    return this.heap.length;
  }

  /** `item`'s deadline is no later than `at`: to be called whenever it may have come nearer. */
  file(item: T, at: number): void {
    if (item.place >= 0) {
      if (at >= item.filedUnder) return;
      item.filedUnder = at;
      this.up(item.place, item);
      return;
    }
    if (at === Infinity) return;
    item.filedUnder = at;
    this.heap.push(item);
    this.up(this.heap.length - 1, item);
  }

  /** The next deadline, or Infinity. */
  next(): number {
    const { heap } = this;
    while (heap.length > 0) {
      const item = heap[0];
      const deadline = item.deadline();
      if (deadline <= item.filedUnder) return deadline;
      if (deadline === Infinity) this.remove(item);
      else {
        item.filedUnder = deadline;
        this.down(0, item);
      }
    }
    return Infinity;
  }

  /** One whose deadline has come, taken out; or undefined. */
  due(now: number): T | undefined {
    if (this.next() > now) return undefined;
    const item = this.heap[0];
    this.remove(item);
    return item;
  }

  remove(item: T): void {
    const { heap } = this;
    const place = item.place;
    if (place < 0) return;
    item.place = -1;
    const last = heap.pop()!;
    if (last === item) return;
    this.up(place, last);
    this.down(last.place, last);
  }

  private up(place: number, item: T): void {
    const { heap } = this;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (heap[parent].filedUnder <= item.filedUnder) break;
      heap[place] = heap[parent];
      heap[place].place = place;
      place = parent;
    }
    heap[place] = item;
    item.place = place;
  }

  private down(place: number, item: T): void {
    const { heap } = this;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].filedUnder < heap[child].filedUnder) child++;
      if (heap[child].filedUnder >= item.filedUnder) break;
      heap[place] = heap[child];
      heap[place].place = place;
      place = child;
    }
    heap[place] = item;
    item.place = place;
  }
}
