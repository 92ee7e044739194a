/**
 * What `settings` prints: every flag and each variable that is set, with its value and where that is from.
 */
import type { Setting } from "./sources.ts";

/** `file`: the settings' file, if there is one. */
export function settingsText(
  settings: readonly Setting[],
  { file, json }: { file: string | null; json: boolean },
): string {
  if (json) return `${JSON.stringify({ file, settings })}\n`;
  const width = (cells: readonly string[]): number => Math.max(...cells.map((cell) => cell.length));
  const values = settings.map(({ text }) => text ?? "");
  const [first, second] = [width(settings.map(({ name }) => name)), Math.min(width(values), 40)];
  return settings.map(({ name, text, from }) => {
    const place = text === null ? "" : from === "file" ? file : from;
    return `${name.padEnd(first)}  ${(text ?? "-").padEnd(second)}  ${place}`.trimEnd() + "\n";
  }).join("");
}
