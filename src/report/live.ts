/**
 * The last line of a terminal, rewritten while a run has something to wait for, and taken away before
 * anything else is printed.
 */

interface LiveOptions {
  write: (text: string) => void;
  columns: () => number;
}

const TICK_MS = 500;
const CLEAR = "\r\x1b[K";

export class Live {
  readonly #options: LiveOptions;
  #text: () => string = () => "";
  #timer: ReturnType<typeof setInterval> | null = null;
  #shown = false;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** Shows what `text` says, again and again, until `stop`; "": nothing. From now on this text. */
  start(text: () => string): void {
    this.#text = text;
    this.#timer ??= setInterval(() => this.#draw(), TICK_MS);
  }

  /** Makes room for another line; the next tick draws again. */
  clear(): void {
    if (!this.#shown) return;
    this.#options.write(CLEAR);
    this.#shown = false;
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.clear();
  }

  #draw(): void {
    const columns = this.#options.columns();
    const line = this.#text();
    if (line === "") return this.clear();
    const fits = line.length < columns ? line : `${line.slice(0, Math.max(0, columns - 2))}…`;
    this.#options.write(`${CLEAR}${fits}`);
    this.#shown = true;
  }
}
