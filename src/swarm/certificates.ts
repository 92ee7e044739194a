/**
 * What the certificates in the Engine's data root tell of its swarm. They are there on every node,
 * with quorum or without, before the Engine can say anything itself.
 *
 * Source: swarmkit `ca/config.go` (names of the files, the digest in a join token) and `node/node.go`
 * (a swarm's root is saved before a node's certificate is asked for).
 */
import { createHash, X509Certificate } from "node:crypto";
import type { Answer } from "../state.ts";

/** `fingerprint` null: there is no root CA. `node` null: no certificate was issued to this node. */
interface Certificates {
  fingerprint: string | null;
  node: NodeCertificate | null;
}

/** `nodeId`: `unknown` for a certificate that can't be understood; this node is a member all the same. */
export interface NodeCertificate {
  nodeId: string;
  /** Null where it can't be understood. */
  clusterId: string | null;
  manager: boolean;
}

/** Reads them below a data root (`DockerRootDir`). Absent files are no fault. */
export async function readCertificates(dataRoot: string): Promise<Answer<Certificates>> {
  const directory = `${dataRoot.replace(/\/+$/, "")}/swarm/certificates`;
  const rootPath = `${directory}/swarm-root-ca.crt`;
  const [root, node] = await Promise.all([
    readBounded(rootPath),
    readBounded(`${directory}/swarm-node.crt`),
  ]);
  if (!root.ok) return root;
  if (!node.ok) return node;
  if (root.value === null && node.value === null && !await isFolder(dataRoot)) {
    const message =
      `Cannot see ${dataRoot}, Docker's data root, which tells of this node's swarm: in a container, mount it there`;
    return { ok: false, fault: { kind: "unreachable", message } };
  }
  if (root.value !== null && !isPem(root.value)) {
    const message =
      `Cannot use ${rootPath}, which names this node's swarm: it holds no certificate`;
    return { ok: false, fault: { kind: "malformed", message } };
  }
  return {
    ok: true,
    value: {
      fingerprint: root.value === null ? null : fingerprintOf(root.value),
      node: node.value === null ? null : parseNodeCertificate(node.value),
    },
  };
}

/**
 * The middle of this swarm's join tokens: base 36 of the SHA-256 of the root CA's file, padded to 50
 * characters. All of the file counts, however many certificates a bundle has.
 */
export function fingerprintOf(rootPem: Uint8Array): string {
  const digest = createHash("sha256").update(rootPem).digest("hex");
  return BigInt(`0x${digest}`).toString(36).padStart(50, "0");
}

/** Whom the certificate was issued to. */
export function parseNodeCertificate(pem: Uint8Array): NodeCertificate {
  const subject = subjectOf(pem);
  return {
    nodeId: /^CN=([0-9a-z]+)$/m.exec(subject)?.[1] ?? "unknown",
    clusterId: /^O=([0-9a-z]+)$/m.exec(subject)?.[1] ?? null,
    manager: /^OU=swarm-manager$/m.test(subject),
  };
}

function subjectOf(pem: Uint8Array): string {
  try {
    return new X509Certificate(pem).subject;
  } catch {
    return "";
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
}

const FILE_BYTES_MAX = 256 * 1024;

function isPem(bytes: Uint8Array): boolean {
  return new TextDecoder().decode(bytes).includes("-----BEGIN CERTIFICATE-----");
}

/** Null: there is no such file. One that is far too long is read as empty. */
async function readBounded(path: string): Promise<Answer<Uint8Array | null>> {
  try {
    const { size } = await Deno.stat(path);
    const bytes = size > FILE_BYTES_MAX ? new Uint8Array() : await Deno.readFile(path);
    return { ok: true, value: bytes };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { ok: true, value: null };
    if (!(error instanceof Error)) throw error;
    const message =
      `Cannot read ${path}, which tells of this node's swarm: ${error.message}; run as root`;
    return { ok: false, fault: { kind: "denied", message, permission: `read ${path}` } };
  }
}
