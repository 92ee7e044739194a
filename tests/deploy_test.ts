/** What an operator copies: the unit, the user data, the policies, and what is made of them. */
import assert from "node:assert/strict";
import { FLAGS } from "../src/cli/flags.ts";
import { readUnit } from "../src/node/unit.ts";
import { CLUSTER_TAG, LEAVING_TAG, METRICS_FOLDERS } from "../src/settings.ts";
import { TEMPLATES, withSources } from "../tools/embed.ts";

const ROOT = new URL("../", import.meta.url);
const POLICIES = ["manager-tags", "worker-tags", "manager-s3", "worker-s3"] as const;

interface Statement {
  Sid: string;
  Effect: string;
  Action: string | string[];
  Resource: string;
  Condition?: { [operator: string]: { [key: string]: unknown } };
}

Deno.test("each policy is valid JSON that IAM takes, and small enough for a role", () => {
  for (const name of POLICIES) {
    const text = read(`deploy/iam/${name}.json`);
    const policy = JSON.parse(text) as { Version: string; Statement: Statement[] };
    assert.equal(policy.Version, "2012-10-17");
    assert.ok(JSON.stringify(policy).length < 2_048, name);
    for (const { Sid, Effect, Resource } of policy.Statement) {
      assert.match(Sid, /^[A-Za-z0-9]+$/);
      assert.ok(["Allow", "Deny"].includes(Effect));
      assert.match(
        Resource,
        /^(?:\*|arn:aws:(?:(?:ec2|autoscaling):REGION:ACCOUNT|autoscaling:\*:\*|s3::):\S+)$/,
      );
    }
  }
});

Deno.test("a policy allows what its role needs, and no action more", () => {
  const reads = ["ec2:DescribeInstances", "ec2:DescribeLaunchTemplateVersions"];
  const hooks = [
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:CompleteLifecycleAction",
    "autoscaling:RecordLifecycleActionHeartbeat",
  ];
  const objects = ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"];
  const want: { [name in typeof POLICIES[number]]: string[] } = {
    "manager-tags": [
      ...reads,
      "ec2:CreateLaunchTemplate",
      "ec2:CreateLaunchTemplateVersion",
      "ec2:CreateTags",
      "ec2:CreateTags",
      "ec2:DeleteLaunchTemplateVersions",
      "ec2:DeleteTags",
    ],
    "worker-tags": [...reads, "ec2:CreateTags", "ec2:DeleteTags"],
    "manager-s3": [...objects, "ec2:DescribeInstances"],
    "worker-s3": [...objects, "ec2:DescribeInstances"],
  };
  for (const name of POLICIES) {
    const allowed = statements(name).filter(({ Effect }) => Effect === "Allow")
      .flatMap(({ Action }) => Action);
    assert.deepEqual(allowed.sort(), [...want[name], ...hooks].sort(), name);
  }
});

Deno.test("only reads that AWS can't restrict are allowed on everything", () => {
  for (const name of POLICIES) {
    for (const { Action, Resource } of statements(name)) {
      if (Resource !== "*") continue;
      for (const action of [Action].flat()) assert.match(action, /^(?:ec2|autoscaling):Describe/);
    }
  }
});

Deno.test("of Auto Scaling a node tells nothing but hooks, and whatever REGION is replaced by", () => {
  for (const name of POLICIES) {
    const found = statements(name).filter(({ Sid }) => Sid === "TellItsHooks");
    const where = name.endsWith("-tags") ? "REGION:ACCOUNT" : "*:*";
    assert.deepEqual(found.map(({ Resource }) => Resource), [
      `arn:aws:autoscaling:${where}:autoScalingGroup:*:autoScalingGroupName/*`,
    ]);
  }
});

