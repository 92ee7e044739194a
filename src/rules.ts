/**
 * Every rule by its name, once: when it holds, what a run does then, and what a person can do about it.
 * Log, reports and the docs' tables quote this; `decide/` has the rules themselves.
 */

/** Where a rule is tried. */
export const PLACES = {
  obstacle: "What stands in the way",
  inSwarm: "A manager in a swarm, whatever its tag says",
  outside: "A manager in no swarm",
  worker: "A worker",
  survey: "A survey",
  shell: "Around a run",
} as const;
type Place = keyof typeof PLACES;

interface RuleRow {
  /** In each place where it is tried: when it holds, and what is done then. */
  cases: readonly (readonly [place: Place, when: string, does: string])[];
  /** Exit codes that a run can end with by it. */
  exits: readonly (2 | 3 | 4 | 5 | 6)[];
  /** With exit 3: what the run waited for. */
  waitsFor?: string;
  /** What a person can do when a run ends by it; "" where it never ends badly. */
  mend: string;
}

const SILENT =
  "the message names each and its state. Start it, or terminate it if it will not come back: when all of them are terminated, a new swarm is founded. If it runs, allow TCP 2377 between the nodes";

/** Any act may be what a run comes to when its time is over. */
const TIME = "time: it was about to do this, or had done it, when its time was over";
const AGAIN = "run it again: it goes on from there; or give it more time (`--timeout`)";

