/** The rules by which a swarm without a quorum gets one again: rows as in `rules.ts`. */
import type { RuleRow } from "./rules.ts";

/** Any act may be what a run comes to when its time is over. */
export const TIME = "time: it was about to do this, or had done it, when its time was over";
export const AGAIN = "run it again: it goes on from there; or give it more time (`--timeout`)";

// deno-fmt-ignore: a table, with one thought a line
export const RECOVERY_RULES = {
  "quorum-held": {
    cases: [["recovering", "its swarm has a leader, and enough managers are reached", "does nothing, exit 0"]],
    exits: [], mend: "",
  },
  "recover-elsewhere": {
    cases: [["recovering", "this node is in no swarm, or a worker; or no swarm is founded, or another one", "exit 5, nothing changed"]],
    exits: [5], mend: "run it on a manager of the founded swarm that is left (`swarm-join status` there says that it is lost). Is none left, a new manager starts anew by itself. Without a record nobody can tell who lives: docs/operations.md, \"A lost quorum\"",
  },
  "members-living": {
    cases: [["recovering", "a member of the record is not gone; or its Engine knows a manager that the record lacks, where EC2 shows a machine, or somebody answers, or outside this VPC", "exit 5, nothing changed (of those that run, or go, after 5 minutes: one that is still on its way in takes itself out of the record between its attempts)"]],
    exits: [5], mend: "the message names each. Is it stopped: start it, and the quorum comes back with its managers; terminate it only if it never will. Does it run: its Engine may be off, or TCP 2377 closed between the managers; one that is about to join withdraws by itself. One that the record does not list: look there (`docker info`), terminate it if it is none or dead. By hand, beside all this: docs/operations.md, \"A lost quorum\"",
  },
  "confirm-recovery": {
    cases: [["recovering", "all other members of the record are gone, and so is whom its Engine knows besides", "writes the record once more, which proves that nobody else is in it; `force-new-cluster` comes next"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "force-new-cluster": {
    cases: [["recovering", "the act before was that write", "keeps a copy of what its Engine has of the swarm, and makes it the whole of it: once in a run, whatever the answer"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "recovery-failed": {
    cases: [["recovering", "the attempt was made, and there is no leader", "waits a minute, exit 5 with the Engine's words"]],
    exits: [5], mend: "the Engine's words are in the message and in `journalctl -u docker`. Restart Docker (`systemctl restart docker`), look with `swarm-join status`, run it again. The copy that the message names is what the Engine had before: docs/operations.md, \"A lost quorum\"",
  },
  "managers-fading": {
    cases: [["recovering", "it has a quorum again, and those that are gone are not down yet", "waits, up to 2 minutes, to remove them"]],
    exits: [3], waitsFor: "the swarm to see that they are down", mend: "nothing: any manager's next run removes them",
  },
  recovered: {
    cases: [["recovering", "it has a quorum again, and all is in order", "done"]],
    exits: [], mend: "",
  },
} as const satisfies { readonly [rule: string]: RuleRow };
