/**
 * Variables that tell other tools where to go, who to be or whom to trust, and that this one does not
 * follow: who has set one would be wrong about what a run does. What only tunes (attempts, time limits,
 * the form of output) changes nothing of that, and is let be.
 */

interface Refused {
  name: string;
  /** Which values matter; else all. */
  when?: RegExp;
  /** It has no say where one of these is set. */
  unless?: readonly string[];
  instead: string;
}

const IDENTITY = "the credentials are the instance role's, or AWS_ACCESS_KEY_ID and " +
  "AWS_SECRET_ACCESS_KEY";
const ENGINE = "name this machine's Engine with DOCKER_HOST=unix:///var/run/docker.sock";
const TRUST = "name the file of certificates with AWS_CA_BUNDLE";
const TRUSTED = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"];

const REFUSED: readonly Refused[] = [
  ...[
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  ].map((name) => ({ name, instead: IDENTITY })),
  {
    name: "AWS_EC2_METADATA_DISABLED",
    when: /^true$/i,
    instead: "without the metadata an instance does not know who it is",
  },
  // Docker's own command lets DOCKER_HOST win over them.
  { name: "DOCKER_CONTEXT", when: /^(?!default$)/, unless: ["DOCKER_HOST"], instead: ENGINE },
  { name: "DOCKER_TLS_VERIFY", unless: ["DOCKER_HOST"], instead: ENGINE },
  { name: "NODE_EXTRA_CA_CERTS", unless: TRUSTED, instead: TRUST },
  { name: "REQUESTS_CA_BUNDLE", unless: TRUSTED, instead: TRUST },
  { name: "SSL_CERT_DIR", unless: TRUSTED, instead: TRUST },
];

/** The first variable that is set and not followed, and what to do instead. `valueOf`: null is not set. */
export function refusal(
  valueOf: (name: string) => string | null,
): { name: string; instead: string } | null {
  const isSet = (name: string): boolean => valueOf(name) !== null;
  return REFUSED.find(({ name, when, unless = [] }) => {
    const value = valueOf(name);
    return value !== null && (when?.test(value) ?? true) && !unless.some(isSet);
  }) ?? null;
}
