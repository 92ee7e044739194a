/** Where leaving workers tell the managers what they mean to do. */
import type { Answer, Word } from "../state.ts";

export interface Board {
  /** What this instance has said, or (null) all. What says something else is left out. */
  read(instance: string | null): Promise<Answer<(Word & { instance: string })[]>>;
  /** This instance's own word; null takes it back. */
  write(word: Word | null): Promise<Answer<null>>;
}
