/**
 * What `--store` names: tags, or a place in S3, by S3's own rules for names.
 */
import { isIpv4 } from "../addresses.ts";
import type { Config, S3Store } from "../state.ts";
import { Unfit } from "./values.ts";

type S3Options = Pick<S3Store, "sse" | "kmsKey" | "bucketOwner">;

/** `tags`, or `s3://bucket/prefix`; the bucket may also be an access point, by its alias or its ARN. */
export function store(text: string, options: S3Options): Config["store"] {
  if (text === "tags") {
    const { sse, kmsKey, bucketOwner } = options;
    const flag = kmsKey !== null
      ? "--s3-kms-key"
      : sse !== null
      ? "--s3-sse"
      : bucketOwner !== null
      ? "--s3-bucket-owner"
      : null;
    if (flag !== null) throw new Unfit(`tags, but ${flag} counts only with an s3:// store`);
    return { kind: "tags" };
  }
  if (!text.startsWith("s3://")) throw new Unfit("neither tags nor s3://bucket/prefix");
  const { bucket, segments } = placeOf(text.slice("s3://".length));
  if (segments.at(-1) === "") segments.pop();
  const prefix = segments.join("/");
  if (segments.some((it) => !/^[A-Za-z0-9!_.*'()-]+$/.test(it) || it === "." || it === "..")) {
    throw new Unfit(
      "under a prefix with an empty or unsafe part; use letters, digits and !_.*'()- between slashes",
    );
  }
  if (prefix.length > 512) throw new Unfit("under a prefix of more than 512 characters");
  return { kind: "s3", bucket, prefix, ...options };
}

/** How S3 encrypts: a key means KMS. */
export function encryption(
  sse: S3Store["sse"],
  kmsKey: string | null,
): Pick<S3Store, "sse" | "kmsKey"> {
  if (kmsKey !== null && sse === "AES256") {
    throw new Unfit("AES256, but --s3-kms-key names a key of KMS: leave one of them out");
  }
  return { sse: kmsKey === null ? sse : "aws:kms", kmsKey };
}

/** A KMS key: its id, its alias (`alias/…`), or the ARN of either. */
export function kmsKey(text: string): string {
  if (
    !/^(?:arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:)?(?:alias\/[\w/-]{1,250}|(?:key\/)?[\w-]{1,128})$/
      .test(text)
  ) {
    throw new Unfit("not a KMS key; write its id, its ARN or alias/NAME");
  }
  return text;
}

function placeOf(path: string): { bucket: string; segments: string[] } {
  const [bucket = "", ...segments] = path.split("/");
  if (bucket.startsWith("arn:")) {
    const [name = "", ...below] = segments;
    const arn = `${bucket}/${name}`;
    if (!ACCESS_POINT.test(arn)) {
      throw new Unfit(
        "under an ARN that is no access point's of one region; write " +
          "s3://arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME/prefix",
      );
    }
    return { bucket: arn, segments: below };
  }
  const why = bucketFault(bucket);
  if (why !== null) throw new Unfit(`in a bucket that S3 can't have: ${why}`);
  return { bucket, segments };
}

/** One of many regions has no region in its ARN; its requests are signed in a way of their own. */
const ACCESS_POINT =
  /^arn:aws[a-z-]*:s3:[a-z]{2,}(?:-[a-z]+)+-\d+:\d{12}:accesspoint\/[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$/;

/** What S3 says of names of buckets. An access point's alias (`…-s3alias`) is used like one. */
function bucketFault(bucket: string): string | null {
  if (bucket.length < 3 || bucket.length > 63) return "its name must have 3 to 63 characters";
  if (!/^[a-z0-9][a-z0-9.-]*[a-z0-9]$/.test(bucket)) {
    return "its name must be lower-case letters, digits, dots and hyphens, and begin and end with a letter or digit";
  }
  if (bucket.includes("..")) return "two dots in a row";
  if (isIpv4(bucket)) return "its name looks like an IP address";
  if (/^(?:xn--|sthree-|amzn-s3-demo-)/.test(bucket) || /(?:--ol-s3|--x-s3)$/.test(bucket)) {
    return "its name begins or ends like one that S3 keeps for itself";
  }
  return null;
}
