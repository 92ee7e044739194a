/** Which manager a node tries to join, with which token. */
import { answering, tokens } from "../needs.ts";
import { JOINING_MS, retryMs } from "../patience.ts";
import type { Scene } from "../scene.ts";
import { act, wait } from "../verdict.ts";
import { brief } from "../words.ts";
import type { Decision, FoundingRecord, Member, Role, Shown, TokenMark } from "../../state.ts";

interface Candidate {
  kind: "candidate";
  address: string;
  token: TokenMark;
}

/**
 * One of those that answer, with a token that has not been rejected; a different one each time it fails.
 * Null: nobody answers. A decision: somebody does, and can't be joined now.
 */
export function candidateOf(
  s: Scene,
  record: FoundingRecord,
  members: Member[],
  role: Role,
): Candidate | Decision | null {
  const { o } = s;
  const answered = answering(s);
  const there = members.filter(({ address }) => answered.includes(address));
  if (there.length === 0) return null;
  const shown = tokens(s, record.fingerprint, [role]);
  const recent = o.memory.failures.filter((one) => o.nowMs - one.atMs < retryMs(o.memory, one));
  const marks = shown
    .flatMap((by) => by.state === "terminated" ? [] : by[role] ?? [])
    .filter((mark) => mark.fingerprint === record.fingerprint);
  const fresh = marks.filter((mark) =>
    !recent.some((f) => f.kind === "rejected" && f.digest === mark.digest)
  );
  const token = pick(fresh, o.dice);
  if (token === null) return wait(o, "token-missing", tokenMissing(role, shown, marks));
  // By whomever it is tried: the swarm's leader dials a manager back.
  const isOneWay = recent.some(({ kind }) => kind === "one-way");
  const willing = isOneWay
    ? []
    : there.filter(({ address }) =>
      !recent.some((f) => f.kind !== "rejected" && f.address === address)
    );
  const member = pick(settled(s, record, willing, shown), o.dice);
  if (member === null) {
    const words = [...new Set(recent.map(({ message }) => message))].join("; ");
    return wait(o, "joins-failed", `no manager that answers has let this node join: ${words}`);
  }
  return { kind: "candidate", address: member.address, token };
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

export function joinBy(s: Scene, { address, token }: Candidate, record: FoundingRecord): Decision {
  return act(
    { kind: "join", address, token, advertiseAddr: advertised(s) },
    "join-swarm",
    `the manager at ${address} answers for the founded swarm ${brief(record)}`,
  );
}

/** What the Engine is told to advertise: as the person wrote it, an interface's name too. */
export function advertised({ o, me }: Scene): string {
  return o.config.advertiseAddr ?? me.address;
}

function pick<T>(list: T[], dice: number): T | null {
  return list[Math.floor(dice * list.length)] ?? null;
}
