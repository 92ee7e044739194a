/**
 * Where EC2, Auto Scaling and a bucket are, in a region of whatever partition: the names that the SDK's own
 * rules give, which are too large to be loaded for three names.
 */
import { isVirtualHostableS3Bucket, parseArn, partition } from "@aws-sdk/core/client";
import { CallFailure } from "./fault.ts";

/** Which of AWS's endpoints: `fips` those by FIPS 140, `dualstack` those that IPv6 reaches too. */
export interface Variant {
  fips: boolean;
  dualstack: boolean;
}

/** Throws a `CallFailure` where the partition has no such endpoint. */
export function servicePlace(
  service: "ec2" | "autoscaling",
  region: string,
  { fips, dualstack }: Variant,
): string {
  const { name, dnsSuffix, dualStackDnsSuffix, supportsFIPS, supportsDualStack } = partition(
    region,
  );
  if (fips && !supportsFIPS) throw unsupported("FIPS", name);
  if (dualstack && !supportsDualStack) throw unsupported("DUALSTACK", name);
  if (dualstack) return `https://${service}${fips ? "-fips" : ""}.${region}.${dualStackDnsSuffix}`;
  // All that these have in GovCloud is by FIPS 140, and has the common name.
  const isNamed = fips && name !== "aws-us-gov";
  return `https://${service}${isNamed ? "-fips" : ""}.${region}.${dnsSuffix}`;
}

/**
 * Where a bucket or an access point is. A bucket has a host name of its own, but for names with dots, which
 * no certificate covers; an access point always has.
 *
 * `endpoint`: another than AWS's. Others' S3 is rarely set up with a host name for each bucket. The SDK
 * refuses it together with a variant, and so does the command line.
 */
export function bucketPlace(
  bucket: string,
  region: string,
  variant: Variant,
  endpoint: string | null,
): string {
  const point = bucket.startsWith("arn:") ? accessPoint(bucket, region) : null;
  if (endpoint !== null) {
    const url = endpoint.replace(/\/+$/, "");
    return point === null ? `${url}/${bucket}` : url.replace("://", `://${point}.`);
  }
  const { name, dnsSuffix, supportsFIPS, supportsDualStack } = partition(region);
  if (variant.fips && (!supportsFIPS || name === "aws-cn")) throw unsupported("FIPS", name);
  if (variant.dualstack && !supportsDualStack) throw unsupported("DUALSTACK", name);
  const kind = `${variant.fips ? "-fips" : ""}${variant.dualstack ? ".dualstack" : ""}`;
  if (point !== null) return `https://${point}.s3-accesspoint${kind}.${region}.${dnsSuffix}`;
  const host = `s3${kind}.${region}.${dnsSuffix}`;
  return isVirtualHostableS3Bucket(bucket, false)
    ? `https://${bucket}.${host}`
    : `https://${host}/${bucket}`;
}

/** The account that an access point belongs to, by its ARN; null: it is a bucket, or an alias. */
export function accountOfPoint(bucket: string): string | null {
  return bucket.startsWith("arn:") ? parseArn(bucket)?.accountId ?? null : null;
}

/** The first label of an access point's host name. */
function accessPoint(arn: string, region: string): string {
  const parsed = parseArn(arn);
  const name = parsed?.resourceId[1] ?? "";
  if (parsed === null || name === "") throw unusable(`${arn} is no access point's ARN`);
  if (parsed.region !== region) {
    throw unusable(
      `the access point ${name} is in ${parsed.region}, and this instance in ${region}: name one in ${region}`,
    );
  }
  const { name: here } = partition(region);
  if (parsed.partition !== here) {
    throw unusable(`the access point ${name} is in ${parsed.partition}, and ${region} in ${here}`);
  }
  return `${name}-${parsed.accountId}`;
}

function unsupported(which: "FIPS" | "DUALSTACK", name: string): CallFailure {
  const variable = `AWS_USE_${which}_ENDPOINT`;
  return unusable(
    `the partition ${name} has no such endpoints as ${variable} asks for: leave it out`,
  );
}

function unusable(message: string): CallFailure {
  return new CallFailure({ kind: "unusable", message });
}
