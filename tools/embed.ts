/**
 * Writes what templates of `deploy/` take from its other files, so that each thing is said once. A block whose
 * header names its source in a comment holds it: `content: | # deploy/user-data.sh`, the file, or what is `after` a
 * line of it; `PolicyDocument: # deploy/iam/worker-s3.json`, a policy for CloudFormation. `make docs`. A test
 * compares them.
 */

const ROOT = new URL("../", import.meta.url);

export const TEMPLATES = ["deploy/user-data.yaml", "deploy/cloudformation/swarm.yaml"];

/** A template with each of its blocks as its source is now. */
export function withSources(template: string): string {
  return template.replace(
    /^( *)(\S.*[:|] # (deploy\/\S+)(?: after (\S+))?\n)(?:\1 +.*\n|\n(?=\1 ))*/gm,
    (_, indent: string, header: string, path: string, line: string | undefined) => {
      const source = Deno.readTextFileSync(new URL(path, ROOT));
      const body = path.endsWith(".json") ? policyOf(source, path) : partOf(source, line);
      // An item of a list begins with its dash; what belongs to its key is deeper than that.
      const depth = indent.length + 2 + (header.startsWith("- ") ? 2 : 0);
      const lines = body.trimEnd().split("\n");
      const deeper = lines.map((text) => text === "" ? "" : " ".repeat(depth) + text);
      return `${indent}${header}${deeper.join("\n")}\n`;
    },
  );
}

function partOf(source: string, begin = ""): string {
  const lines = source.split("\n");
  const at = begin === "" ? 0 : lines.findIndex((line) => line.startsWith(begin)) + 1;
  return lines.slice(at).join("\n").trimStart();
}

/**
 * A policy of `deploy/iam` in the words of CloudFormation, which knows what its capitals stand for, and begins the
 * names that it gives with the stack's and the resource's.
 */
function policyOf(source: string, path: string): string {
  const group = path.includes("/manager-") ? "ManagerGroup" : "WorkerGroup";
  const { Version, Statement } = JSON.parse(source) as {
    Version: string;
    Statement: Record<string, unknown>[];
  };
  const statements = Statement.flatMap((statement) =>
    Object.entries(statement).map(([key, value], i) =>
      `  ${i === 0 ? "- " : "  "}${key}: ${JSON.stringify(substituted(value, group))}`
    )
  );
  return [`Version: "${Version}"`, "Statement:", ...statements].join("\n");
}

function substituted(value: unknown, group: string): unknown {
  if (Array.isArray(value)) return value.map((one) => substituted(one, group));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, v]) => [key, substituted(v, group)]),
    );
  }
  if (typeof value !== "string" || !value.startsWith("arn:aws:")) return value;
  const arn = value.replaceAll("${", "${!").replace("arn:aws:", "arn:${AWS::Partition}:")
    .replace("REGION", "${AWS::Region}").replace("ACCOUNT", "${AWS::AccountId}")
    .replace("GroupName/*", `GroupName/\${AWS::StackName}-${group}-*`)
    .replace("PREFIX", "${BucketPrefix}").replace("BUCKET", "${Of}");
  if (!arn.includes("${Of}")) return { "Fn::Sub": arn };
  const bucket = { "Fn::If": ["MakesBucket", { Ref: "Bucket" }, { Ref: "BucketName" }] };
  return { "Fn::Sub": [arn, { Of: bucket }] };
}

if (import.meta.main) {
  for (const path of TEMPLATES) {
    const file = new URL(path, ROOT);
    Deno.writeTextFileSync(file, withSources(Deno.readTextFileSync(file)));
  }
}
