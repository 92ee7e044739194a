/** The facts that rules ask for: each gives what was seen, or what to look at, or what its fault means. */
import { questionOf } from "./members.ts";
import { CONFLICT_MS } from "./patience.ts";
import { faulted, type Scene } from "./scene.ts";
import { fail, look, type Verdict } from "./verdict.ts";
import type {
  Contents,
  Decision,
  FoundingRecord,
  Instance,
  Member,
  Role,
  Shown,
} from "../state.ts";

/** What EC2 shows of these members, this node, and whoever has these addresses. */
export function ask(s: Scene, members: Member[], addresses: string[]): Instance[] | Verdict {
  const { instances } = s.o.facts;
  if (instances === undefined) {
    const living = addresses.length === 0 ? shownAlive(s, members) : null;
    return living ?? look({ kind: "instances", ...questionOf(members, s.me, addresses) });
  }
  return instances.ok ? instances.value : faulted(s.o, instances.fault);
}

/** The members besides this node, when the read of their tags has shown that none of them is terminated. */
export function shownAlive({ o, me }: Scene, members: Member[]): Instance[] | null {
  const { tokens } = o.facts;
  if (o.config.store.kind === "s3" || !tokens?.ok) return null;
  const living: Instance[] = [];
  for (const { instance, address } of members) {
    if (instance === me.instance) continue;
    const state = tokens.value.find(({ by }) => by === instance)?.state ?? "terminated";
    if (instance === null || state === "terminated" || o.memory.terminated.includes(instance)) {
      return null;
    }
    living.push({ instance, state, address, roleTag: null, clusterTag: null });
  }
  return living;
}

export function tokens(s: Scene, fingerprint: string, want: Role[]): Shown[] | Verdict {
  const shown = s.o.facts.tokens;
  if (shown === undefined) return look({ kind: "tokens", fingerprint, want });
  return shown.ok ? shown.value : faulted(s.o, shown.fault);
}

/** The other instances that show tokens. With S3 a token says nothing without a record. */
export function showing(s: Scene): Shown[] | Verdict {
  if (s.o.config.store.kind === "s3") return [];
  const shown = tokens(s, "", ["manager", "worker"]);
  if (!Array.isArray(shown)) return shown;
  return shown.filter(({ by, state, manager, worker }) =>
    by !== s.me.instance && state !== "terminated" && (manager !== null || worker !== null)
  );
}

export function shows({ manager, worker }: Shown, fingerprint: string): boolean {
  return [manager, worker].every((mark) => mark === null || mark.fingerprint === fingerprint);
}

/** The addresses of these members that accept connections. */
export function probe(s: Scene, members: Member[]): string[] | Verdict {
  const { answering } = s.o.facts;
  if (members.length === 0) return [];
  if (answering === undefined) return look({ kind: "probe", addresses: addressesOf(members) });
  if (!answering.ok) return faulted(s.o, answering.fault);
  const asked = addressesOf(members);
  return answering.value.filter((address) => asked.includes(address));
}

export function addressesOf(members: Member[]): string[] {
  return [...new Set(members.map(({ address }) => address))];
}

export function pick<T>(list: T[], dice: number): T | null {
  return list[Math.floor(dice * list.length)] ?? null;
}

export function inventoryOf(contents: Contents): string {
  return Object.entries(contents)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${count === 1 ? what.slice(0, -1) : what}`)
    .join(", ");
}

export function brief({ fingerprint }: FoundingRecord): string {
  return `${fingerprint.slice(0, 8)}…`;
}

export function names(shown: Shown[]): string {
  return shown.map(({ by }) => by).join(", ");
}

export function conflict(s: Scene, because: string): Decision {
  const advice =
    "nothing was changed. To give this node to the founded swarm, `docker swarm leave --force` here and run swarm-join again";
  return fail(
    5,
    "swarm-conflict",
    `${because}; ${advice}`,
    s.o.config.store.kind === "s3" ? 0 : CONFLICT_MS,
  );
}
