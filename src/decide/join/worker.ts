/** What a worker does: join, and follow the founded swarm when its own was replaced. It never writes. */
import { conflict } from "./conflict.ts";
import { candidateOf, joinBy } from "./candidate.ts";
import { isSameSwarm } from "../members.ts";
import { addressesOf, answering, need, together } from "../needs.ts";
import { BOOT_MS } from "../patience.ts";
import type { Scene } from "../scene.ts";
import { act, done, fail, wait } from "../verdict.ts";
import { brief, inventoryOf, membersText } from "../words.ts";
import type { Decision, FoundingRecord } from "../../state.ts";

export function workerInSwarm(s: Scene): Decision {
  const { o, engine, record } = s;
  const { fingerprint } = engine;
  if (record === null) return done("in-order", "a worker of a swarm that nobody has founded");
  if (fingerprint === null) {
    return fail(
      6,
      "engine-unavailable",
      "the Engine is in a swarm, and its root CA certificate can't be read",
      BOOT_MS,
    );
  }
  if (!isSameSwarm(record, engine)) return afterReplacement(s, record, fingerprint);
  if (answering(s, record.members).length > 0) {
    return done("in-order", `a worker of the founded swarm ${brief(record)}`);
  }
  return wait(
    o,
    "managers-silent",
    `a worker of the founded swarm ${brief(record)}, none of whose managers answers: ${
      membersText(record.members, [])
    }`,
  );
}

/** A worker comes along when its swarm was replaced and it runs nothing; else a person has to choose. */
function afterReplacement(s: Scene, record: FoundingRecord, fingerprint: string): Decision {
  const because = `this worker is in ${brief({ fingerprint })}, and the founded swarm is ${
    brief(record)
  }`;
  if (!record.replaced.includes(fingerprint)) return conflict(s, because);
  const inventory = inventoryOf(need(s.o, { kind: "contents", manager: false }));
  if (inventory !== "") return conflict(s, `${because}, which replaced it; here run ${inventory}`);
  return act(
    { kind: "leave", force: false, onlyEmpty: true },
    "swarm-replaced",
    `${because}, which replaced it; no task runs here`,
  );
}

export function workerOutside(s: Scene): Decision {
  const { o, record } = s;
  if (record === null) {
    return wait(
      o,
      "no-swarm-yet",
      "no swarm is founded yet: a worker waits for a manager to do it",
    );
  }
  together(
    o,
    { kind: "probe", addresses: addressesOf(record.members) },
    { kind: "tokens", fingerprint: record.fingerprint, want: ["worker"] },
  );
  const candidate = candidateOf(s, record, record.members, "worker");
  if (candidate === null) {
    return wait(
      o,
      "managers-silent",
      `no manager of the founded swarm answers: ${membersText(record.members, [])}`,
    );
  }
  return candidate.kind === "candidate" ? joinBy(s, candidate, record) : candidate;
}

/** The Engine is a member and not up yet; only a worker of a replaced swarm need not wait for it. */
export function starting(s: Scene): Decision {
  const { o, engine, record, role } = s;
  const { fingerprint } = engine;
  if (role === "worker" && fingerprint !== null && record?.replaced.includes(fingerprint)) {
    return afterReplacement(s, record, fingerprint);
  }
  return wait(
    o,
    "engine-starting",
    `the Engine is a member (${engine.nodeId}) and not up yet${
      engine.error === "" ? "" : `: ${engine.error}`
    }`,
  );
}
