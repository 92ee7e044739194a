/**
 * What a failed AWS call means: the one classifier of it. The SDK's errors, and those of the handler
 * in `call.ts`, become a `Fault` whose message says what was tried, why it failed and what to do.
 *
 * Codes: AWS, "Error codes for the Amazon EC2 API", "Error responses" of Amazon S3.
 */
import { quote } from "../http.ts";
import type { Fault, FaultKind } from "../state.ts";

/** A call, for a person: "Cannot <doing>: …; allow <action>". */
export interface Attempt {
  /** The IAM action: `ec2:CreateTags`. */
  action: string;
  /** With what on what: `publish the tokens in the tags of i-0abc`. */
  doing: string;
  /** Said with a denial: what else may be the cause. */
  hint?: string;
  /** The same, where a policy of the bucket itself may be it. */
  policyHint?: string;
  /** The region that is asked, for the case that it is the wrong one. */
  region: string;
}

/** A call that AWS did not answer, or not as its protocol says. `message`: a phrase, without secrets. */
export class CallFailure extends Error {
  override readonly name = "CallFailure";

  constructor(readonly fault: Fault) {
    super(fault.message);
  }
}

/** The error that AWS answered with; null when this is none. */
export function codeOf(error: unknown): string | null {
  return isServiceError(error) ? error.name : null;
}

/** Whether the credentials are the cause, so that others may help. */
export function isCredentialsCode(code: string | null): boolean {
  return code !== null && OF_CREDENTIALS.has(code);
}

/** Whether a wrong clock may be the cause: its own codes, and all that a wrong signature can be told. */
export function isClockCode(code: string | null): boolean {
  return code !== null && (CLOCK.has(code) || OF_CREDENTIALS.has(code));
}

/** Rethrows what is not an operating fault but a defect. */
export function faultOf(error: unknown, attempt: Attempt): Fault {
  if (error instanceof CallFailure) {
    const { fault } = error;
    return { ...fault, message: `Cannot ${attempt.doing}: ${fault.message}` };
  }
  if (isServiceError(error)) return serviceFault(error, attempt);
  if (isUnreadable(error)) {
    return {
      kind: "malformed",
      message: `Cannot ${attempt.doing}: the answer is not what AWS answers ` +
        `(${quote(error.message.split("\n")[0] ?? "", 120)}); is the endpoint right?`,
    };
  }
  throw error;
}

/** As the SDK throws them: named after AWS's code. */
interface ServiceError extends Error {
  $fault: "client" | "server";
  $metadata: { httpStatusCode?: number };
  $response?: { statusCode: number; headers: Record<string, string> };
  Region?: unknown;
}

/** AWS's codes, between spaces. */
function codes(text: string): Set<string> {
  return new Set(text.trim().split(/\s+/));
}

const THROTTLED = codes(`
  RequestLimitExceeded Client.RequestLimitExceeded RequestThrottled RequestThrottledException
  Throttling ThrottlingException ThrottledException EC2ThrottledException
  TooManyRequestsException BandwidthLimitExceeded SlowDown ServiceUnavailable Unavailable
`);
const DENIED = codes(`
  UnauthorizedOperation AccessDenied AccessDeniedException AllAccessDisabled AccountProblem
  OptInRequired Blocked PendingVerification
`);
const CLOCK = codes("RequestTimeTooSkewed RequestExpired RequestInTheFuture");
const OF_CREDENTIALS = codes(`
  AuthFailure ExpiredToken ExpiredTokenException InvalidAccessKeyId InvalidClientTokenId
  InvalidSecurity InvalidSignatureException InvalidToken MissingAuthenticationToken
  SignatureDoesNotMatch TokenRefreshRequired UnrecognizedClientException
`);
const OTHER_REGION = codes(`
  PermanentRedirect TemporaryRedirect AuthorizationHeaderMalformed
  IllegalLocationConstraintException
`);

/** What AWS's other refusals take, by code. */
const REFUSALS: readonly [code: RegExp, kind: FaultKind, advice: string][] = [
  [/^NoSuch(Bucket|AccessPoint)$/, "not-found", "create it in REGION, or name another"],
  [/^InvalidBucketName$/, "unusable", "name another bucket"],
  [/^KMS\./, "unusable", "check the key of --s3-kms-key"],
  [/^NotImplemented$/, "unusable", "this store can't do what the record needs: take another"],
  [
    /^(ConditionalRequestConflict|OperationAborted)$/,
    "busy",
    "somebody else writes at this moment",
  ],
  [
    /^InvalidObjectState$/,
    "declined",
    "a lifecycle rule has archived it: restore it, and leave out this prefix from such rules",
  ],
  [
    /^TagLimitExceeded$/,
    "declined",
    "AWS takes 50 tags on one thing: take some away (the tokens need 3 on each manager), or use " +
    "--store s3://BUCKET/PREFIX",
  ],
  [
    /^TagPolicyViolation$/,
    "declined",
    "a tag policy of the organization forbids it: have it allow this key and value, or name other " +
    "keys (--manager-token-tag, --worker-token-tag, --tags)",
  ],
  [
    /^IdempotentParameterMismatch$/,
    "declined",
    "AWS has seen this request's client token with another request: run it again, it takes a new one",
  ],
  [
    /(LimitExceeded|QuotaExceeded|TooManyBuckets)(Exception)?$/,
    "declined",
    "a quota of the account: have it raised (Service Quotas), or delete what is not needed",
  ],
  // Right after a create too: EC2 shows late what it has.
  [/NotFound(Exception)?$|^NoSuchKey$/, "not-found", ""],
];

