/** The addresses of this machine's network interfaces, among them those that no metadata knows (`wg0`). */
import { normalAddress } from "../addresses.ts";
import type { Interface } from "../shown.ts";
import type { Answer } from "../state.ts";

/** Every address of every interface, the loopback's and link-local ones included. */
export function readInterfaces(): Answer<Interface[]> {
  try {
    const value = Deno.networkInterfaces().map(({ name, address }) => ({
      name,
      address: normalAddress(address),
    }));
    return { ok: true, value };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const message = `Cannot list this machine's network interfaces: ${error.message}`;
    return { ok: false, fault: { kind: "unusable", message } };
  }
}
