/** Which manager a node tries to join, with which token. */
import { brief, pick, probe, tokens } from "../needs.ts";
import { JOINING_MS, RETRY_MS } from "../patience.ts";
import type { Scene } from "../scene.ts";
import { act, type Verdict, wait } from "../verdict.ts";
import type { Decision, FoundingRecord, Member, Role, Shown, TokenMark } from "../../state.ts";

interface Candidate {
  address: string;
  token: TokenMark;
}

type Silent = "silent";

export function isSilent(candidate: Candidate | Verdict | Silent): candidate is Silent {
  return candidate === "silent";
}

/** One of those that answer, with a token that has not been rejected; a different one each time it fails. */
export function candidateOf(
  s: Scene,
  record: FoundingRecord,
  members: Member[],
  role: Role,
): Candidate | Verdict | Silent {
  const { o } = s;
  const answering = probe(s, members);
  if (!Array.isArray(answering)) return answering;
  if (answering.length === 0) return "silent";
  const shown = tokens(s, record.fingerprint, [role]);
  if (!Array.isArray(shown)) return shown;
  const recent = o.memory.failures.filter(({ atMs }) => o.nowMs - atMs < RETRY_MS);
  const marks = shown
    .flatMap((by) => by.state === "terminated" ? [] : by[role] ?? [])
    .filter((mark) => mark.fingerprint === record.fingerprint);
  const fresh = marks.filter((mark) =>
    !recent.some((f) => f.kind === "rejected" && f.digest === mark.digest)
  );
  const token = pick(fresh, o.dice);
  if (token === null) return wait(o, "token-missing", tokenMissing(role, shown, marks));
  const willing = members.filter(({ address }) =>
    answering.includes(address) &&
    !recent.some((f) => f.kind !== "rejected" && f.address === address)
  );
  const member = pick(settled(s, record, willing, shown), o.dice);
  if (member === null) {
    const reasons = recent.map(({ address, kind }) => `${address} (${kind})`).join(", ");
    return wait(
      o,
      "joins-failed",
      `every manager that answers would not let this node join: ${reasons}`,
    );
  }
  return { address: member.address, token };
}

/**
 * Who is in the swarm for certain, where somebody is: a member may still be on its way into it, and a
 * wrong guess costs the 10 s that an Engine takes to say no.
 */
function settled(
  { ledger }: Scene,
  { fingerprint }: FoundingRecord,
  members: Member[],
  shown: Shown[],
): Member[] {
  const certain = members.filter(({ instance, sinceMs }) =>
    ledger.serverMs - sinceMs > JOINING_MS ||
    shown.some(({ by, manager, worker }) =>
      by === instance && (manager ?? worker)?.fingerprint === fingerprint
    )
  );
  if (certain.length > 0) return certain;
  const oldestMs = Math.min(...members.map(({ sinceMs }) => sinceMs));
  return members.filter(({ sinceMs }) => sinceMs === oldestMs);
}

function tokenMissing(role: Role, shown: Shown[], marks: TokenMark[]): string {
  if (marks.length > 0) {
    return `the ${role} token that is shown was rejected: run swarm-join on a manager, it publishes the new one`;
  }
  const malformed = shown.flatMap(({ by, malformed }) =>
    malformed.map((key) => `${by} has no join token in "${key}"`)
  );
  const detail = malformed.length > 0 ? `: ${malformed.join("; ")}` : "";
  return `no ${role} token of the founded swarm is shown yet${detail}`;
}

export function join({ address, token }: Candidate, record: FoundingRecord): Decision {
  return act(
    { kind: "join", address, token },
    "join-swarm",
    `the manager at ${address} answers for the founded swarm ${brief(record)}`,
  );
}
