/** A set of states by two 32-bit hashes of them: two states are taken for one with odds of 2^-64 a pair. */
export class Seen {
  #table: Uint32Array;
  #mask: number;
  #count = 0;

  constructor(bits = 20) {
    this.#table = new Uint32Array(2 << bits);
    this.#mask = (1 << bits) - 1;
  }

  get size(): number {
    return this.#count;
  }

  /** Adds; false when it was there. */
  add(ints: ArrayLike<number>, length: number): boolean {
    if (this.#count * 2 > this.#mask) this.#grow();
    const [a, b] = hash(ints, length);
    return this.#put(a, b);
  }

  has(ints: ArrayLike<number>, length: number): boolean {
    const [a, b] = hash(ints, length);
    let slot = a & this.#mask;
    for (;;) {
      const x = this.#table[2 * slot]!;
      const y = this.#table[2 * slot + 1]!;
      if (x === 0 && y === 0) return false;
      if (x === a && y === b) return true;
      slot = (slot + 1) & this.#mask;
    }
  }

  #put(a: number, b: number): boolean {
    let slot = a & this.#mask;
    for (;;) {
      const x = this.#table[2 * slot]!;
      const y = this.#table[2 * slot + 1]!;
      if (x === 0 && y === 0) break;
      if (x === a && y === b) return false;
      slot = (slot + 1) & this.#mask;
    }
    this.#table[2 * slot] = a;
    this.#table[2 * slot + 1] = b;
    this.#count++;
    return true;
  }

  #grow(): void {
    const old = this.#table;
    this.#mask = this.#mask * 2 + 1;
    this.#table = new Uint32Array(old.length * 2);
    this.#count = 0;
    for (let i = 0; i < old.length; i += 2) {
      if (old[i] !== 0 || old[i + 1] !== 0) this.#put(old[i]!, old[i + 1]!);
    }
  }
}

const result: [number, number] = [0, 0];

function hash(ints: ArrayLike<number>, length: number): [number, number] {
  let a = 0x9e3779b9 | 0;
  let b = 0x85ebca6b | 0;
  for (let i = 0; i < length; i++) {
    const x = ints[i]! | 0;
    a = Math.imul(a ^ x, 0xcc9e2d51);
    a = (a << 15) | (a >>> 17);
    a = Math.imul(a, 0x1b873593) ^ b;
    b = Math.imul(b ^ (x + 0x7f4a7c15), 0x2545f491);
    b = ((b << 13) | (b >>> 19)) ^ a;
  }
  a ^= a >>> 16;
  a = Math.imul(a, 0x85ebca6b);
  a ^= a >>> 13;
  b ^= b >>> 15;
  b = Math.imul(b, 0xc2b2ae35);
  b ^= b >>> 16;
  result[0] = a >>> 0;
  result[1] = (b ^ 1) >>> 0 || 1;
  return result;
}
