/** The IAM policies that nodes of the tests get: those that `deploy/iam/` ships, to the letter. */
import type { Store } from "./vpc.ts";

// deno-lint-ignore no-explicit-any
export type Policy = { Version: string; Statement: any[] };

const BUCKET = "swarms";
const PREFIX = "prod";

/** The shipped policy of a role and store, with this account's names in place of the placeholders. */
export async function policiesOf(store: Store, role: "manager" | "worker"): Promise<Policy[]> {
  const file = new URL(`../../deploy/iam/${role}-${store}.json`, import.meta.url);
  return [JSON.parse(fill(await Deno.readTextFile(file)))];
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
    .replaceAll("BUCKET", BUCKET)
    .replaceAll("PREFIX", PREFIX)
    .replaceAll("ACCOUNT", "123456789012")
    .replaceAll("REGION", "eu-west-1");
}
