/**
 * Every rule by its name, once: when it holds, what a run does then, and what a person can do about it.
 * Log, reports and the docs' tables quote this; `decide/` has the rules themselves.
 */
import { AGAIN, RECOVERY_RULES, TIME } from "./recovery_rules.ts";
import { SILENT, SURVEY_RULES } from "./survey_rules.ts";

/** Where a rule is tried. */
export const PLACES = {
  obstacle: "What stands in the way",
  inSwarm: "A manager in a swarm, whatever its tag says",
  outside: "A manager in no swarm",
  worker: "A worker",
  leaving: "A node that leaves",
  recovering: "A manager without a quorum that recovers",
  survey: "A survey",
  shell: "Around a run",
} as const;
type Place = keyof typeof PLACES;

export interface RuleRow {
  /** In each place where it is tried: when it holds, and what is done then. */
  cases: readonly (readonly [place: Place, when: string, does: string])[];
  /** Exit codes that a run can end with by it. */
  exits: readonly (2 | 3 | 4 | 5 | 6)[];
  /** With exit 3: what the run waited for. */
  waitsFor?: string;
  /** What a person can do when a run ends by it; "" where it never ends badly. */
  mend: string;
}

// deno-fmt-ignore: a table, with one thought a line
export const RULES = {
  "imds-unavailable": {
    cases: [["obstacle", "no identity from IMDS", "waits for it, exit 6"]],
    exits: [6], mend: "run it on an EC2 instance; switch its metadata on (HttpEndpoint); in a container it takes the host's network, or a hop limit of 2",
  },
  "warm-pool": {
    cases: [["obstacle", "the instance is in a warm pool", "waits: it joins when it enters service"]],
    exits: [3], waitsFor: "the instance to enter service", mend: "nothing: it joins then",
  },
  "engine-unavailable": {
    cases: [["obstacle", "no answer from the Engine, or its root CA can't be read", "waits for it, exit 6"]],
    exits: [6], mend: "Docker is not installed or not running, its socket is elsewhere (`DOCKER_HOST=unix://…`), or it is older than API 1.41 (Engine 20.10)",
  },
  "engine-locked": {
    cases: [["obstacle", "the swarm is locked (autolock)", "exit 5: unlock it"]],
    exits: [5], mend: "`docker swarm unlock`; the unit's next try, within five minutes, finds all in order",
  },
  "cloned-disk": {
    cases: [["obstacle", "the Engine is a node at an address that another living instance of the record has", "waits a minute, exit 5: says how the copy gets out"]],
    exits: [5], mend: "the AMI or volume was made of a member that still lives: the message says how this copy gets out. Before making an AMI: leave the swarm, stop Docker, empty its data root",
  },
  "address-unknown": {
    cases: [["obstacle", "the Engine is a node at an address that neither this instance, nor an interface of the machine, nor `--advertise-addr` has, and of nobody else who lives", "waits a minute, exit 5: says which it can be"]],
    exits: [5], mend: "a cloned disk, a volume that was restored on another machine, or an address of its own that only the network knows: the message says what to do in each case. Nothing was changed, and a swarm with other nodes is never left by force",
  },
  "engine-error": {
    cases: [["obstacle", "a member (its certificate says so) whose Engine is in error, and says why", "waits a minute, exit 5 with the Engine's words"]],
    exits: [5], mend: "the Engine's own words are in the message and in `journalctl -u docker`: first restart Docker. A worker that can't come back: `docker swarm leave` there, then swarm-join again. A manager: `docker node demote` it from another one first, and only then leave",
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
    cases: [["obstacle", "a member that is not up yet", "waits, and asks AWS nothing for a minute"]],
    exits: [3], waitsFor: "the Engine", mend: "look at `journalctl -u docker`; \"was removed from swarm\" there: a manager leaves by hand (`docker swarm leave`), a worker by itself",
  },
  "engine-unfit": {
    cases: [["obstacle", "the Engine can't do what this machine needs (overlays over IPv6)", "exit 6 before anything is written"]],
    exits: [6], mend: "install Docker Engine 25 or later, or give the machine an IPv4 address",
  },
  "clock-wrong": {
    cases: [["obstacle", "a join fails on a certificate that is not valid by a clock", "waits for the clock, exit 6 with the Engine's words"]],
    exits: [6], mend: "set the clock of this machine and of the manager (`timedatectl`, chrony), or wait until it is",
  },
  "permission-missing": {
    cases: [["obstacle", "a call was denied", "waits for a policy, exit 4 naming the action"]],
    exits: [4], mend: "the message names the IAM action, or the socket. `deploy/iam/` has all that each role needs; `--dry-run` lists what AWS says about each write",
  },
  "credentials-missing": {
    cases: [["obstacle", "the instance has no role, or one that gives no credentials", "waits for one, exit 4"]],
    exits: [4], mend: "attach an instance profile whose role trusts EC2, with the policy of `deploy/iam/` for this node's role; or set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
  },
  throttled: {
    cases: [["obstacle", "AWS asks to slow down", "waits for seconds, a worker that is refused for the third time for minutes (it is one of a herd, which shares EC2's limits); then asks only for what was refused"]],
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
    cases: [["obstacle", "a region, endpoint, bucket or store that can't be this VPC's, an address that the Engine can't use", "exit 2 before anything is written (an endpoint that does not show this instance: waits for that first)"]],
    exits: [2], mend: "the message names the setting: a region or endpoint that is not this instance's, a bucket of another region, a store that ignores conditions, an address, port or pool that the Engine can't use, or a setting of its own in /etc/docker/daemon.json",
  },
  "record-unreadable": {
    cases: [["obstacle", "the record is damaged, or of a later version of this tool", "waits a minute, exit 5"]],
    exits: [5], mend: "the message says which. Of a later version: install that version. Damaged: read it first (docs/operations.md, \"Looking at the record\"); a manager's swarm-join writes a new one only where none is, so nothing is deleted before a person has seen that it is not the record of a living swarm",
  },
  "record-elsewhere": {
    cases: [["obstacle", "the record is of another account, region, VPC or cluster, and its members are not all terminated", "waits a minute, exit 5"]],
    exits: [5], mend: "two clusters, VPCs or accounts share one store: give each its own `--cluster` (with `--cluster-tag`) or `--store`",
  },
  "ledger-unsettled": {
    cases: [["obstacle", "the log has a gap", "waits 3 minutes, exit 5: a version was deleted by hand"]],
    exits: [5], mend: "versions of the launch template were deleted by hand from its middle. Terminate nothing if its swarm lives: docs/operations.md, \"Starting over\", at its end",
  },
  "role-unknown": {
    cases: [["obstacle", "no role tag, or one that names no role", "waits for it, exit 2"]],
    exits: [2], mend: "give the instance the tag `Role` (or that of `--role-tag`) with `manager` or `worker`, or give `--role`. A tag is seen within seconds, and waited for",
  },
  "cluster-tag-unknown": {
    cases: [["obstacle", "`--cluster-tag` is given, and this instance is of another cluster", "waits for the tag, exit 2"]],
    exits: [2], mend: "with `--cluster-tag KEY`, give the instance that tag with the cluster's name",
  },
  "quorum-lost": {
    cases: [
      ["inSwarm", "its swarm has no quorum", "waits, and names the managers that its Engine knows, and the record's others with their states"],
      ["recovering", "too few managers are reached, and its Engine shows a leader still", "waits until it says so"],
    ],
    exits: [3], waitsFor: "the other managers of this node's swarm", mend: "bring them back: start those that are stopped. If all others are terminated for good: `swarm-join recover` on this one says so, and with `--yes` makes it the whole of its swarm, with all that is in it",
  },
  "found-swarm": {
    cases: [["inSwarm", "no record, and nothing shows another swarm, or this one for another cluster", "founds its swarm: also how a swarm older than this tool is adopted, and a lost record comes back"]],
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
    cases: [["inSwarm", "the CA was rotated; or the Engine knows a reachable manager that is not listed, and it answers; or more is known of one that was listed by its address only", "rewrites the record"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "attest-founding": {
    cases: [["inSwarm", "with S3: its founding is not marked, or the mark is half a day old", "writes a mark, which outlives the record"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "trim-log": {
    cases: [
      ["inSwarm", "all else is in order, and 200 versions of the record's launch template are over an hour old and further back than any read needs", "deletes them; never the default version, nor the last 50 before the record's predecessor; if it can't, it goes on without"],
      ["outside", "it is about to register, and the log is as long", "the same first: where nobody is let in, nobody else trims it"],
    ],
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
  "undo-leave": {
    cases: [
      ["inSwarm", "a leave of its own was begun and not carried through, and nobody says that this machine goes", "takes its drain, its demotion and its mark back; and the drain of a worker that says that it stays"],
      ["worker", "it has said that it leaves, or was demoted for it, and nobody says that this machine goes", "says that it stays; who was a manager leaves, when nothing runs here, and joins anew as one"],
      ["leaving", "it turns out to be the last manager", "takes its drain and its mark back"],
    ],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "label-node": {
    cases: [["inSwarm", "its node, or one that is ready, lacks the labels of its instance, and EC2 shows for certain whose it is", "sets them: by them the dead are told from the living"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "demote-dead-voter": {
    cases: [["inSwarm", "a manager that is down, and EC2 says that its instance is terminated or shutting down, or has forgotten it for an hour; or whose machine is another node now; or that died before it had a label: nobody answers there, EC2 shows nobody at its address, and the record, as a write has just confirmed it, lists nobody there", "demotes it: one at a time"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "remove-dead-node": {
    cases: [["inSwarm", "a node without a vote (or that is listed as a worker and votes all the same) that is down, and is dead in the same way; or that said that it leaves, and neither the record nor its word says so any more", "removes it from the swarm's list"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "drain-leaving": {
    cases: [
      ["inSwarm", "a worker says that it leaves", "drains it"],
      ["leaving", "a manager, and others answer", "drains itself"],
    ],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "voter-going": {
    cases: [["inSwarm", "another manager's instance is shutting down, or is terminated and still listed; or this run has joined, and another manager does not answer its swarm", "waits, to reap it: up to 5 minutes (2 for one that EC2 shows running), and no longer than half of `--timeout`"]],
    exits: [3], waitsFor: "a manager that goes to be gone, and to be reaped", mend: "a manager that keeps takes it out once its instance is terminated; else run swarm-join on one: until then it counts in the swarm's quorum",
  },
  "in-order": {
    cases: [
      ["inSwarm", "all of that is as it should be", "done"],
      ["worker", "in the founded swarm, and a manager answers; or none is founded, and a manager that its Engine knows answers", "done"],
    ],
    exits: [], mend: "",
  },
  "swarm-unfounded": {
    cases: [
      ["inSwarm", "its own swarm is empty and not founded, and something shows another one: tokens, marks, or an instance that was launched before this one and answers on port 2377", "waits: run swarm-join there once"],
      ["outside", "no record, and something shows a swarm: another instance's tokens, with S3 the mark of a founding, or another manager that answers on port 2377; or every member of the record is gone, and another instance of a role answers there", "waits: run swarm-join there once; takes its own old tokens back"],
    ],
    exits: [3], waitsFor: "somebody to found the swarm that is there", mend: "run swarm-join once on the manager that the message names: the record was lost, or never written. If those managers are another cluster's, give each cluster its own `--cluster-tag`, and delete nothing. If all of that swarm is dead: docs/operations.md, \"A lost record\"",
  },
  "swarm-conflict": {
    cases: [
      ["inSwarm", "its swarm is another cluster's, or any other case of two swarms", "exit 5, nothing changed (with tags after 3 minutes: the read may be old)"],
      ["outside", "no record, and two swarms are shown", "exit 5 after 3 minutes"],
      ["worker", "in any other swarm; or in a replaced one with tasks, without `--abandon-tasks`", "exit 5, nothing changed"],
    ],
    exits: [5], mend: "two swarms, where there may be one; the message says which, and how this node gets out: a worker leaves without force, a manager is demoted first, and only the last node of a swarm leaves with `--force`. Tokens or marks of two shown, and none founded: find out which swarm lives, delete what shows the other one (its tags; with S3 its object below `founded/`), run swarm-join on a manager of the one that lives",
  },
  "first-manager": {
    cases: [["outside", "no record, and nothing shows a swarm", "takes its own old tokens back, inits; `found-swarm` comes next"]],
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
      ["outside", "all that answer would not let it in", "takes itself out of the record, waits 15 s, tries again; longer each time, up to 2 minutes (5, if they can't reach it back)"],
      ["worker", "the same", "waits 15 s, tries again; longer each time, up to 2 minutes"],
    ],
    exits: [3], waitsFor: "a manager to let this node in", mend: "the Engine's words are in the message; a manager without quorum lets nobody in (`swarm-join status` there says so, and what to do), and a manager has to be reached by the others on TCP 2377",
  },
  "withdraw-member": {
    cases: [["outside", "it is listed, and nobody answers, or nobody who answers lets it in, or every other member is gone", "takes itself out; `members-gone` may come next"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "swarm-missing": {
    cases: [["outside", "it is listed, or shows tokens, and its Engine is in no swarm", "looks again for 30 s before it withdraws or starts one: Docker's data root may not be mounted yet"]],
    exits: [3], waitsFor: "this node's swarm to be there again", mend: "nothing, if this Engine was emptied: it goes on after 30 s",
  },
  "members-silent": {
    cases: [["outside", "nobody answers, and not all are gone", "waits, and names whom for"]],
    exits: [3], waitsFor: "a manager of the founded swarm to answer on port 2377", mend: SILENT,
  },
  "no-swarm-yet": {
    cases: [["worker", "in no swarm, no record", "waits"]],
    exits: [3], waitsFor: "a manager to found a swarm", mend: "start one: an instance tagged `Role=manager`. If there are managers, look at what they wait for: the record may be lost",
  },
  "managers-silent": {
    cases: [["worker", "no manager of the founded swarm answers", "waits, in the swarm or outside"]],
    exits: [3], waitsFor: "a manager of the founded swarm to answer on port 2377", mend: SILENT,
  },
  "node-removed": {
    cases: [["worker", "its Engine has been coming up for a minute, or its certificate ran out, and for a minute more most of its swarm's managers answer", "leaves, without force, and joins anew; with tasks here and without `--abandon-tasks` exit 5"]],
    exits: [3, 5], waitsFor: TIME, mend: "the swarm does not know this node any more (`docker node rm`, or it was off for too long): stop the tasks that the message counts, or give --abandon-tasks, then again",
  },
  "swarm-replaced": {
    cases: [["worker", "in a swarm that the founded one replaced, with no task here (or with `--abandon-tasks`)", "leaves, then joins"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "managers-lost": {
    cases: [["inSwarm", "the record lists it, its Engine runs no manager any more and says nothing of a quorum; no manager answers, and no other of the record's members is stopped", "as a worker"], ["worker", "the record lists it as a manager, which somebody demoted; no manager answers, and no other of the record's members is stopped", "waits 3 minutes, leaves and joins anew; with tasks here and without `--abandon-tasks` exit 5"]],
    exits: [3, 5], waitsFor: "a manager of its swarm to answer", mend: "promote it again on a manager that lives (`docker node promote`); if none does, stop the tasks that the message counts, or give --abandon-tasks, then again",
  },
  going: {
    cases: [["obstacle", "Auto Scaling, or a spot notice, says that this machine goes", "joins nothing, exit 3"]],
    exits: [3], waitsFor: "nothing: this machine goes", mend: "nothing: `swarm-join leave` takes it out of its swarm",
  },
  "not-going": {
    cases: [["leaving", "with `--if-terminating`, and neither Auto Scaling, nor a spot notice, nor EC2 says that this machine goes", "does nothing, exit 0"]],
    exits: [], mend: "",
  },
  "last-manager": {
    cases: [["leaving", "no other node has a vote", "exit 5, nothing changed"]],
    exits: [5], mend: "the swarm would be lost with its last manager: start another manager first. To give the swarm up for good: `docker swarm leave --force`",
  },
  "leave-unfounded": {
    cases: [["leaving", "a manager of a swarm that is not the founded one", "exit 5, nothing changed"]],
    exits: [5], mend: "`swarm-join` says what is wrong with its swarm; to give it up: `docker swarm leave --force`",
  },
  "leave-turn": {
    cases: [["leaving", "another manager, marked before it, still votes", "waits for its turn, till its time is nearly over"]],
    exits: [3], waitsFor: "the managers that leave before this one", mend: AGAIN,
  },
  "mark-leaving": {
    cases: [["leaving", "a manager whose turn it is", "marks its entry in the record, before it counts as none"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "leave-quorum": {
    cases: [["leaving", "the other managers that answer are no quorum of the others, or the swarm refuses", "waits"]],
    exits: [3], waitsFor: "enough other managers to answer", mend: "`swarm-join status` says who does not answer; start another manager, or bring those back",
  },
  "demote-itself": {
    cases: [["leaving", "a manager that is marked, and the others are a quorum without it", "demotes itself"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "demotion-pending": {
    cases: [["leaving", "it was demoted, and its Engine does not know yet", "waits; where it can't read its swarm for a minute, it leaves as a worker does, which its Engine refuses while it votes"]],
    exits: [3], waitsFor: "this node's certificate as a worker", mend: "run it again; `journalctl -u docker` says what the Engine waits for",
  },
  "announce-leave": {
    cases: [["leaving", "a worker, and the managers do not know", "says so, for a manager to drain it"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "tasks-running": {
    cases: [
      ["leaving", "tasks run here", "waits until they have moved"],
      ["worker", "it was demoted by a leave that was not carried through, and tasks run here", "waits until they have moved, to join anew as a manager"],
    ],
    exits: [3], waitsFor: "the tasks here to end", mend: "a manager that keeps drains this worker; else run swarm-join on one. Or give it more time (`--timeout`)",
  },
  "stop-tasks": {
    cases: [["leaving", "half of its time is over and tasks run here", "stops them, each with the time that is left to end by itself"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "leave-swarm": {
    cases: [["leaving", "a worker on which nothing runs, or whose time is over", "leaves, without force"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "withdraw-tokens": {
    cases: [["leaving", "in no swarm, and it shows tokens", "takes them away"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "withdraw-word": {
    cases: [["leaving", "in no swarm, and it has said that it leaves", "takes that back"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  out: {
    cases: [["leaving", "in no swarm, and nothing says that it is in one", "done"]],
    exits: [], mend: "",
  },
  ...RECOVERY_RULES,
  "complete-hook": {
    cases: [
      ["leaving", "it is out, and a terminating hook of its Auto Scaling group holds it (`Terminating:Wait`)", "completes the hook"],
      ["inSwarm", "under `keep`: in order and reached by its swarm, and a launching hook holds it (`Pending:Wait`)", "completes the hook"],
      ["worker", "under `keep`: in order, and a launching hook holds it", "completes the hook"],
      ["obstacle", "under `keep`: in a warm pool, and a launching hook holds it (`Warmed:Pending:Wait`)", "completes the hook"],
    ],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  "hook-pending": {
    cases: [
      ["leaving", "it is out, and its hook does not hold it yet (`Terminating`: load balancers come first), or Auto Scaling does not answer, or knows nothing of it while the metadata do", "waits to the end of its time; half a minute for an answer; is done then, and says what it could not tell"],
      ["inSwarm", "under `keep`: a launching hook, and its swarm does not reach it yet, or Auto Scaling does not answer", "waits"],
    ],
    exits: [3], waitsFor: "Auto Scaling, or this manager's swarm to reach it", mend: AGAIN,
  },
  "hook-heartbeat": {
    cases: [["leaving", "Auto Scaling says that it goes, it waits for others, or for its tasks, and half of its hook's time is over", "sends a heartbeat, for the time to begin anew"]],
    exits: [3], waitsFor: TIME, mend: AGAIN,
  },
  ...SURVEY_RULES,
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