for (
  const [name, keys] of [
    ["manager-tags", ["ManagerToken", "WorkerToken", CLUSTER_TAG, LEAVING_TAG]],
    ["worker-tags", LEAVING_TAG],
  ] as const
) {
  Deno.test(`with ${name} a node tags itself only, and only with ${keys}`, () => {
    const tagging = statements(name).find(({ Action }) => Action.includes("ec2:DeleteTags"));
    const { ArnLike, ...conditions } = tagging?.Condition ?? {};
    assert.deepEqual(ArnLike, {
      "ec2:SourceInstanceARN": "arn:aws:ec2:REGION:ACCOUNT:instance/${ec2:InstanceID}",
    });
    const tags = { "aws:TagKeys": keys };
    // For all alone would also hold for a request that names no key, which deletes every tag.
    assert.deepEqual(conditions, {
      "ForAllValues:StringEquals": tags,
      "ForAnyValue:StringEquals": tags,
    });
  });
}

Deno.test("in S3 words of leaving are all that a worker writes, and all that anybody deletes", () => {
  const words = "arn:aws:s3:::BUCKET/PREFIX/*/leaving/i-*";
  const of = (name: string, action: string): string[] =>
    statements(name).filter(({ Action }) => [Action].flat().includes(action))
      .map(({ Resource }) => Resource);
  assert.deepEqual(of("worker-s3", "s3:PutObject"), [words]);
  assert.deepEqual(of("worker-s3", "s3:DeleteObject"), [words]);
  assert.deepEqual(of("manager-s3", "s3:DeleteObject"), [words]);
  // A star is any text, with slashes too: a mark of a cluster that is called "leaving" is no word.
  const isWord = (key: string): boolean => /^PREFIX\/.*\/leaving\/i-.*$/.test(key);
  assert.ok(isWord("PREFIX/default/leaving/i-0abc"));
  for (
    const key of [
      `founded/leaving/${"i".repeat(50)}.id`,
      "leaving/record.json",
      `leaving/tokens/${"i".repeat(50)}/manager`,
      "leaving/conditions",
    ]
  ) assert.ok(!isWord(`PREFIX/${key}`), key);
});

Deno.test("a manager writes its own kind of template only, which it marks as it creates it", () => {
  const conditionOf = (sid: string): unknown =>
    statements("manager-tags").find(({ Sid }) => Sid === sid)?.Condition;
  assert.deepEqual(conditionOf("MarkTheRecordAsItIsCreated"), {
    StringEquals: { "ec2:CreateAction": "CreateLaunchTemplate" },
  });
  assert.deepEqual(conditionOf("WriteTheRecordAndNoOtherTemplate"), {
    StringEquals: { "aws:ResourceTag/swarm-join": "founding-record" },
  });
});

Deno.test("a worker can't read the managers' token in S3", () => {
  const denied = statements("worker-s3").find(({ Effect }) => Effect === "Deny");
  assert.equal(denied?.Resource, "arn:aws:s3:::BUCKET/PREFIX/*/tokens/*/manager");
});

/** After what each unit starts, so that it is stopped before that. */
const AFTER = ["docker.service snap.docker.dockerd.service network-online.target"];
const UNITS = ["swarm-join.service", "one-shot/swarm-join.service", "one-shot/swarm-leave.service"];

for (const path of UNITS) {
  Deno.test(`${path} is stopped before Docker and the network, not with a restart of Docker, and hardened`, () => {
    const has = settingsOf(path);
    assert.deepEqual(has("Unit", "After"), AFTER);
    for (const key of ["Requires", "Requisite", "PartOf", "BindsTo", "Conflicts", "Before"]) {
      assert.deepEqual(has("Unit", key), []);
    }
    assert.deepEqual(has("Install", "WantedBy"), ["multi-user.target"]);
    for (
      const [key, value] of [
        ["NoNewPrivileges", "yes"],
        ["ProtectSystem", "strict"],
        ["ReadWritePaths", ["/run", ...METRICS_FOLDERS.map((folder) => `-${folder}`)].join(" ")],
        ["PrivateTmp", "yes"],
        ["LimitCORE", "0"],
      ] as const
    ) assert.deepEqual(has("Service", key), [value]);
    const keep = unitOf(read("deploy/swarm-join.service")).get("Service");
    for (const [key, value] of keep ?? []) {
      if (/^(?:Exec|Type|Restart|Timeout)/.test(key)) continue;
      assert.deepEqual(has("Service", key), value, `hardened as the first: ${key}`);
    }
  });
}

