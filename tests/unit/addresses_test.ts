/** Addresses: one reader of `host:port`, for all forms in which people and the Engine write them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  hostOf,
  isIp,
  isIpv4,
  isIpv6,
  isRange,
  normalAddress,
  rangesOverlap,
  splitAddress,
  withPort,
} from "../../src/addresses.ts";

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

Deno.test("an IPv6 address has one spelling, in which it is compared", () => {
  for (const text of ["fd00::5", "FD00:0:0::5", "fd00:0000:0000:0000:0000:0000:0000:0005"]) {
    assert.equal(normalAddress(text), "fd00::5");
    assert.equal(hostOf(`[${text}]:2377`), "fd00::5");
  }
  // The Engine shows an IPv4 address that a socket of IPv6 accepted as what it is.
  assert.equal(normalAddress("::FFFF:10.0.0.5"), "10.0.0.5");
  for (const text of ["ens5", "10.0.0.5", "fe80::1%ens5", "", "WG0"]) {
    assert.equal(normalAddress(text), text);
  }
});

Deno.test("an IPv6 address is told from IPv4 and from anything else", () => {
  for (const ip of ["::", "fd00::5", "FD00::5", "::ffff:10.0.0.5"]) assert.ok(isIpv6(ip), ip);
  for (
    const other of ["10.0.0.5", "fe80::1%ens5", "[fd00::5]", "fd00::5/64", "a:b", "", "::1]@[::1"]
  ) {
    assert.ok(!isIpv6(other), other);
  }
});

Deno.test("a network is told from an address", () => {
  for (const range of ["10.0.0.0/16", "0.0.0.0/0", "fd00::/8", "2001:db8::/128"]) {
    assert.ok(isRange(range), range);
  }
  for (const other of ["10.0.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/8/8", "/8", "x/8", ""]) {
    assert.ok(!isRange(other), other);
  }
});

Deno.test("two networks overlap exactly if one lies within the other", () => {
  const rows: [string, string, boolean][] = [
    ["10.0.0.0/8", "10.0.0.0/16", true],
    ["10.0.0.0/16", "10.1.0.0/16", false],
    ["10.0.0.0/15", "10.1.0.0/16", true],
    ["172.16.0.0/12", "172.31.255.0/24", true],
    ["172.16.0.0/12", "172.32.0.0/16", false],
    ["0.0.0.0/0", "192.168.0.0/16", true],
    ["2001:db8::/32", "2001:db8:ffff::/48", true],
    ["2001:db8::/33", "2001:db8:ffff::/48", false],
    ["::/0", "10.0.0.0/8", false],
    // What is written behind the network's length is no part of it.
    ["10.0.0.77/24", "10.0.0.0/25", true],
  ];
  for (const [a, b, overlap] of rows) {
    assert.equal(rangesOverlap(a, b), overlap, `${a} and ${b}`);
    assert.equal(rangesOverlap(b, a), overlap, `${b} and ${a}`);
  }
  const ipv4 = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }));
  const ipv6 = fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 }));
  const range = fc.oneof(ipv4, ipv6).map(([ip, bits]) => `${ip}/${bits}`);
  fc.assert(fc.property(range, range, (a, b) => {
    assert.ok(rangesOverlap(a, a));
    assert.equal(rangesOverlap(a, b), rangesOverlap(b, a));
  }));
});
