/**
 * Where EC2, Auto Scaling and S3 are, in each region of each partition that the SDK knows: as its own rules for endpoints
 * have it, with FIPS and dual stack; and what is said where there is no such place.
 */
import assert from "node:assert/strict";
import { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import { EC2Client } from "@aws-sdk/client-ec2";
import { S3Client } from "@aws-sdk/client-s3";
import { CallFailure } from "../../../src/aws/fault.ts";
import { bucketPlace, servicePlace, type Variant } from "../../../src/aws/sdk_places.ts";

const PARTITIONS = new URL(
  "../../../node_modules/@aws-sdk/core/dist-es/submodules/client/util-endpoints/lib/aws/partitions.js",
  import.meta.url,
);
const { partitionsInfo: { partitions } } = await import(PARTITIONS.href) as {
  partitionsInfo: { partitions: { id: string; regions: Record<string, unknown> }[] };
};
const VARIANTS: Variant[] = [
  { fips: false, dualstack: false },
  { fips: true, dualstack: false },
  { fips: false, dualstack: true },
  { fips: true, dualstack: true },
];
const OPTIONS = { region: "us-east-1", credentials: { accessKeyId: "a", secretAccessKey: "b" } };
const autoScaling = new AutoScalingClient(OPTIONS).config;
const ec2 = new EC2Client(OPTIONS).config;
const s3 = new S3Client(OPTIONS).config;

/** What the SDK says to it; "none": it refuses. */
function judged(rules: () => { url: URL }): string {
  try {
    return rules().url.href.replace(/\/$/, "");
  } catch (error) {
    assert.match(String(error), /FIPS|DualStack/);
    return "none";
  }
}

function ours(place: () => string): string {
  try {
    return place();
  } catch (error) {
    assert.ok(error instanceof CallFailure, String(error));
    assert.equal(error.fault.kind, "unusable");
    assert.match(error.fault.message, /AWS_USE_(FIPS|DUALSTACK)_ENDPOINT asks for: leave it out$/);
    return "none";
  }
}

assert.ok(partitions.length >= 8);
for (const { id, regions } of partitions) {
  // The region that stands for all of a partition is none that an instance is in; a new one may come.
  const names = Object.keys(regions).filter((name) => !name.endsWith("-global"));
  const named = [...names, names[0]!.replace(/\d+$/, "77")];

  Deno.test(`EC2 is where the SDK has it, in all ${names.length} regions of ${id}`, () => {
    for (const region of named) {
      for (const variant of VARIANTS) {
        const { fips: UseFIPS, dualstack: UseDualStack } = variant;
        const want = judged(() => ec2.endpointProvider({ Region: region, UseFIPS, UseDualStack }));
        const place = ours(() => servicePlace("ec2", region, variant));
        assert.equal(place, want, JSON.stringify(variant));
      }
    }
  });

  Deno.test(`Auto Scaling is where the SDK has it, in all ${names.length} regions of ${id}`, () => {
    for (const region of named) {
      for (const variant of VARIANTS) {
        const { fips: UseFIPS, dualstack: UseDualStack } = variant;
        const want = judged(() =>
          autoScaling.endpointProvider({ Region: region, UseFIPS, UseDualStack })
        );
        const place = ours(() => servicePlace("autoscaling", region, variant));
        assert.equal(place, want, JSON.stringify(variant));
      }
    }
  });

  Deno.test(`a bucket is where the SDK has it, in all ${names.length} regions of ${id}`, () => {
    for (const region of named) {
      const point = `arn:${id}:s3:${region}:123456789012:accesspoint/swarms`;
      for (const Bucket of ["swarm-records", "swarm.records", "swarms-abc123-s3alias", point]) {
        for (const variant of VARIANTS) {
          const { fips: UseFIPS, dualstack: UseDualStack } = variant;
          const want = judged(() =>
            s3.endpointProvider({ Bucket, Region: region, UseFIPS, UseDualStack })
          );
          const place = ours(() => bucketPlace(Bucket, region, variant, null));
          assert.equal(place, want, `${Bucket} ${JSON.stringify(variant)}`);
        }
      }
    }
  });
}

Deno.test("some partition lacks what the variables ask for, or the test above has seen no refusal", () => {
  assert.equal(ours(() => bucketPlace("b-1", "cn-north-1", VARIANTS[1]!, null)), "none");
});

Deno.test("an access point of another region or partition is refused, and said where it is", () => {
  const refusals: [string, RegExp][] = [
    [
      "arn:aws:s3:us-east-1:123456789012:accesspoint/swarms",
      /swarms is in us-east-1, .* eu-west-1/,
    ],
    ["arn:aws-cn:s3:eu-west-1:123456789012:accesspoint/swarms", /swarms is in aws-cn, .* in aws$/],
  ];
  for (const [bucket, says] of refusals) {
    for (const endpoint of [null, "http://127.0.0.1:9"]) {
      assert.throws(
        () => bucketPlace(bucket, "eu-west-1", VARIANTS[0]!, endpoint),
        (error) =>
          error instanceof CallFailure && error.fault.kind === "unusable" &&
          says.test(error.fault.message),
      );
    }
  }
});
