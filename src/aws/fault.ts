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
  return code !== null && CREDENTIALS.has(code);
}

/** Whether a wrong clock may be the cause: its own codes, and all that a wrong signature can be told. */
export function isClockCode(code: string | null): boolean {
  return code !== null && (CLOCK.has(code) || CREDENTIALS.has(code));
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
const CREDENTIALS = codes(`
  AuthFailure ExpiredToken ExpiredTokenException InvalidAccessKeyId InvalidClientTokenId
  InvalidSecurity InvalidSignatureException InvalidToken MissingAuthenticationToken
  SignatureDoesNotMatch TokenRefreshRequired UnrecognizedClientException
`);
const OTHER_REGION = codes(`
  PermanentRedirect TemporaryRedirect AuthorizationHeaderMalformed
  IllegalLocationConstraintException
`);

function serviceFault(error: ServiceError, attempt: Attempt): Fault {
  const code = error.name;
  const said = `Cannot ${attempt.doing}: ${code}${detailOf(error)}`;
  const fault = (kind: FaultKind, todo: string): Fault => ({ kind, message: `${said}${todo}` });
  if (OTHER_REGION.has(code)) {
    const region = bucketRegion(error);
    const where = region === null ? "in another region" : `in ${region}`;
    return fault(
      "unusable",
      `; the bucket is ${where}, not in ${attempt.region}: name one in ${attempt.region}`,
    );
  }
  if (CLOCK.has(code)) {
    const permission = "requests of this machine's clock";
    return {
      ...fault("denied", "; this machine's clock is wrong: set it (chrony, systemd-timesyncd)"),
      permission,
    };
  }
  if (CREDENTIALS.has(code)) {
    return {
      ...fault(
        "denied",
        "; AWS does not take these credentials: check the instance's role (or AWS_ACCESS_KEY_ID " +
          "and AWS_SESSION_TOKEN), that they have not expired, and this machine's clock",
      ),
      permission: "credentials that AWS takes",
    };
  }
  if (DENIED.has(code)) {
    const permission = permissionOf(error.message) ?? attempt.action;
    const hint = attempt.hint === undefined ? "" : ` (${attempt.hint})`;
    return { ...fault("denied", `; allow ${permission}${hint}`), permission };
  }
  if (THROTTLED.has(code) || statusOf(error) === 429) return fault("throttled", "");
  if (code === "NoSuchBucket" || code === "InvalidBucketName") {
    return fault("unusable", "; create the bucket, or name another");
  }
  if (code.startsWith("KMS.")) return fault("unusable", "; check the key of --s3-kms-key");
  if (code === "ConditionalRequestConflict" || code === "OperationAborted") {
    return fault("busy", "");
  }
  if (/\.?NotFound(Exception)?$/.test(code) || code === "NoSuchKey") return fault("not-found", "");
  const status = statusOf(error) ?? 0;
  if (status === 403) {
    return { ...fault("denied", `; allow ${attempt.action}`), permission: attempt.action };
  }
  return fault(status >= 500 ? "unreachable" : "declined", "");
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
