/**
 * The AWS credentials that a call is signed with: those in the environment, else those of the
 * instance's role, from IMDS.
 *
 * Not the SDK's chain of providers: it would also look for profiles, SSO and containers, which a node
 * has none of, and it trusts the local clock, which at a boot may be years off.
 */
import { quote } from "../http.ts";
import { isObject, parseJson } from "../json.ts";
import type { Imds } from "../imds.ts";
import { ImdsError } from "../imds/session.ts";
import type { Answer, FaultKind } from "../state.ts";

export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface Credentials {
  get(): Promise<Answer<AwsCredentials>>;
  /** AWS did not take them: the next `get` asks anew. */
  forget(): void;
}

interface CredentialsOptions {
  /** A variable of the environment; undefined: not set. */
  env: (name: string) => string | undefined;
  imds: Pick<Imds, "get">;
  /** Ends a read of IMDS early. */
  signal: AbortSignal;
  /** A clock that never goes back, in ms. */
  nowMs: () => number;
}

/**
 * How long the role's credentials are used before they are asked for again. IMDS shows new ones at
 * least five minutes before the old ones expire, so younger ones are always good, whatever the local
 * clock says.
 */
const AGE_MS_MAX = 4 * 60 * 1000;
const ROLE_PATH = "meta-data/iam/security-credentials/";

export function createCredentials(options: CredentialsOptions): Credentials {
  let known: { answer: Promise<Answer<AwsCredentials>>; readMs: number } | null = null;
  return {
    async get(): Promise<Answer<AwsCredentials>> {
      const given = fromEnvironment(options.env);
      if (given !== null) return given;
      if (known === null || options.nowMs() - known.readMs > AGE_MS_MAX) {
        known = { answer: fromRole(options), readMs: options.nowMs() };
      }
      const mine = known;
      const answer = await mine.answer;
      if (!answer.ok && known === mine) known = null;
      return answer;
    },
    forget(): void {
      known = null;
    },
  };
}

/** Null: there are none. Half of a pair is a mistake, and no reason to use others. */
function fromEnvironment(env: CredentialsOptions["env"]): Answer<AwsCredentials> | null {
  const accessKeyId = env("AWS_ACCESS_KEY_ID") ?? "";
  const secretAccessKey = env("AWS_SECRET_ACCESS_KEY") ?? "";
  const sessionToken = env("AWS_SESSION_TOKEN") ?? "";
  if (accessKeyId === "" && secretAccessKey === "") return null;
  if (accessKeyId === "" || secretAccessKey === "") {
    const lacking = accessKeyId === "" ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY";
    return fault("no-role", `${lacking} is not set, though the other half of the pair is`);
  }
  return {
    ok: true,
    value: { accessKeyId, secretAccessKey, ...(sessionToken === "" ? {} : { sessionToken }) },
  };
}

async function fromRole({ imds, signal }: CredentialsOptions): Promise<Answer<AwsCredentials>> {
  try {
    const role = (await imds.get(ROLE_PATH, signal)).trim().split("\n")[0]?.trim() ?? "";
    if (role === "") return roleMissing();
    return parsed(role, await imds.get(`${ROLE_PATH}${encodeURIComponent(role)}`, signal));
  } catch (error) {
    if (!(error instanceof ImdsError)) throw error;
    if (error.status === 404) return roleMissing();
    return fault(error.fault.kind, `no credentials: ${error.fault.message}`);
  }
}

function parsed(role: string, text: string): Answer<AwsCredentials> {
  const json = parseJson(text);
  if (!isObject(json)) {
    return fault("malformed", `IMDS answers for the role ${quote(role, 80)} with no JSON`);
  }
  const { Code, Message, AccessKeyId, SecretAccessKey, Token } = json;
  if (typeof Code === "string" && Code !== "Success") {
    const why = typeof Message === "string" && Message !== "" ? `: ${quote(Message, 200)}` : "";
    return fault(
      "no-role",
      `the instance profile's role can't be used (${quote(Code, 80)}${why}); check that the ` +
        "profile has a role, and that the role trusts ec2.amazonaws.com",
    );
  }
  if (
    typeof AccessKeyId !== "string" || typeof SecretAccessKey !== "string" ||
    typeof Token !== "string"
  ) {
    return fault("malformed", `IMDS answers for the role ${quote(role, 80)} without credentials`);
  }
  return {
    ok: true,
    value: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token },
  };
}

function roleMissing(): Answer<AwsCredentials> {
  return fault(
    "no-role",
    "this instance has no IAM role; attach an instance profile with a role (see deploy/), or set " +
      "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
  );
}

function fault(kind: FaultKind, message: string): Answer<AwsCredentials> {
  return { ok: false, fault: { kind, message } };
}