for (
  const [path, command, wants] of [
    ["swarm-join.service", "/usr/local/bin/swarm-join keep", ""],
    ["one-shot/swarm-join.service", "/usr/local/bin/swarm-join", " swarm-leave.service"],
  ] as const
) {
  Deno.test(`${path} runs on every boot, again for as long as it takes`, () => {
    const has = settingsOf(path);
    assert.deepEqual(has("Unit", "Wants"), [`docker.service network-online.target${wants}`]);
    assert.deepEqual(has("Service", "ExecStart"), [command]);
    // Wrong settings are not tried again; all that may come late is, whatever the exit code.
    assert.deepEqual(has("Service", "ExecCondition"), ["/usr/local/bin/swarm-join settings"]);
    // Not after exit 0: who is out, as its machine goes, would join again.
    assert.deepEqual(has("Service", "Restart"), ["on-failure"]);
    assert.deepEqual(has("Unit", "StartLimitIntervalSec"), ["0"]);
    for (
      const key of ["RestartPreventExitStatus", "RestartForceExitStatus", "SuccessExitStatus"]
    ) assert.deepEqual(has("Service", key), []);
    assert.deepEqual(has("Service", "EnvironmentFile"), []);
    assert.deepEqual(has("Service", "Type"), ["exec"], "the boot does not wait for it");
  });
}

Deno.test("the unit lets it write its lock file, which nobody else can hold", () => {
  const lock = FLAGS.find(({ name }) => name === "lock-file")?.initial ?? "";
  // In a folder of root's: in one that all may write to, anybody could hold the lock.
  assert.match(lock, /^\/run\/[^/]+$/);
});

for (
  const [path, runs, stopMs] of [
    ["", "keep", 130_000],
    ["one-shot/", "join", 10_000],
  ] as const
) {
  Deno.test(`doctor takes deploy/${path}swarm-join.service for what it is, which has the time to end`, () => {
    const folder = new URL(`deploy/${path}`, ROOT).pathname;
    const value = { path: `${folder}/swarm-join.service`, runs, stopMs };
    assert.deepEqual(readUnit([folder]), { ok: true, value });
  });
}

Deno.test("the unit of the leave of who only joins has the time for it", () => {
  const has = settingsOf("one-shot/swarm-leave.service");
  assert.deepEqual(has("Service", "RemainAfterExit"), ["yes"]);
  assert.deepEqual(has("Service", "ExecStop"), [
    "/usr/local/bin/swarm-join leave --if-terminating --timeout 100s",
  ]);
  assert.deepEqual(has("Service", "TimeoutStopSec"), ["120"]);
});

Deno.test("the timer runs the unit of the join again", () => {
  const timer = unitOf(read("deploy/one-shot/swarm-join.timer")).get("Timer");
  assert.deepEqual(timer?.get("Unit"), ["swarm-join.service"]);
  assert.deepEqual(timer?.get("OnUnitInactiveSec"), ["10min"]);
});

for (const paths of [UNITS.slice(0, 1), [...UNITS.slice(1), "one-shot/swarm-join.timer"]]) {
  Deno.test({
    name: `systemd takes ${paths.join(", ")}`,
    ignore: !isInstalled("systemd-analyze"),
    fn: () => {
      const folder = Deno.makeTempDirSync();
      const files = paths.map((path) => {
        const file = `${folder}/${path.split("/").at(-1)}`;
        const unit = read(`deploy/${path}`);
        Deno.writeTextFileSync(file, unit.replaceAll("=/usr/local/bin/swarm-join", "=/bin/true"));
        return file;
      });
      const { stderr } = new Deno.Command("systemd-analyze", { args: ["verify", ...files] })
        .outputSync();
      Deno.removeSync(folder, { recursive: true });
      // Docker's own unit may not be installed here.
      const said = new TextDecoder().decode(stderr).split("\n").filter((line) =>
        line.includes(folder)
      );
      assert.deepEqual(said, []);
    },
  });
}

