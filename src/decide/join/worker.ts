/** What a worker does: join, and follow the founded swarm when its own was replaced. It never writes. */
import { addressesOf, brief, conflict, inventoryOf, probe } from "../needs.ts";
import { candidateOf, isSilent, join } from "./candidate.ts";
import { describe, isSameSwarm } from "../members.ts";
import { BOOT_MS } from "../patience.ts";
import { faulted, type Scene } from "../scene.ts";
import { act, fail, look, type Verdict, wait } from "../verdict.ts";
import type { FoundingRecord } from "../../state.ts";

export function workerInSwarm(s: Scene): Verdict {
  const { o, engine, record } = s;
  const { fingerprint } = engine;
  if (record === null) {
    return act({ kind: "done" }, "in-order", "a worker of a swarm that nobody has founded");
  }
  if (fingerprint === null) {
    return fail(
      6,
      "engine-unavailable",
      "the Engine is in a swarm, and its root CA certificate can't be read",
      BOOT_MS,
    );
  }
  if (isSameSwarm(record, engine)) {
    const answering = probe(s, record.members);
    if (!Array.isArray(answering)) return answering;
    if (answering.length > 0) {
      return act({ kind: "done" }, "in-order", `a worker of the founded swarm ${brief(record)}`);
    }
    return wait(
      o,
      "managers-silent",
      `a worker of the founded swarm ${brief(record)}, none of whose managers answers: ${
        describe(record.members, [])
      }`,
    );
  }
  return afterReplacement(s, record, fingerprint);
}

/** A worker comes along when its swarm was replaced and it runs nothing; else a person has to choose. */
function afterReplacement(s: Scene, record: FoundingRecord, fingerprint: string): Verdict {
  const { o } = s;
  const because = `this worker is in ${fingerprint.slice(0, 8)}…, and the founded swarm is ${
    brief(record)
  }`;
  if (!record.replaced.includes(fingerprint)) return conflict(s, because);
  const { contents } = o.facts;
  if (contents === undefined) return look({ kind: "contents", manager: false });
  if (!contents.ok) return faulted(o, contents.fault);
  const inventory = inventoryOf(contents.value);
  if (inventory !== "") return conflict(s, `${because}, which replaced it; here run ${inventory}`);
  return act(
    { kind: "leave", force: false, onlyEmpty: true },
    "swarm-replaced",
    `${because}, which replaced it; no task runs here`,
  );
}

export function workerOutside(s: Scene): Verdict {
  const { o, record } = s;
  if (record === null) {
    return wait(
      o,
      "no-swarm-yet",
      "no swarm is founded yet: a worker waits for a manager to do it",
    );
  }
  const missing = look(
    o.facts.answering === undefined && { kind: "probe", addresses: addressesOf(record.members) },
    o.facts.tokens === undefined &&
      { kind: "tokens", fingerprint: record.fingerprint, want: ["worker"] },
  );
  if (missing.calls.length > 0) return missing;
  const candidate = candidateOf(s, record, record.members, "worker");
  if (isSilent(candidate)) {
    return wait(
      o,
      "managers-silent",
      `no manager of the founded swarm answers: ${describe(record.members, [])}`,
    );
  }
  return "address" in candidate ? join(candidate, record) : candidate;
}

/** The Engine is a member and not up yet; only a worker of a replaced swarm need not wait for it. */
export function starting(s: Scene): Verdict {
  const { o, engine, record, role } = s;
  const { fingerprint } = engine;
  if (
    role === "worker" && record !== null && fingerprint !== null &&
    record.replaced.includes(fingerprint)
  ) {
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
