/** What happens next in virtual time: a binary heap, with ties in the order of their making. */
export interface Entry<T> {
  atMs: number;
  order: number;
  what: T;
}

export class Agenda<T> {
  readonly #heap: Entry<T>[] = [];
  #made = 0;

  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  add(atMs: number, what: T): void {
    const heap = this.#heap;
    const entry = { atMs, order: this.#made++, what };
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up]!;
      if (!isBefore(entry, parent)) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = entry;
  }

  take(): Entry<T> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && isBefore(heap[down + 1]!, heap[down]!)) down++;
      if (!isBefore(heap[down]!, last)) break;
      heap[i] = heap[down]!;
      i = down;
    }
    heap[i] = last;
    return first;
  }
}

function isBefore<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
