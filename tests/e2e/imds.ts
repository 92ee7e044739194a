/**
 * The metadata service of every node, on 169.254.169.254: who asks is told by the address of the
 * caller. It speaks version 2 strictly, as an instance that requires it.
 */

export interface Metadata {
  instance: string;
  account: string;
  region: string;
  vpc: string;
  subnet: string;
  address: string;
  /** Of the role, as IMDS shows them; null: the instance has no role. */
  credentials: Record<string, string> | null;
  /** Tags, where the instance may see them; null: they are not shown. */
  tags: Record<string, string> | null;
  lifecycle: string | null;
}

/** What else an early boot is like. */
export interface Trouble {
  /** The first so many requests are answered 401. */
  refuseFirst: number;
}

export class MetadataService {
  readonly nodes = new Map<string, Metadata>();
  readonly troubles = new Map<string, Trouble>();
  readonly #tokens = new Map<string, string>();
  readonly #server: Deno.HttpServer;

  constructor(hostname: string, port: number) {
    const options = { hostname, port, onListen: (): void => {} };
    this.#server = Deno.serve(
      options,
      (request, { remoteAddr }) => this.#answer(request, (remoteAddr as Deno.NetAddr).hostname),
    );
  }

  close(): Promise<void> {
    return this.#server.shutdown();
  }

  #answer(request: Request, peer: string): Response {
    const node = this.nodes.get(peer);
    if (!node) return new Response("no such instance", { status: 404 });
    const trouble = this.troubles.get(peer);
    if (trouble && trouble.refuseFirst-- > 0) return new Response("Unauthorized", { status: 401 });
    const path = new URL(request.url).pathname.replace(/\/+$/, "");
    if (request.method === "PUT" && path === "/latest/api/token") return this.#token(request, peer);
    const token = request.headers.get("X-aws-ec2-metadata-token") ?? "";
    if (this.#tokens.get(token) !== peer) return new Response("Unauthorized", { status: 401 });
    const text = pathsOf(node)[path];
    return text === undefined
      ? new Response("Not Found", { status: 404 })
      : new Response(text, { headers: { "Content-Type": "text/plain" } });
  }

  #token(request: Request, peer: string): Response {
    const ttl = Number(request.headers.get("X-aws-ec2-metadata-token-ttl-seconds"));
    if (!(ttl >= 1 && ttl <= 21_600)) return new Response("Bad Request", { status: 400 });
    const token = crypto.randomUUID();
    this.#tokens.set(token, peer);
    return new Response(token, { headers: { "X-aws-ec2-metadata-token-ttl-seconds": `${ttl}` } });
  }
}

function pathsOf(node: Metadata): Record<string, string> {
  const last = Number(node.address.split(".").at(-1));
  const mac = `02:00:0a:4d:00:${last.toString(16).padStart(2, "0")}`;
  const meta = "/latest/meta-data";
  const nic = `${meta}/network/interfaces/macs/${mac}`;
  const paths: Record<string, string> = {
    "/latest/dynamic/instance-identity/document": JSON.stringify({
      accountId: node.account,
      architecture: "x86_64",
      availabilityZone: `${node.region}a`,
      imageId: "ami-0e2e",
      instanceId: node.instance,
      instanceType: "t3.small",
      pendingTime: "2024-01-01T00:00:00Z",
      privateIp: node.address,
      region: node.region,
      version: "2017-09-30",
    }),
    [`${meta}/instance-id`]: node.instance,
    [`${meta}/local-ipv4`]: node.address,
    [`${meta}/mac`]: mac,
    [`${meta}/network/interfaces/macs`]: `${mac}/`,
    [`${nic}/vpc-id`]: node.vpc,
    [`${nic}/subnet-id`]: node.subnet,
    [`${nic}/local-ipv4s`]: node.address,
    [`${nic}/owner-id`]: node.account,
    [`${meta}/placement/region`]: node.region,
    [`${meta}/placement/availability-zone`]: `${node.region}a`,
    [`${meta}/services/partition`]: "aws",
    [`${meta}/services/domain`]: "amazonaws.com",
  };
  if (node.lifecycle !== null) paths[`${meta}/autoscaling/target-lifecycle-state`] = node.lifecycle;
  if (node.credentials) {
    paths[`${meta}/iam/security-credentials`] = "swarm-join";
    paths[`${meta}/iam/security-credentials/swarm-join`] = JSON.stringify(node.credentials);
  }
  if (node.tags) {
    paths[`${meta}/tags/instance`] = Object.keys(node.tags).join("\n");
    for (const [key, value] of Object.entries(node.tags)) {
      paths[`${meta}/tags/instance/${key}`] = value;
    }
  }
  return paths;
}
