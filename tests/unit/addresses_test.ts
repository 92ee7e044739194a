/** Addresses: one reader of `host:port`, for all forms in which people and the Engine write them. */
import assert from "node:assert/strict";
import { hostOf, isIp, isIpv4, splitAddress, withPort } from "../../src/addresses.ts";

const ROWS: { text: string; host: string; port: string | null; sent: string }[] = [
  { text: "10.0.0.5", host: "10.0.0.5", port: null, sent: "10.0.0.5:2377" },
  { text: "10.0.0.5:2377", host: "10.0.0.5", port: "2377", sent: "10.0.0.5:2377" },
  { text: "10.0.0.5:4789", host: "10.0.0.5", port: "4789", sent: "10.0.0.5:4789" },
  { text: "ens5", host: "ens5", port: null, sent: "ens5:2377" },
  { text: "ens5:2377", host: "ens5", port: "2377", sent: "ens5:2377" },
  { text: "fd00::5", host: "fd00::5", port: null, sent: "[fd00::5]:2377" },
  { text: "[fd00::5]", host: "fd00::5", port: null, sent: "[fd00::5]:2377" },
  { text: "[fd00::5]:2377", host: "fd00::5", port: "2377", sent: "[fd00::5]:2377" },
  { text: "::", host: "::", port: null, sent: "[::]:2377" },
  { text: "::1", host: "::1", port: null, sent: "[::1]:2377" },
];

for (const { text, host, port, sent } of ROWS) {
  Deno.test(`${text} is the host ${host} with ${port === null ? "no port" : `port ${port}`}`, () => {
    assert.deepEqual(splitAddress(text), { host, port });
    assert.equal(hostOf(text), host);
    assert.equal(withPort(text), sent);
    assert.equal(withPort(withPort(text)), sent);
  });
}

Deno.test("no text is the host of no address", () => {
  assert.equal(hostOf(""), "");
});

Deno.test("an IP address is told from the name of an interface", () => {
  for (const ip of ["10.0.0.5", "0.0.0.0", "fd00::5", "::"]) assert.ok(isIp(ip), ip);
  for (const other of ["ens5", "10.0.0", "10.0.0.256", "10.0.0.05", "fd00::zz", ""]) {
    assert.ok(!isIp(other), other);
  }
  assert.ok(!isIpv4("fd00::5"));
});
