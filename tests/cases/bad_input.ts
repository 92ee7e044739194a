/**
 * What a node may find wrong with its surroundings, with AWS, with the record and with the tokens: to
 * each a clear message and the right exit code, and nothing is changed. The lab plays this table on its
 * emulators, and the end-to-end tests on real Engines and moto.
 */
import type { ImdsInstance } from "../emulators/imds.ts";
import type { Service, Wire } from "../emulators/wire.ts";

export type Store = "tags" | "s3";

/** What a store's AWS does to every call. `huge`: answers of 10 MB. */
export type StoreTrouble = "throttled" | "html" | "huge" | "reset" | "denied";

type Done = Promise<void> | void;

/**
 * What can be done to a VPC of fresh nodes: the managers `m1` to `m3` and the worker `w1`, each with an
 * empty Engine.
 */
export interface Bed {
  readonly store: Store;
  /** The lab's calls; end to end only those to the metadata, which is the same emulator. */
  readonly wire: Wire;
  imds(name: string): ImdsInstance;
  /** Runs swarm-join there, one after the other, and each ends well. */
  join(...names: string[]): Promise<void>;
  tag(name: string, tags: Record<string, string | null>): Done;
  /** Changes the record's text where it lies. */
  spoilRecord(edit: (text: string) => string): Done;
  /** Shows this as both tokens: by the node's tags, or in place of the objects that hold tokens. */
  showTokens(name: string, token: string): Done;
  /** Puts the Engine into a swarm of its own, as by hand. */
  initByHand(name: string): Done;
  /** The same at an address that this machine has no more: as a copy of another one's disk. */
  initElsewhere(name: string): Done;
  /** The Engine of a swarm's manager is started again, and asks for the key. */
  lock(name: string): Done;
  /** The Engine of a swarm's member is started again, and finds its certificate spoilt. */
  spoilCertificate(name: string): Done;
  /** A service runs in the swarm that the Engine manages. */
  serve(name: string): Done;
  stopEngine(name: string): Done;
  stopInstance(name: string): Done;
  /** The Engine of one of two managers stops, and that of `m1`, which led them, has noticed. */
  loseQuorum(stopped: string): Done;
  troubleStore(trouble: StoreTrouble): Done;
  /** The bucket is not there; it is in another region. */
  loseBucket(): Done;
  moveBucket(): Done;
  /** The bucket's policy denies a write that does not say how to encrypt. In the lab only. */
  wantEncryption(): Done;
}

export interface BadInput {
  name: string;
  stores: readonly Store[];
  /** Which node runs. */
  who: string;
  env?: Record<string, string>;
  /** Makes the world as it should be found. */
  given?: (bed: Bed) => Done;
  exit: number;
  /** What a person must be told, as the reason or a warning. */
  says: RegExp;
  /** It asks AWS for a write, which is denied. Any other case sends none. */
  asks?: boolean;
  /** Why the end-to-end tests do not play it. */
  labOnly?: string;
}

export const MANAGERS = 3;
export const WORKERS = 1;

const ONE_EMULATOR = "end to end the metadata service is this same emulator";
const REAL_ENGINE = "a real Engine answers nothing like it";
const PERMISSIONS = "end to end takes each permission out of the shipped policies, one by one";
const ONE_ROLE = "end to end a manager stands for both roles";

const BOTH = ["tags", "s3"] as const;
const TAGS = ["tags"] as const;
const S3 = ["s3"] as const;

const PLACE = { zone: "eu-central-1a", type: "t3.small", lifecycle: "on-demand" };

