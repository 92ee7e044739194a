/** Gives equal values one small number. */
export class Intern<T> {
  readonly #ids = new Map<string, number>();
  readonly #values: T[] = [];

  id(key: string, value: () => T): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#values.length;
    this.#ids.set(key, id);
    this.#values.push(value());
    return id;
  }

  value(id: number): T {
    return this.#values[id]!;
  }
}
