/** Gives equal values one small number; renames the machines in them for symmetry. */
export class Intern<T> {
  readonly #ids = new Map<string, number>();
  readonly #values: (T | undefined)[] = [];
  readonly #keys: string[] = [];
  readonly #renamed: number[][];
  readonly #shapes: number[] = [];

  constructor(renamings: number) {
    this.#renamed = Array.from({ length: renamings }, () => []);
  }

  id(key: string, value: () => T): number {
    const known = this.#ids.get(key);
    if (known !== undefined) {
      this.#values[known] ??= value();
      return known;
    }
    this.#values.push(value());
    return this.#add(key);
  }

  value(id: number): T {
    return this.#values[id]!;
  }

  /** The number of the same value with its machines renamed. */
  renamed(id: number, renaming: number, rename: (key: string) => string): number {
    const table = this.#renamed[renaming]!;
    return table[id] ??= this.#named(rename(this.#keys[id]!));
  }

  /** Equal for values that a renaming makes equal. */
  shape(id: number): number {
    return this.#shapes[id] ??= this.#named(`shape ${withoutNames(this.#keys[id]!)}`);
  }

  get size(): number {
    return this.#keys.length;
  }

  #named(key: string): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#values.push(undefined);
    return this.#add(key);
  }

  #add(key: string): number {
    const id = this.#keys.length;
    this.#ids.set(key, id);
    this.#keys.push(key);
    return id;
  }
}

/** How machines are named in all that a world holds: `i-1`, `10.0.0.1`, `node-1`, `swarm-1.0`, run `r1x2`. */
const NAMES = /(i-|10\.0\.0\.|node-|swarm-|cluster-|\br|#)(\d)/g;

export function renamer(to: number[]): (key: string) => string {
  return (key) => key.replace(NAMES, (_, prefix, digit) => `${prefix}${to[Number(digit)]}`);
}

function withoutNames(key: string): string {
  return key.replace(NAMES, "$1?");
}
