/** Rows of small numbers, all of one length, as many as memory holds. */
const CHUNK = 1 << 16;

export class Rows {
  readonly #width: number;
  readonly #chunks: Int32Array[] = [];
  length = 0;

  constructor(width: number) {
    this.#width = width;
  }

  push(row: ArrayLike<number>): void {
    const at = this.length++;
    if (at % CHUNK === 0) this.#chunks.push(new Int32Array(CHUNK * this.#width));
    this.#chunks[(at / CHUNK) | 0]!.set(row, (at % CHUNK) * this.#width);
  }

  at(index: number): Int32Array {
    const base = (index % CHUNK) * this.#width;
    return this.#chunks[(index / CHUNK) | 0]!.subarray(base, base + this.#width);
  }
}
