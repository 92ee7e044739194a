/**
 * Which of the known words a person most likely meant.
 */

/** The choice that `word` is most likely a slip of: few letters apart, or the beginning of it. */
export function nearest(word: string, choices: readonly string[]): string | null {
  const plain = (text: string): string => text.replaceAll("-", "");
  const ranked = choices
    .map((choice) => ({
      choice,
      apart: word.length > 2 && plain(choice).startsWith(plain(word))
        ? 0
        : distance(plain(word), plain(choice)),
    }))
    .filter(({ choice, apart }) => apart <= Math.max(2, Math.floor(choice.length / 3)))
    .sort((a, b) => a.apart - b.apart);
  return ranked[0]?.choice ?? null;
}

/** Levenshtein's distance: how many letters to insert, delete or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(
        (above[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      ));
    }
  }
  return row[b.length] ?? 0;
}