const SURROUNDINGS: BadInput[] = [
  bad("no IMDS at that address", 6, /IMDS/, {
    env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:9" },
  }),
  ...(["silence", "html", "huge"] as const).map((kind) =>
    bad(`an IMDS whose answer is ${kind}`, 6, /IMDS/, {
      given: (bed) => always(bed, "imds", kind),
      labOnly: ONE_EMULATOR,
    })
  ),
  bad("an instance without a role", 4, /role/, {
    stores: BOTH,
    given: (bed) => void (bed.imds("m1").role = null),
  }),
  bad("a spot notice that says nothing", 6, /spot\/instance-action/, {
    given: (bed) => void (bed.imds("m1").spot = "<b>"),
  }),
  bad("a target state that is none", 6, /target-lifecycle-state/, {
    given: (bed) => void (bed.imds("m1").lifecycle = "<b>"),
  }),
  bad("an identity document of an odd zone", 6, /instance-identity\/document/, {
    given: (bed) => void (bed.imds("m1").placement = { ...PLACE, zone: "<b>" }),
  }),
  bad("an instance type that is none", 6, /instance-identity\/document/, {
    given: (bed) => void (bed.imds("m1").placement = { ...PLACE, type: "" }),
  }),
  bad("an instance that is neither on demand nor spot nor anything", 6, /instance-life-cycle/, {
    given: (bed) => void (bed.imds("m1").placement = { ...PLACE, lifecycle: "<b>" }),
  }),
  bad("a machine that Auto Scaling takes away", 3, /Auto Scaling says that i-\w+ goes/, {
    stores: BOTH,
    given: (bed) => void (bed.imds("m1").lifecycle = "Terminated"),
  }),
  bad("a machine with a spot notice", 3, /a spot notice says that i-\w+ goes/, {
    given: (bed) => void (bed.imds("m1").spot = "terminate"),
  }),
  bad("no Engine", 6, /Docker Engine.*docker\.sock/, { given: (bed) => bed.stopEngine("m1") }),
  bad("an Engine's socket where this program may not go", 4, /with the socket in \/run/, {
    env: { DOCKER_HOST: "unix:///opt/docker.sock" },
  }),
  ...(["html", "huge"] as const).map((kind) =>
    bad(`an Engine whose answer is ${kind}`, 6, /Docker Engine/, {
      given: (bed) => always(bed, "engine", kind),
      labOnly: REAL_ENGINE,
    })
  ),
  bad("a locked swarm", 5, /docker swarm unlock/, {
    given: async (bed) => {
      await bed.initByHand("m1");
      await bed.lock("m1");
    },
  }),
  bad("a member in error", 5, /certificate|error/, {
    given: async (bed) => {
      await bed.initByHand("m1");
      await bed.spoilCertificate("m1");
    },
  }),
  bad("a cloned disk", 5, /cloned/, {
    given: (bed) => bed.initElsewhere("m1"),
  }),
  ...([[null, "no such tag"], ["", '""'], ["queen", '"queen"'], [
    "Manager",
    '"Manager"',
  ]] as const).map(([Role, has]) =>
    bad(`a role tag of ${has}`, 2, new RegExp(`must have the tag "Role".*has ${has}`), {
      given: (bed) => bed.tag("m1", { Role }),
    })
  ),
];

