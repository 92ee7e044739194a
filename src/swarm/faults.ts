/**
 * What the Engine's refusals mean. It has few status codes for them (503 for a second join, a timeout
 * and a locked swarm alike), so the words decide; they are the same from Engine 20.10 to 29.
 *
 * Source: moby `daemon/cluster/errors.go`, `swarm.go`; swarmkit `ca/server.go`, `ca/certificates.go`,
 * `manager/state/raft`.
 */
import { quote } from "../http.ts";
import { isObject, parseJson } from "../json.ts";
import type { Answer, Engine, Fault, FaultKind } from "../state.ts";

/** A fault from an answer that is not 2xx. `intent`: what was tried ("join the swarm at 10.0.0.7"). */
export function engineFault(intent: string, status: number, body: string): Fault {
  const said = messageOf(body);
  const words = quote(said);
  for (const [pattern, kind, advice] of MEANINGS) {
    if (!pattern.test(said)) continue;
    const message = `Cannot ${intent}: the Engine says "${words}"${advice && `; ${advice}`}`;
    return withPermission({ kind, message });
  }
  // At a join 400 is also what the other side answers.
  const isJoin = intent.startsWith(JOINING) && status === 400;
  const kind = isJoin ? "refused" : KIND_BY_STATUS.get(status) ?? "refused";
  const message = `Cannot ${intent}: the Engine answers ${status}, "${words}"`;
  return withPermission({ kind, message });
}

/** How what is tried begins, when it is to join a swarm. */
export const JOINING = "join the swarm at ";

/** What an Engine's words about itself (`/info`) come to. */
export function troubleOf(words: string): Engine["trouble"] {
  if (NO_LEADER.test(words)) return "no-quorum";
  if (OWN_CERTIFICATE_ENDED.test(words)) return "expired";
  return MEANINGS.find(([pattern]) => pattern.test(words))?.[1] ?? null;
}

const NO_LEADER = /does not have a leader|no elected cluster leader/i;
/** By swarmkit's check of the chain that it loads; a clock that is behind is "not valid before". */
const OWN_CERTIFICATE_ENDED =
  /not valid after .* and it is currently|swarm certificates have expired/i;

/** A fault from an exchange that did not come to an end. */
export function socketFault(intent: string, path: string, { kind, message }: Fault): Fault {
  const advice = SOCKET_ADVICE[kind];
  return withPermission({
    kind,
    message: `Cannot ${intent} over ${path}: ${message}${
      advice === undefined ? "" : `; ${advice}`
    }`,
  }, path);
}

/** Whether a node was told to leave a swarm that it is in none of any more. */
export function isNoSwarm(body: string): boolean {
  return /not part of a swarm/i.test(messageOf(body));
}

/** An object that the Engine answered, or the fault that it is none. */
export function objectOf(intent: string, body: string): Answer<Record<string, unknown>> {
  const value = parseJson(body);
  return isObject(value) ? { ok: true, value } : { ok: false, fault: notUnderstood(intent, body) };
}

export function notUnderstood(intent: string, body: string): Fault {
  const message = `Cannot ${intent}: "${quote(body, 60)}" is not what a Docker Engine answers`;
  return { kind: "malformed", message };
}

/**
 * The first that fits counts. What is of this machine comes before what is of the other side, whose words
 * are wrapped in those of the transport.
 */
const MEANINGS: [RegExp, FaultKind, string][] = [
  [/valid join token is necessary|invalid join token/i, "rejected", ""],
  [/remote CA does not match fingerprint/i, "foreign", "another swarm's manager answers there"],
  [/Timeout was reached before node joined/i, "pending", ""],
  [/already part of a swarm/i, "busy", ""],
  [/needs to be unlocked|encrypted and locked/i, "refused", "unlock it with docker swarm unlock"],
  [/leave the swarm on a node that is participating as a manager/i, "refused", ""],
  // A node that is not to be demoted, or not to be removed (swarmkit `manager/controlapi/node.go`).
  [
    /demote the last manager|loss of quorum|in raft memberlist|be demoted to worker before|is not down and can't be removed/i,
    "refused",
    "",
  ],
  [/update out of sequence/i, "busy", ""],
  // It was demoted just now, or its swarm component is starting again.
  [/is not a swarm manager/i, "unreachable", ""],
  [
    /subnet size is|port number is not in valid range|non-zero IP address or network interface|could not (?:choose|parse) an? (?:IP )?address/i,
    "unusable",
    "",
  ],
  [/live-restore/i, "unusable", daemonSetting('"live-restore": false')],
  [
    /firewall-backend=nftables|nftables.* incompatible with swarm/i,
    "unusable",
    daemonSetting('"firewall-backend": "iptables"'),
  ],
  [
    /cluster requires FIPS/i,
    "unusable",
    "the swarm's Engines run in FIPS mode, and this one does not: install the same, in the same mode",
  ],
  [/plugin .* failed with error/i, "denied", "its authorization plugin does not work"],
  [
    /client version .* is too (?:old|new)/i,
    "unusable",
    "this tool and the Engine are too far apart",
  ],
  [
    /not valid (?:before|after) .* and it is currently|certificate has expired or is not yet valid|tls: (?:expired certificate|certificate expired)/i,
    "clock",
    "compare the clock of this machine with the managers' (timedatectl), and let both be synchronized",
  ],
  [
    /prospective new cluster member/i,
    "one-way",
    "the other managers must reach this node at the address that it advertises, on TCP 2377: look at its " +
    "security group",
  ],
  [
    /address already in use/i,
    "refused",
    "something else listens on that port of this machine (ss -ltnp)",
  ],
  [
    /does not have a leader|lost leader status|code = Canceled|connection refused|no route to host|network is unreachable|i\/o timeout|DeadlineExceeded|deadline exceeded|code = Unavailable/i,
    "unreachable",
    "",
  ],
];

export function daemonSetting(line: string): string {
  return `set ${line} in /etc/docker/daemon.json, and restart Docker`;
}

const KIND_BY_STATUS = new Map<number, FaultKind>([
  [400, "unusable"],
  [401, "denied"],
  [403, "denied"],
  [404, "not-found"],
  [429, "throttled"],
]);

const SOCKET_ADVICE: Partial<Record<FaultKind, string>> = {
  "no-socket": "is Docker installed and running, and DOCKER_HOST right?",
  denied: "run as root, with the socket in /run, /var/run or /tmp",
  unreachable: "is the Docker service running?",
  timeout: "is the Docker service well?",
};

function withPermission(fault: Fault, path = "its authorization plugin"): Fault {
  return fault.kind === "denied" ? { ...fault, permission: `the Engine's API (${path})` } : fault;
}

/** The Engine wraps its words as `{"message": "…"}`. */
function messageOf(body: string): string {
  const value = parseJson(body);
  return isObject(value) && typeof value["message"] === "string" ? value["message"] : body;
}
