/**
 * Checks an AWS Signature Version 4, so that a request that AWS would refuse is refused here too.
 *
 * Source: "AWS Signature Version 4 for API requests" in the IAM User Guide.
 */
import { createHash, createHmac } from "node:crypto";
import type { Exchange } from "./http.ts";

/** What an instance gets from IMDS. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
}

export interface Signature {
  accessKeyId: string;
  region: string;
  service: string;
  /** When it was signed, ms since 1970. */
  atMs: number;
  signedHeaders: string[];
  signature: string;
}

/** The signature that a request carries, unchecked; null when it has none, or none that can be read. */
export function signatureOf(headers: Headers): Signature | null {
  const found =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request, *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})$/
      .exec(headers.get("authorization") ?? "");
  const date = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headers.get("x-amz-date") ?? "");
  if (found === null || date === null) return null;
  const [, accessKeyId = "", region = "", service = "", names = "", signature = ""] = found;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = date.slice(1).map(
    Number,
  );
  return {
    accessKeyId,
    region,
    service,
    atMs: Date.UTC(year, month - 1, day, hour, minute, second),
    signedHeaders: names.split(";"),
    signature,
  };
}

/** Whether `credentials` signed exactly this request. */
export function isSignedBy(
  exchange: Exchange,
  signature: Signature,
  credentials: Credentials,
): boolean {
  if (exchange.headers.get("x-amz-security-token") !== credentials.sessionToken) return false;
  const mustBeSigned = ["host", "x-amz-date", "x-amz-security-token"];
  if (!mustBeSigned.every((name) => signature.signedHeaders.includes(name))) return false;
  const [path = "/", query = ""] = exchange.target.split("?", 2);
  const payload = exchange.headers.get("x-amz-content-sha256") ?? sha256(exchange.body);
  if (/^[0-9a-f]{64}$/.test(payload) && payload !== sha256(exchange.body)) return false;
  const canonical = [
    exchange.method,
    // S3 signs the path as sent; other services' paths here are only "/".
    path,
    query.split("&").filter((part) => part !== "")
      .map((part) => (part.includes("=") ? part : `${part}=`)).toSorted().join("&"),
    ...signature.signedHeaders.map((name) =>
      `${name}:${(exchange.headers.get(name) ?? "").trim().replace(/ +/g, " ")}`
    ),
    "",
    signature.signedHeaders.join(";"),
    payload,
  ].join("\n");
  const stamp = exchange.headers.get("x-amz-date") ?? "";
  const scope = `${stamp.slice(0, 8)}/${signature.region}/${signature.service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", stamp, scope, sha256(canonical)].join("\n");
  const key = scope.split("/").reduce<string | Uint8Array>(
    (secret, part) => hmac(secret, part),
    `AWS4${credentials.secretAccessKey}`,
  );
  return createHmac("sha256", key).update(toSign).digest("hex") === signature.signature;
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: string | Uint8Array, data: string): Uint8Array {
  return createHmac("sha256", key).update(data).digest();
}
