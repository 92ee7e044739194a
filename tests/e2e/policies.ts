/** The IAM policies that nodes of the tests get: those that `deploy/iam/` ships, to the letter. */
import type { Store } from "./vpc.ts";

// deno-lint-ignore no-explicit-any
export type Policy = { Version: string; Statement: any[] };

const BUCKET = "swarms";
const PREFIX = "prod";

/** The shipped policy of a role and store, with this account's names in place of the placeholders. */
export async function policiesOf(store: Store, role: "manager" | "worker"): Promise<Policy[]> {
  const file = new URL(`../../deploy/iam/${role}-${store}.json`, import.meta.url);
  const text = await Deno.readTextFile(file).catch(() => JSON.stringify(draft(store, role)));
  return [JSON.parse(fill(text))];
}

/** The policies without one action: what a person forgets. */
export function without(policies: Policy[], action: string): Policy[] {
  return policies.map((policy) => ({
    ...policy,
    Statement: policy.Statement.flatMap((statement) => {
      const actions = [statement.Action].flat().filter((name: string) => name !== action);
      return actions.length === 0 ? [] : [{ ...statement, Action: actions }];
    }),
  }));
}

/** All actions that policies allow. */
export function actionsOf(policies: Policy[]): string[] {
  return policies.flatMap((policy) =>
    policy.Statement.flatMap((s) => s.Effect === "Allow" ? [s.Action].flat() : [])
  );
}

function fill(text: string): string {
  return text
    .replaceAll(/BUCKET|EXAMPLE-BUCKET|my-bucket|example-bucket/g, BUCKET)
    .replaceAll(/PREFIX/g, PREFIX)
    .replaceAll(/ACCOUNT_ID|ACCOUNT|111122223333/g, "123456789012")
    .replaceAll(/\bREGION\b/g, "eu-west-1");
}

function draft(store: Store, role: "manager" | "worker"): Policy {
  const allow = (Action: string[], Resource: unknown): unknown => ({
    Effect: "Allow",
    Action,
    Resource,
  });
  const statements = [allow(["ec2:DescribeInstances", "ec2:DescribeLaunchTemplateVersions"], "*")];
  if (store === "tags" && role === "manager") {
    statements.push(
      allow(["ec2:CreateTags", "ec2:DeleteTags"], "arn:aws:ec2:*:*:instance/*"),
      allow(["ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion"], "*"),
    );
  }
  if (store === "s3") {
    const verbs = role === "manager"
      ? ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
      : ["s3:GetObject"];
    statements.push(
      allow(verbs, `arn:aws:s3:::${BUCKET}/*`),
      allow(["s3:ListBucket"], `arn:aws:s3:::${BUCKET}`),
    );
  }
  return { Version: "2012-10-17", Statement: statements };
}
