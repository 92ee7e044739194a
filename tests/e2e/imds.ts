/**
 * The metadata service of every node, on 169.254.169.254: who asks is told by the address of the
 * caller. It speaks version 2 strictly, as an instance that requires it.
 */
import { serveHttp } from "../emulators/http.ts";
import { imdsHandler, type ImdsInstance } from "../emulators/imds.ts";
import { Wire } from "../emulators/wire.ts";

export class MetadataService {
  /** By address. Who is not in it gets no answer. */
  readonly nodes = new Map<string, ImdsInstance>();
  /** What else an early boot is like. */
  readonly wire = new Wire();

  constructor(hostname: string, port: number) {
    const whoAsks = ({ peer }: { peer: Deno.NetAddr | null }): ImdsInstance | null =>
      this.nodes.get(peer?.hostname ?? "") ?? null;
    serveHttp(Deno.listen({ hostname, port }), imdsHandler(this.wire, whoAsks));
  }
}
