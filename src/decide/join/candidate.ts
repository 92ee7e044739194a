/** Which manager a node tries to join, with which token. */
import { isIp, isIpv6, splitAddress } from "../../addresses.ts";
import { answering, need, tokens } from "../needs.ts";
import { JOINING_MS, LATE_MS, retryMs } from "../patience.ts";
import type { Scene } from "../scene.ts";
import { act, fail, wait } from "../verdict.ts";
import { brief } from "../words.ts";
import type { Decision, Role, TokenMark } from "../../state.ts";
import type { Shown } from "../../shown.ts";
import type { FoundingRecord, Member } from "../../founding.ts";

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
  // Who leaves may be gone before this node is in.
  const staying = members.filter(({ leaving }) => !leaving);
  const asked = staying.length > 0 ? staying : members;
  const certain = asked.filter(({ instance, sinceMs }) =>
    ledger.serverMs - sinceMs > JOINING_MS ||
    shown.some(({ by, manager, worker }) =>
      by === instance && (manager ?? worker)?.fingerprint === fingerprint
    )
  );
  if (certain.length > 0) return certain;
  const oldestMs = Math.min(...asked.map(({ sinceMs }) => sinceMs));
  return asked.filter(({ sinceMs }) => sinceMs === oldestMs);
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
  return unfit(s) ?? act(
    { kind: "join", address, token, advertiseAddr: advertised(s) },
    "join-swarm",
    `the manager at ${address} answers for the founded swarm ${brief(record)}`,
  );
}

/**
 * What the Engine is told to advertise: as the person wrote it, and the address of an interface. By name the
 * Engine would refuse one with two addresses at an init, and ignore it in silence at a join (moby `cluster/listen_addr.go`).
 */
export function advertised({ o, address }: Scene): string {
  const asked = o.config.advertiseAddr;
  if (asked === null) return address;
  const { host, port } = splitAddress(asked);
  if (isIp(host)) return asked;
  return port === null ? address : `${isIpv6(address) ? `[${address}]` : address}:${port}`;
}

/** What this machine's Engine can't do, whoever lets it in; null: nothing stands against it. */
export function unfit({ o, engine, address }: Scene): Decision | null {
  const { advertiseAddr, dataPathAddr } = o.config;
  const asked = advertiseAddr === null ? null : splitAddress(advertiseAddr).host;
  if (asked !== null && !isIp(asked)) {
    const isThere = need(o, { kind: "interfaces" }).some(({ name }) => name === asked);
    if (!isThere) {
      const because =
        `--advertise-addr names the interface ${asked}, and this machine has none that is up`;
      return fail(2, "setting-unusable", because, LATE_MS);
    }
  }
  const overlays = dataPathAddr ?? address;
  if (!isIpv6(overlays) || engine.api >= OVERLAYS_V6_API) return null;
  return fail(
    6,
    "engine-unfit",
    `its overlay networks would go over IPv6 (${overlays}), which this Docker Engine (API 1.${engine.api}) can't: Engine 25 or later can`,
  );
}

/** N of the API 1.N of Engine 25, whose overlays are the first that can go over IPv6. */
const OVERLAYS_V6_API = 44;

function pick<T>(list: T[], dice: number): T | null {
  return list[Math.floor(dice * list.length)] ?? null;
}
