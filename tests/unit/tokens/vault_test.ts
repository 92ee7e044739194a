/** Tokens: kept by their mark, and shown by nothing. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import * as fc from "fast-check";
import { Token, Vault } from "../../../src/tokens/vault.ts";

const SECRET = "1abcdefghijklmnopqrstuvwx";
const TEXT = `SWMTKN-1-${"a".repeat(50)}-${SECRET}`;

Deno.test("vault: a token is known by its fingerprint and digest, and given back by its mark", () => {
  const vault = new Vault();
  const mark = vault.keep(TEXT);
  assert.ok(mark !== null);
  assert.equal(mark.fingerprint, "a".repeat(50));
  assert.match(mark.digest, /^[0-9a-f]{16}$/);
  assert.equal(vault.take(mark)?.reveal(), TEXT);
  assert.equal(new Vault().take(mark), null);
});

Deno.test("vault: a FIPS swarm's token is one too", () => {
  assert.ok(new Vault().keep(`SWMTKN-2-1-${"a".repeat(50)}-${SECRET}`) !== null);
});

Deno.test("vault: a token shows itself nowhere", () => {
  const token = new Token(TEXT);
  const shown = [
    `${token}`,
    JSON.stringify({ token }),
    inspect({ token }, { depth: 9, showHidden: true }),
    Deno.inspect({ token }, { depth: 9, showHidden: true }),
    JSON.stringify(Object.entries(token)),
    new Error("x", { cause: token }).stack ?? "",
  ].join("\n");
  assert.ok(!shown.includes(SECRET), shown);
});

Deno.test("vault: anything else is no token (property)", () => {
  fc.assert(fc.property(fc.string(), (text) => assert.equal(new Vault().keep(text), null)));
  for (const text of ["", " ", TEXT + "x", TEXT.slice(1), TEXT.toUpperCase(), ` ${TEXT}`]) {
    assert.equal(new Vault().keep(text), null);
  }
});
