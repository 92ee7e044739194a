/** What a swarm needs of AWS, and what lacks of it in the resources that Terraform has made, or would make. */
import { isDeepStrictEqual } from "node:util";
import { parseEnvFile } from "../../src/cli/env_file.ts";
import type { Resource } from "./terraform.ts";
import { type Json, ROOT } from "./tools.ts";

/** What is asked of one swarm. */
export interface Asked {
  name: string;
  store: "tags" | "s3";
  /** Statements that its roles have beside `deploy/iam`'s. */
  extra?: unknown[];
  managers: number;
  workers: { min: number; max: number };
  /** The four lines of the user data. */
  lines: string[];
  settings: Record<string, string>;
}

const KINDS = ["manager", "worker"] as const;
type Kind = typeof KINDS[number];

/** As docs/operations.md has them, "What nodes must reach". */
const PORTS = ["50", "tcp 2377", "tcp 7946", "udp 4789", "udp 7946"];
const HOOKS = [
  ["swarm-join-launching", "autoscaling:EC2_INSTANCE_LAUNCHING", "ABANDON", 900],
  ["swarm-join-terminating", "autoscaling:EC2_INSTANCE_TERMINATING", "CONTINUE", 900],
];

/** Each in words; empty: it is all there. */
export function faultsIn(resources: Resource[], asked: Asked): string[] {
  const faults: string[] = [];
  const same = (what: string, found: unknown, wanted: unknown): void => {
    if (isDeepStrictEqual(found, wanted)) return;
    const [is, not] = [found, wanted].map((value) => `${JSON.stringify(value)}`.slice(0, 2_000));
    faults.push(`${what}: ${is}, not ${not}`);
  };
  const of = (type: string): Resource[] => resources.filter((one) => one.type === type);
  const one = (type: string, kind: string): Json =>
    of(type).find(({ index }) => index === kind)?.values ?? {};
  same(
    "ports",
    of("aws_vpc_security_group_ingress_rule").map(ruleOf).sort(),
    PORTS,
  );
  for (const { values } of of("aws_vpc_security_group_ingress_rule")) {
    // Neither is known before it is made.
    same("who is let in", values.referenced_security_group_id, values.security_group_id);
  }
  same("what goes out", of("aws_vpc_security_group_egress_rule").map(goingOut).sort(), [
    "-1 0.0.0.0/0",
    "-1 ::/0",
  ]);
  for (const kind of KINDS) {
    const { policy } = one("aws_iam_role_policy", kind);
    same(`policy of the ${kind}`, policy && JSON.parse(policy), policyOf(kind, asked));
    const group = one("aws_autoscaling_group", kind);
    const size = kind === "manager"
      ? { min: asked.managers, max: asked.managers + 1 }
      : asked.workers;
    same(`size of the ${kind}s`, { min: group.min_size, max: group.max_size }, size);
    same(`order of the ${kind}s`, group.instance_maintenance_policy, [
      { min_healthy_percentage: 100, max_healthy_percentage: 110 },
    ]);
    same(`hooks of the first ${kind}s`, group.initial_lifecycle_hook?.map(hookOf).sort(), HOOKS);
    const hooks = of("aws_autoscaling_lifecycle_hook").filter(({ values }) =>
      values.autoscaling_group_name === group.name
    );
    same(`hooks of the ${kind}s`, hooks.map(({ values }) => hookOf(values)).sort(), HOOKS);
    const tags = new Map(tagsOf(group));
    same(`role of the ${kind}s`, tags.get("Role"), kind);
    same(`cluster of the ${kind}s`, tags.get("Cluster"), asked.name);
    const template = one("aws_launch_template", kind);
    same(`metadata of the ${kind}s`, template.metadata_options?.map(metadataOf), [
      ["required", 1, "disabled"],
    ]);
    same(`user data of the ${kind}s`, userDataIn(template.user_data), userDataOf(asked));
  }
  return faults;
}

function ruleOf({ values: { ip_protocol, from_port, to_port } }: Resource): string {
  return [ip_protocol, from_port, ...(from_port === to_port ? [] : [to_port])]
    .filter((part) => part !== null && part !== undefined).join(" ");
}

function goingOut({ values: { ip_protocol, cidr_ipv4, cidr_ipv6 } }: Resource): string {
  return `${ip_protocol} ${cidr_ipv4 ?? cidr_ipv6}`;
}

function hookOf(hook: Json): unknown[] {
  return [hook.name, hook.lifecycle_transition, hook.default_result, hook.heartbeat_timeout];
}

function metadataOf(options: Json): unknown[] {
  const { http_tokens, http_put_response_hop_limit, instance_metadata_tags } = options;
  return [http_tokens, http_put_response_hop_limit, instance_metadata_tags];
}

/** Those that each instance gets. */
function tagsOf(group: Resource["values"]): [string, string][] {
  return (group.tag ?? []).filter((tag: Json) => tag.propagate_at_launch)
    .map(({ key, value }: Json) => [key, value]);
}

/** The policy of `deploy/iam`, as README.md has a person fill it in. */
function policyOf(kind: Kind, { name, store, extra = [] }: Asked): unknown {
  const text = Deno.readTextFileSync(`${ROOT}deploy/iam/${kind}-${store}.json`)
    .replaceAll("REGION", "eu-west-1")
    .replaceAll("ACCOUNT", "123456789012")
    .replaceAll("BUCKET", `${name}-123456789012-eu-west-1`)
    .replaceAll("PREFIX", "swarms")
    .replaceAll("autoScalingGroupName/*", `autoScalingGroupName/${name}-${kind}s`);
  const policy = JSON.parse(text);
  return { ...policy, Statement: [...policy.Statement, ...extra] };
}

/** The settings' file that an instance writes when it boots. */
export function settingsIn(base64: string | undefined): string {
  return partsOf(base64)[2] ?? "";
}

/** What comes before the settings, these, and the script after them. */
function userDataIn(base64: string | undefined): unknown {
  const [, before, , script] = partsOf(base64);
  const parsed = parseEnvFile(settingsIn(base64));
  return { before, settings: parsed.ok ? Object.fromEntries(parsed.values) : parsed, script };
}

function partsOf(base64: string | undefined): string[] {
  const bytes = Uint8Array.from(atob(base64 ?? ""), (char) => char.charCodeAt(0));
  const text = new TextDecoder().decode(bytes);
  return /^([^]*)\ncat > \/etc\/swarm-join\.env <<'SETTINGS'\n([^]*?\n)SETTINGS\n([^]*)$/.exec(
    text,
  ) ??
    [];
}

function userDataOf({ lines, settings }: Asked): unknown {
  const script = lines.reduce(
    (text, line) => text.replace(new RegExp(`^${line.replace(/=.*/, "")}=.*$`, "m"), line),
    Deno.readTextFileSync(`${ROOT}deploy/user-data.sh`),
  );
  const docker = Deno.readTextFileSync(`${ROOT}deploy/install-docker.sh`);
  return { before: `#!/bin/sh\nset -eu\n\n${docker}`, settings, script: `\n${script}` };
}
