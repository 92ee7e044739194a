/** What the kernel says of this machine's network interfaces. */
import assert from "node:assert/strict";
import { isIp } from "../../../src/addresses.ts";
import { readInterfaces } from "../../../src/node/interfaces.ts";

/** Reads what the kernel would say so. */
function reading(said: () => Deno.NetworkInterfaceInfo[]): ReturnType<typeof readInterfaces> {
  const original = Deno.networkInterfaces;
  Deno.networkInterfaces = said;
  try {
    return readInterfaces();
  } finally {
    Deno.networkInterfaces = original;
  }
}

Deno.test("a machine has the loopback's address, on an interface with a name", () => {
  const result = readInterfaces();
  assert.ok(result.ok);
  const loopback = result.value.find(({ address }) => address === "127.0.0.1");
  assert.ok(loopback !== undefined && loopback.name !== "");
  for (const { address } of result.value) assert.ok(isIp(address), address);
});

Deno.test("every address of an interface is given, in its one spelling", () => {
  const one = { name: "wg0", mac: "", netmask: "", scopeid: null, cidr: "" };
  const result = reading(() => [
    { ...one, family: "IPv4", address: "10.200.0.3" },
    { ...one, family: "IPv6", address: "FD00:0:0::3" },
  ]);
  assert.deepEqual(result, {
    ok: true,
    value: [{ name: "wg0", address: "10.200.0.3" }, { name: "wg0", address: "fd00::3" }],
  });
});

Deno.test("a kernel that does not say which interfaces there are has not said that there are none", () => {
  const result = reading(() => {
    throw new Deno.errors.NotCapable("Requires sys access");
  });
  assert.ok(!result.ok);
  assert.match(result.fault.message, /network interfaces: Requires sys access/);
});