function serviceFault(error: ServiceError, attempt: Attempt): Fault {
  const code = error.name;
  const fault = (kind: FaultKind, advice: string): Fault => ({
    kind,
    message: `Cannot ${attempt.doing}: ${code}${detailOf(error)}${
      advice === "" ? "" : `; ${advice}`
    }`,
  });
  const denied = (permission: string, advice: string): Fault => ({
    ...fault("denied", advice),
    permission,
  });
  if (OTHER_REGION.has(code)) {
    const found = bucketRegion(error);
    const { region } = attempt;
    const where = found === null ? "in another region" : `in ${found}`;
    return fault("unusable", `the bucket is ${where}, not in ${region}: name one in ${region}`);
  }
  if (CLOCK.has(code)) {
    return denied(
      "requests of this machine's clock",
      "this machine's clock is wrong: set it (chrony, systemd-timesyncd)",
    );
  }
  if (OF_CREDENTIALS.has(code)) {
    return denied(
      "credentials that AWS takes",
      "AWS does not take these credentials: check the instance's role (or AWS_ACCESS_KEY_ID " +
        "and AWS_SESSION_TOKEN), that they have not expired, and this machine's clock",
    );
  }
  const status = statusOf(error) ?? 0;
  if (THROTTLED.has(code) || status === 429) return fault("throttled", "");
  const known = REFUSALS.find(([pattern]) => pattern.test(code));
  if (known !== undefined) {
    const [, kind, advice] = known;
    return fault(kind, advice.replace("REGION", attempt.region));
  }
  if (DENIED.has(code) || status === 403) {
    const permission = permissionOf(error.message) ?? attempt.action;
    return denied(permission, denialTodo(error.message, permission, attempt));
  }
  return fault(status >= 500 ? "unreachable" : "declined", "");
}

/** Who can change a policy that stands above what IAM allows the role, by AWS's name for its kind. */
const ABOVE: { readonly [kind: string]: string } = {
  "service control policy": "whoever administers the organization must change it",
  "resource control policy": "whoever administers the organization must change it",
  "permissions boundary": "whoever set the boundary of the role must change it",
  "session policy": "whoever made these credentials must change it",
  "VPC endpoint policy": "change the policy of the VPC endpoint",
  "resource-based policy": "change the policy of the bucket or the key",
  "identity-based policy": "take the Deny out of the role's policies",
};

/** What helps against a denial: AWS says which kind of policy is the cause, if the caller may know. */
function denialTodo(message: string, permission: string, { hint, policyHint }: Attempt): string {
  const [, explicit, missing] =
    /explicit deny in an? ([\w -]+?(?:policy|boundary))|because no ([\w -]+?(?:policy|boundary)) allows/
      .exec(message) ?? [];
  const also = policyHint === undefined ? "" : `; ${policyHint}`;
  if (explicit !== undefined) {
    const who = ABOVE[explicit] ?? "take that Deny out";
    return `that is a Deny, which nothing that allows ${permission} overrules: ${who}${also}`;
  }
  const who = ABOVE[missing ?? ""];
  if (who !== undefined && missing !== "identity-based policy") {
    return `it takes more than a policy of the role to allow ${permission}: ${who}${also}`;
  }
  const both = [hint, policyHint].filter((one) => one !== undefined).join("; ");
  return `allow ${permission}${both === "" ? "" : ` (${both})`}`;
}

/** What AWS said, without the encoded part that only an administrator can read, and without tokens. */
function detailOf({ name, message }: ServiceError): string {
  const text = quote(message.replace(/\s*Encoded authorization failure message:.*$/s, ""));
  return text === "" || text === name || text === "Unknown" || text === "UnknownError"
    ? ""
    : `: ${text.replace(/\.$/, "")}`;
}

/** AWS names the action that was really missing, which may be another than the one that was called. */
function permissionOf(message: string): string | null {
  return /not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)/.exec(message)?.[1] ?? null;
}

function bucketRegion({ $response, Region }: ServiceError): string | null {
  const region = $response?.headers["x-amz-bucket-region"] ?? Region;
  return typeof region === "string" && region !== "" ? region : null;
}

function statusOf({ $metadata, $response }: ServiceError): number | undefined {
  return $metadata.httpStatusCode ?? $response?.statusCode;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "$fault" in error && "$metadata" in error;
}

/** The SDK got an answer and could not make sense of it. */
function isUnreadable(error: unknown): error is Error {
  return error instanceof Error && "$response" in error;
}