// deno-fmt-ignore: a table, with one thought a line
export const RULES = {
  "imds-unavailable": {
    cases: [["obstacle", "no identity from IMDS", "waits a minute, exit 6"]],
    exits: [6], mend: "run it on an EC2 instance; switch its metadata on (HttpEndpoint); in a container it takes a hop limit of 2",
  },
  "warm-pool": {
    cases: [["obstacle", "the instance is in a warm pool", "waits: it joins when it enters service"]],
    exits: [3], waitsFor: "the instance to enter service", mend: "nothing: it joins then",
  },
  "engine-unavailable": {
    cases: [["obstacle", "no answer from the Engine, or its root CA can't be read", "waits a minute, exit 6"]],
    exits: [6], mend: "Docker is not installed or not running, its socket is elsewhere (`DOCKER_HOST=unix://…`), or it is older than API 1.41 (Engine 20.10)",
  },
  "engine-locked": {
    cases: [["obstacle", "the swarm is locked (autolock)", "exit 5: unlock it"]],
    exits: [5], mend: "`docker swarm unlock`, then again",
  },
  "cloned-disk": {
    cases: [["obstacle", "the Engine is a node at an address that this instance does not have", "exit 5: leave, and clean the AMI"]],
    exits: [5], mend: "the AMI was made of a member. Here: `docker swarm leave --force`. Before making an AMI: leave the swarm, stop Docker, empty its data root",
  },
  "engine-error": {
    cases: [["obstacle", "a member (its certificate says so) whose Engine is in error", "waits a minute, exit 5 with the Engine's words"]],
    exits: [5], mend: "the Engine's own words are in the message, if it has any, and in `journalctl -u docker`; most often an expired certificate or a lost disk. A worker that runs nothing: `docker swarm leave --force`, then again. A manager: demote it from another one before",
  },
  "attempt-pending": {
    cases: [["obstacle", "an attempt to join goes on in the background", "waits up to 15 s"]],
    exits: [3], waitsFor: "the Engine", mend: "look at `journalctl -u docker`",
  },
  "attempt-failed": {
    cases: [["obstacle", "it failed, or took longer", "leaves, without force: if it made it after all, a manager refuses"]],
    exits: [3], waitsFor: "the Engine to give an attempt up", mend: "look at `journalctl -u docker`",
  },
  "engine-starting": {
    cases: [["obstacle", "a member that is not up yet", "waits"]],
    exits: [3], waitsFor: "the Engine", mend: "look at `journalctl -u docker`",
  },
  "permission-missing": {
    cases: [["obstacle", "a call was denied", "waits 30 s (IAM is slow), exit 4 naming the action"]],
    exits: [4], mend: "the message names the IAM action, or the socket. `deploy/iam/` has all that each role needs; `--dry-run` lists what AWS says about each write",
  },
  "credentials-missing": {
    cases: [["obstacle", "the instance has no role, or one that gives no credentials", "waits a minute, exit 4"]],
    exits: [4], mend: "attach an instance profile whose role trusts EC2, with the policy of `deploy/iam/` for this node's role; or set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
  },
  throttled: {
    cases: [["obstacle", "AWS asks to slow down", "waits, a worker for minutes (a herd shares EC2's limits), a manager for seconds; then asks only for what was refused"]],
    exits: [3], waitsFor: "AWS", mend: "a limit of requests: start fewer nodes at once, or ask AWS for more",
  },
  unreachable: {
    cases: [["obstacle", "AWS or the Engine does not answer, or not sense", "waits"]],
    exits: [3], waitsFor: "AWS, or the Engine", mend: "of AWS: a route to EC2's or S3's endpoint (NAT or a VPC endpoint). Of the Engine: `journalctl -u docker`",
  },
  "not-shown": {
    cases: [["obstacle", "what a call named is not there, or not shown yet", "waits, looks again"]],
    exits: [3], waitsFor: "what the message names to be shown", mend: "the message names it: it may be new, or was deleted by hand",
  },
  "write-lost": {
    cases: [["obstacle", "somebody else wrote first", "waits a moment, reads again"]],
    exits: [3], waitsFor: "a write of the record without another one in between", mend: "nothing: many nodes write at this moment",
  },
  "engine-refused": {
    cases: [["obstacle", "the Engine refuses what it was asked", "waits a minute, exit 5 with its words"]],
    exits: [5], mend: "the Engine said no, in the words of the message",
  },
  "aws-refused": {
    cases: [["obstacle", "AWS refuses what it was asked, and it is no permission", "waits a minute, exit 5 with its words"]],
    exits: [5], mend: "AWS said no, in the words of the message: most often a quota, or a setting of the account",
  },
  "setting-unusable": {
    cases: [["obstacle", "no such bucket, another region, an address that the Engine can't use", "exit 2"]],
    exits: [2], mend: "the message names the setting: a bucket that does not exist or is in another region, an address, port or pool that the Engine can't use, or a setting of its own in /etc/docker/daemon.json",
  },
  "record-unreadable": {
    cases: [["obstacle", "the record is damaged, or of a later version of this tool", "waits 30 s, exit 5"]],
    exits: [5], mend: "the record is damaged, or written by a later version: install that version. To start over: \"Starting over\" in docs/operations.md",
  },
  "record-elsewhere": {
    cases: [["obstacle", "the record is of another account, region, VPC or cluster, and its members are not all terminated", "waits 30 s, exit 5"]],
    exits: [5], mend: "two clusters, VPCs or accounts share one store: give each its own `--cluster` or `--store`",
  },
  "ledger-unsettled": {
    cases: [["obstacle", "the log has a gap", "waits 3 minutes, exit 5: a version was deleted by hand"]],
    exits: [5], mend: "versions of the launch template were deleted by hand from its middle. To start over: \"Starting over\" in docs/operations.md",
  },
  "role-unknown": {
    cases: [["obstacle", "no role tag, or one that names no role", "waits a minute, exit 2"]],
    exits: [2], mend: "give the instance the tag `Role` (or that of `--role-tag`) with `manager` or `worker`, or give `--role`. A tag is seen within seconds; it waits a minute for it",
  },
  "cluster-tag-unknown": {
    cases: [["obstacle", "`--cluster-tag` is given, and this instance is of another cluster", "waits a minute, exit 2"]],
    exits: [2], mend: "with `--cluster-tag KEY`, give the instance that tag with the cluster's name",
  },
  "quorum-lost": {
    cases: [["inSwarm", "its swarm has no quorum", "waits, and names the other managers and their states"]],
    exits: [3], waitsFor: "the other managers of this node's swarm", mend: "bring them back. If they are gone for good, that is for a person: `docker swarm init --force-new-cluster`, which swarm-join never does",
  },
  "found-swarm": {
    cases: [["inSwarm", "no record, and nobody shows another swarm's tokens", "founds its swarm: also how a swarm older than this tool is adopted"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "register-member": {
    cases: [
      ["inSwarm", "in the founded swarm, not listed", "adds itself"],
      ["outside", "a member answers, and its swarm's token is shown", "adds itself to the record"],
    ],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "publish-tokens": {
    cases: [["inSwarm", "its tokens are not shown as they are now", "publishes them (with S3: before it founds)"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "refresh-record": {
    cases: [["inSwarm", "the CA was rotated, or the Engine knows a reachable manager that is not listed, and it answers", "rewrites the record"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "replace-dead-swarm": {
    cases: [["inSwarm", "the record names another swarm, whose members are all gone", "replaces it by its own"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "yield-to-founded": {
    cases: [["inSwarm", "another swarm is founded, and its own is this node alone, empty", "registers there, then leaves its own"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "in-order": {
    cases: [
      ["inSwarm", "all of that is as it should be", "done"],
      ["worker", "in the founded swarm, and a manager answers; or in a swarm while none is founded", "done"],
    ],
    exits: [], mend: "",
  },
  "swarm-unfounded": {
    cases: [
      ["inSwarm", "no record, another instance shows tokens, and its own swarm is empty", "waits: run swarm-join there once"],
      ["outside", "no record, and another instance shows tokens", "waits: run swarm-join there once"],
    ],
    exits: [3], waitsFor: "somebody to found the swarm whose tokens an instance shows", mend: "run swarm-join once on the manager that the message names; if its tokens are left over from a dead swarm, delete these two tags",
  },
  "swarm-conflict": {
    cases: [
      ["inSwarm", "any other case of two swarms", "exit 5, nothing changed (with tags after 3 minutes: the read may be old)"],
      ["outside", "no record, and tokens of two swarms are shown", "exit 5 after 3 minutes"],
      ["worker", "in any other swarm, or with tasks", "exit 5, nothing changed"],
    ],
    exits: [5], mend: "two swarms, where there may be one; the message says which. In another one than the founded: keep one, move what runs here, `docker swarm leave --force`, run swarm-join again. Tokens of two shown, and none founded: delete the tags of the one that is not wanted, run swarm-join on a manager of the other",
  },
  "first-manager": {
    cases: [["outside", "no record, and no other instance that is not gone shows tokens", "takes its own old tokens back, inits; `found-swarm` comes next"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "members-gone": {
    cases: [["outside", "every member is gone, and it is not listed itself", "takes its own old tokens back, inits; `replace-dead-swarm` comes next"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "join-swarm": {
    cases: [
      ["outside", "and it has registered in this run", "joins through one that answers; each is tried, in random order"],
      ["worker", "in no swarm", "joins, without registering"],
    ],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "token-missing": {
    cases: [
      ["outside", "a member answers, and no token is shown that was not rejected", "waits"],
      ["worker", "the same", "waits"],
    ],
    exits: [3], waitsFor: "a token that a manager has not rejected", mend: "run swarm-join on a manager: it publishes the current ones",
  },
  "joins-failed": {
    cases: [
      ["outside", "all that answer would not let it in", "waits 15 s, tries again"],
      ["worker", "the same", "waits 15 s, tries again"],
    ],
    exits: [3], waitsFor: "a manager to let this node in", mend: "read the reason behind each address; a manager without quorum lets nobody in",
  },
  "withdraw-member": {
    cases: [["outside", "it is listed, and nobody answers, or every other member is gone", "takes itself out; `members-gone` may come next"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "members-silent": {
    cases: [["outside", "nobody answers, and not all are gone", "waits, and names whom for"]],
    exits: [3], waitsFor: "a manager of the founded swarm to answer on port 2377", mend: SILENT,
  },
  "no-swarm-yet": {
    cases: [["worker", "in no swarm, no record", "waits"]],
    exits: [3], waitsFor: "a manager to found a swarm", mend: "start one: an instance tagged `Role=manager`",
  },
  "managers-silent": {
    cases: [["worker", "no manager of the founded swarm answers", "waits, in the swarm or outside"]],
    exits: [3], waitsFor: "a manager of the founded swarm to answer on port 2377", mend: SILENT,
  },
  "swarm-replaced": {
    cases: [["worker", "in a swarm that the founded one replaced, with no task here", "leaves, then joins"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  surveyed: {
    cases: [["survey", "all was looked at", "tells what it found: exit 0, or 5 with an error"]],
    exits: [5], mend: "each finding says how it is mended",
  },
  "member-silent": {
    cases: [["survey", "a member that is not gone does not answer on port 2377", "a warning"]],
    exits: [], mend: SILENT,
  },
  "member-gone": {
    cases: [["survey", "a member is gone for good", "a note: whoever writes the record next drops it"]],
    exits: [], mend: "",
  },
  next: {
    cases: [["survey", "a join would do something now", "a note: what, and why"]],
    exits: [], mend: "",
  },
  usage: {
    cases: [["shell", "a flag, a variable or a file is wrong", "exit 2 before anything is done"]],
    exits: [2], mend: "correct the flag or variable that the message names",
  },
  "node-lock": {
    cases: [["shell", "another run holds the node's lock, or it can't be had", "waits for that run; exit 4 if the lock file can't be opened, 6 if it can't be made"]],
    exits: [3, 4, 6], waitsFor: "another run on this node", mend: "if another run holds it, let that end. If the file can't be opened, run it as root; if its folder does not exist, `--lock-file` names another under /run",
  },
  stopped: {
    cases: [["shell", "it was sent SIGTERM or SIGINT", "ends at once, exit 3"]],
    exits: [3], waitsFor: "-", mend: "nothing is left half done: the next run goes on from there",
  },
} as const satisfies { readonly [rule: string]: RuleRow };

export type Rule = keyof typeof RULES;
