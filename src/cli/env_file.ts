/**
 * The settings' file: `KEY=VALUE` a line, as systemd's `EnvironmentFile=` takes it, and with `export` before
 * it as those have it who source it in a shell. Nothing is expanded. What is easily misread (a comment
 * behind a value, a quote inside of one) is refused.
 */

/** What is in the file by key, the last of a key that is there twice; or what is wrong with which line, never with a value. */
type EnvFile =
  | { ok: true; values: ReadonlyMap<string, string> }
  | { ok: false; line: number; why: string };

export function parseEnvFile(text: string): EnvFile {
  const values = new Map<string, string>();
  for (const [i, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || /^[#;]/.test(trimmed)) continue;
    const [, key, rest] = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/.exec(trimmed) ?? [];
    if (key === undefined || rest === undefined) return wrong(i, "not KEY=VALUE");
    const value = valueOf(rest);
    if (!value.ok) return wrong(i, `the value of ${key} ${value.why}`);
    values.set(key, value.text);
  }
  return { ok: true, values };
}

function wrong(index: number, why: string): EnvFile {
  return { ok: false, line: index + 1, why };
}

type Value = { ok: true; text: string } | { ok: false; why: string };

/** `text` has no spaces at its ends. */
function valueOf(text: string): Value {
  const quote = /^["']/.exec(text)?.[0];
  if (quote === undefined) {
    if (/\s[#;]/.test(text)) return { ok: false, why: "has a comment behind it: give it a line" };
    return /["'\\]/.test(text)
      ? { ok: false, why: "has a quote or a backslash in it: put all of it into quotes" }
      : { ok: true, text };
  }
  const end = quote === '"' ? /^"((?:[^"\\]|\\.)*)"/.exec(text) : /^'([^']*)'/.exec(text);
  if (end === null) return { ok: false, why: "has no quote at its end, in the same line" };
  const [whole, inner = ""] = end;
  if (whole.length < text.length) return { ok: false, why: "has something behind its quotes" };
  if (quote === "'") return { ok: true, text: inner };
  if (/\\[^"\\$`]/.test(inner.replaceAll("\\\\", ""))) {
    return { ok: false, why: 'has a backslash before something else than ", \\, $ or `' };
  }
  return { ok: true, text: inner.replace(/\\(.)/g, "$1") };
}