const ON_AWS: BadInput[] = BOTH.flatMap((store) => {
  const inTags = store === "tags";
  const troubled = (trouble: StoreTrouble, name: string, exit: number, says: RegExp): BadInput =>
    bad(name, exit, says, { stores: [store], given: (bed) => bed.troubleStore(trouble) });
  return [
    troubled("throttled", "every call throttled", 3, /SlowDown|RequestLimitExceeded/),
    troubled("html", "HTML in place of answers", 3, /answer is not EC2's|answer that is not S3's/),
    troubled("huge", "answers of 10 MB", 3, /longer than|answer that is not S3's/),
    troubled("reset", "every connection reset", 3, /connection/),
    troubled("denied", "every call denied", 4, inTags ? /ec2:Describe/ : /s3:GetObject/),
  ];
});

/** One action is denied to one node of a founded swarm, and everything else is allowed. */
const DENIED: BadInput[] = ([
  ["tags", "w1", "ec2:DescribeLaunchTemplateVersions"],
  ["tags", "w1", "ec2:DescribeInstances"],
  ["tags", "m2", "ec2:CreateLaunchTemplateVersion"],
  ["s3", "w1", "s3:GetObject"],
  ["s3", "m2", "s3:PutObject"],
] as const).map(([store, who, permission]) =>
  bad(`${permission} denied to ${who}`, 4, new RegExp(permission), {
    stores: [store],
    who,
    given: async (bed) => {
      await bed.join("m1");
      const action = permission.split(":")[1] ?? "";
      bed.wire.trouble = (call) =>
        call.node === bed.imds(who).node && call.action.startsWith(action)
          ? { kind: "denied" }
          : null;
    },
    asks: /Create|Put/.test(permission),
    labOnly: PERMISSIONS,
  })
);

const RECORDS: BadInput[] = ["m2", "w1"].flatMap((who) => {
  const spoilt = (what: string, edit: (text: string) => string, says: RegExp): BadInput =>
    bad(`${who} finds ${what}`, 5, says, {
      stores: BOTH,
      who,
      given: async (bed) => {
        await bed.join("m1");
        await bed.spoilRecord(edit);
      },
      ...(who === "w1" ? { labOnly: ONE_ROLE } : {}),
    });
  const other = (key: string, value: unknown) => (text: string): string =>
    JSON.stringify({ ...JSON.parse(text), [key]: value });
  return [
    spoilt("a record that is not JSON", () => "<html>hello</html>", /not JSON/),
    spoilt("half a record", (text) => text.slice(0, 200), /not JSON/),
    spoilt("a record of no format", other("format", 0), /"format" is 0, not an integer/),
    spoilt(
      "a member without an address",
      other("members", [{ instance: null, address: "", sinceMs: 1 }]),
      /"members\[0\]\.address" is "", not an address/,
    ),
    spoilt("a record of a later tool", other("format", 99), /later version/),
    spoilt("a record of another VPC", other("vpc", "vpc-0other"), /vpc-0other/),
    spoilt("a record of another account", other("account", "999999999999"), /999999999999/),
    spoilt("a record of another region", other("region", "us-east-1"), /us-east-1/),
  ];
});

const TOKENS: BadInput[] = [
  ...(["manager", "worker"] as const).flatMap((role) => {
    const who = role === "manager" ? "m2" : "w1";
    const shown = (what: string, token: string): BadInput =>
      // It names the tag, or the object.
      bad(
        `${who} finds ${what}`,
        3,
        new RegExp(`no join token in "([^"]*/)?${role}(Token)?"`, "i"),
        {
          stores: BOTH,
          who,
          given: async (bed) => {
            await bed.join("m1");
            await bed.showTokens("m1", token);
          },
          ...(who === "w1" ? { labOnly: ONE_ROLE } : {}),
        },
      );
    return [shown("tokens that are none", "SWMTKN-1-broken"), shown("empty tokens", "")];
  }),
  bad("no record, and an unfounded swarm's tokens", 3, /no swarm is founded, and i-\w+ shows/, {
    stores: TAGS,
    given: (bed) => bed.showTokens("m2", tokenOf("0")),
  }),
  bad("no record, and two swarms' tokens", 5, /i-\w+, i-\w+ show tokens of 2 swarms/, {
    stores: TAGS,
    given: async (bed) => {
      await bed.showTokens("m2", tokenOf("0"));
      await bed.showTokens("m3", tokenOf("1"));
    },
  }),
];

const PLACES: BadInput[] = [
  bad("a worker alone", 3, /no swarm is founded yet/, { stores: BOTH, who: "w1" }),
  // It may still come.
  bad("no such bucket", 3, /NoSuchBucket.*create it in eu-/, {
    stores: S3,
    given: (bed) => bed.loseBucket(),
  }),
  bad("s3:PutObject denied where no header says how to encrypt", 4, /--s3-sse AES256/, {
    stores: S3,
    given: (bed) => bed.wantEncryption(),
    asks: true,
    labOnly: "moto takes no condition of a bucket's policy",
  }),
  bad("a bucket in another region", 2, /region|not in eu-/, {
    stores: S3,
    given: (bed) => bed.moveBucket(),
  }),
  bad("a founded swarm whose only manager is stopped", 3, /i-\w+ \([\d.]+, stopped\)/, {
    stores: BOTH,
    who: "m2",
    given: async (bed) => {
      await bed.join("m1");
      await bed.stopInstance("m1");
    },
  }),
  bad("a manager without quorum", 3, /no quorum/, {
    stores: TAGS,
    given: async (bed) => {
      await bed.join("m1", "m2");
      await bed.loseQuorum("m2");
    },
  }),
  bad("a swarm of its own with a service in it", 5, /1 service/, {
    stores: TAGS,
    who: "m2",
    given: async (bed) => {
      await bed.join("m1");
      await bed.initByHand("m2");
      await bed.serve("m2");
    },
  }),
];

/** By what is wrong. */
export const BAD_INPUT: Record<string, BadInput[]> = {
  "what a node stands on": SURROUNDINGS,
  "what AWS answers": ON_AWS,
  "one permission less": DENIED,
  "what the record holds": RECORDS,
  "which tokens are shown": TOKENS,
  "where it looks, and what it finds there": PLACES,
};

/** Whether a run ended with the case's exit code, having given its reason. */
export function endsAs(
  { exit, says }: BadInput,
  run: { exit: number | null; report: { because?: unknown; warnings?: unknown } | null },
): boolean {
  return run.exit === exit && says.test(`${run.report?.because}\n${run.report?.warnings}`);
}

/** By `m1`; where the store plays no part, one is enough. */
function bad(name: string, exit: number, says: RegExp, more: Partial<BadInput>): BadInput {
  return { name, stores: S3, who: "m1", exit, says, ...more };
}

function always(bed: Bed, service: Service, kind: "silence" | "html" | "huge"): void {
  bed.wire.trouble = (call) => call.service === service ? { kind } : null;
}

/** Well-formed, of a swarm that nobody is in. */
function tokenOf(digit: string): string {
  return `SWMTKN-1-${digit.repeat(50)}-${digit.repeat(25)}`;
}