Deno.test("the user data are a script that EC2 takes, and fetch the unit that keeps and no other", () => {
  const script = read("deploy/user-data.sh");
  const { success } = new Deno.Command("sh", {
    args: ["-n", new URL("deploy/user-data.sh", ROOT).pathname],
  }).outputSync();
  assert.ok(success);
  assert.match(script, /^#!\/bin\/sh\n/);
  assert.ok(script.length < 16_384, "EC2 takes 16 KB");
  assert.deepEqual(
    new Set(script.match(/\bswarm-\w+\.(?:service|timer)\b/g)),
    new Set(["swarm-join.service"]),
  );
});

for (
  const [said, says] of [
    [
      "glibc 2.26",
      /needs glibc 2\.27 or later, and this image has 2\.26; use one with the GNU C library, 2\.27 or newer\n$/,
    ],
    ["glibc 2.9", /has 2\.9;/],
    // As Alpine's says it.
    ["getconf: GNU_LIBC_VERSION: unknown variable", /has none;/],
    ["glibc 2.27", /^curl\n.*can't be fetched; curl says why\n$/s],
    ["glibc 2.100", /^curl\n/],
  ] as const
) {
  const fetches = String(says).includes("curl");
  Deno.test(`where the C library is "${said}", the user data ${fetches ? "go on" : "fetch nothing"}`, () => {
    const folder = Deno.makeTempDirSync();
    const stubs = { getconf: `echo "${said}"`, curl: "echo curl >&2; exit 22", sleep: "" };
    for (const [name, line] of Object.entries(stubs)) {
      Deno.writeTextFileSync(`${folder}/${name}`, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
    }
    const done = new Deno.Command("sh", {
      args: [new URL("deploy/user-data.sh", ROOT).pathname],
      env: { PATH: `${folder}:${Deno.env.get("PATH")}` },
    }).outputSync();
    Deno.removeSync(folder, { recursive: true });
    const stderr = new TextDecoder().decode(done.stderr);
    assert.equal(done.code, 1, stderr);
    assert.match(stderr, says);
    assert.equal(/^curl$/m.test(stderr), fetches);
  });
}

for (const path of TEMPLATES) {
  Deno.test(`${path} has what it takes from other files as it is there (else: make docs)`, () => {
    const text = read(path);
    assert.equal(withSources(text), text);
    const older = text.replace(/^( +)systemctl enable .*\n/m, "");
    assert.notEqual(older, text);
    assert.equal(withSources(older), text);
  });
}

function statements(name: string): Statement[] {
  return JSON.parse(read(`deploy/iam/${name}.json`)).Statement;
}

/** What a unit of `deploy/` says of a key, each time that it does. */
function settingsOf(path: string): (section: string, key: string) => string[] {
  const unit = unitOf(read(`deploy/${path}`));
  return (section, key) => unit.get(section)?.get(key) ?? [];
}

/** A unit's keys by section, each with its values. Throws for a line that is none. */
function unitOf(text: string): Map<string, Map<string, string[]>> {
  const sections = new Map<string, Map<string, string[]>>();
  let section = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const name = /^\[(\w+)\]$/.exec(line)?.[1];
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) sections.set(name, section = new Map());
    else if (key !== undefined && value !== undefined) {
      section.set(key, [...section.get(key) ?? [], value]);
    } else throw new Error(`not a line of a unit: ${line}`);
  }
  return sections;
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

function isInstalled(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"] }).outputSync().success;
  } catch {
    return false;
  }
}
