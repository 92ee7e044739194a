/** Chance from a seed: the same seed, the same draws, on every machine. */
export interface Dice {
  /** In [0, 1). */
  next(): number;
  /** A whole number from 0 to n - 1. */
  below(n: number): number;
  /** True this often (0 to 1). */
  chance(often: number): boolean;
  between(low: number, high: number): number;
  pick<T>(list: readonly T[]): T;
}

/** Sfc32 by Chris Doty-Humphrey (public domain), seeded by a 32-bit mix of the seed. */
export function createDice(seed: number): Dice {
  let a = mix(seed);
  let b = mix(a ^ 0x9e3779b9);
  let c = mix(b ^ 0x243f6a88);
  let d = 1;
  const next = (): number => {
    const t = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t | 0;
    return (t >>> 0) / 4294967296;
  };
  for (let i = 0; i < 12; i++) next();
  return {
    next,
    below: (n) => Math.floor(next() * n),
    chance: (often) => often > 0 && next() < often,
    between: (low, high) => low + next() * (high - low),
    pick: (list) => list[Math.floor(next() * list.length)]!,
  };
}

function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
