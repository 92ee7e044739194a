/** A machine that leaves and is in no swarm any more: what still says that it is, is taken away, and Auto Scaling is told. */
import { completed, isGoingByGroup } from "../hooks.ts";
import { lookAgain } from "../join/outside.ts";
import { isMe, withdrawn } from "../members.ts";
import { softly, tokens } from "../needs.ts";
import type { Scene } from "../scene.ts";
import { act, done } from "../verdict.ts";
import { writeRecord } from "../writes.ts";
import type { Decision } from "../../state.ts";

export function out(s: Scene): Decision {
  const { o, me, record } = s;
  const { did } = o.memory;
  const isListed = record?.members.some((member) => isMe(member, me)) ?? false;
  // A read may be older than its own registration.
  const mayBeListed = isListed || (s.role === "manager" && s.traits.readsMayBeOld);
  const again = mayBeListed && !did.includes("leave") ? lookAgain(s) : null;
  if (again !== null) return again;
  if (record !== null && isListed) {
    const because = `${me.instance} has left`;
    return writeRecord(
      s,
      { as: "withdraw", rule: "withdraw-member", because },
      (w) => withdrawn(record, w),
    );
  }
  const hushed = hush(s);
  if (hushed !== null) return hushed;
  const hasLeft = did.includes("leave");
  const end = done("out", hasLeft ? `${me.instance} has left` : `${me.instance} is in no swarm`);
  return isGoingByGroup(o) ? completed(o, "terminating", end) : end;
}

/** Takes its tokens, or its word, away. */
function hush(s: Scene): Decision | null {
  const { o, me, traits, role } = s;
  if (role === "manager" && traits.tokensBy === "instance" && o.memory.published !== "") {
    const isShown = tokens(s, "", ["manager", "worker"]).some(({ by }) => by === me.instance);
    if (isShown) {
      return act({ kind: "retract" }, "withdraw-tokens", "it has left, and shows tokens");
    }
  }
  if (o.memory.said === "nothing" || o.memory.said === "unheard") return null;
  const words = softly(o, { kind: "words", instance: me.instance }) ?? [];
  return words.length === 0 && o.memory.said === null
    ? null
    : act({ kind: "announce", word: null }, "withdraw-word", "it has left, and said that it would");
}
