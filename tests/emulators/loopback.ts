/** Loopback addresses for a VPC of its own, though other labs may run on this machine. */

const NETWORKS_MAX = 100;
const GUARD_HOST = 254;
const GUARD_PORT = 2377;

export interface LoopbackNetwork {
  /** The address of host `n`, 1 to 250. */
  address(n: number): string;
  release(): void;
}

/** Takes the first network 127.77.x.0/24 that no other lab has, and holds it until released. */
export function claimNetwork(): LoopbackNetwork {
  for (let third = 0; third < NETWORKS_MAX; third++) {
    const prefix = `127.77.${third}`;
    try {
      const guard = Deno.listen({ hostname: `${prefix}.${GUARD_HOST}`, port: GUARD_PORT });
      return { address: (n) => `${prefix}.${n}`, release: () => guard.close() };
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error(`All ${NETWORKS_MAX} networks 127.77.x.0/24 are taken by other labs.`);
}
