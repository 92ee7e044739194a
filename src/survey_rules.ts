/** The rules by which a survey alone speaks, beside those that would stop a join: rows as in `rules.ts`. */
import type { RuleRow } from "./rules.ts";

/** What to do about a member that does not answer. */
export const SILENT =
  'the message names each and its state. If it runs, allow TCP 2377 between the nodes; if it is stopped, start it. Terminate it only if it will never come back: with the last of them the swarm\'s services, secrets and configs are lost, and a new, empty swarm is founded. One that is known by its address only, outside this VPC, counts as alive until its swarm or a person drops it: if that swarm is dead, docs/operations.md, "Starting over"';

// deno-fmt-ignore: a table, with one thought a line
export const SURVEY_RULES = {
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
  "member-leaving": {
    cases: [["survey", "a member has said that it leaves, and is not gone", "a warning: until it is out, others that leave wait for it"]],
    exits: [], mend: "it leaves at this moment, or broke off. There: `swarm-join leave` goes on with it, `swarm-join` takes it back",
  },
  "ghost-voter": {
    cases: [["survey", "a manager is dead and still has a vote", "a warning: it counts in the quorum, and never answers"]],
    exits: [], mend: "a manager that keeps takes it out within a minute; else run swarm-join on one. By hand: `docker node demote NODE`; once `docker node ls` shows it as no manager, `docker node rm NODE`",
  },
  "ghost-node": {
    cases: [["survey", "a node without a vote is dead, or has left", "a note: the next run on a manager removes it"]],
    exits: [], mend: "a manager that keeps removes it within a minute; else run swarm-join on one. By hand: `docker node rm NODE`",
  },
  "voter-silent": {
    cases: [["survey", "a manager with a vote is down or not reached, and not dead for certain", "a warning: it counts in the quorum, and does not answer"]],
    exits: [], mend: "start its machine or its Engine, or allow TCP 2377 between the managers. If it will never come back: terminate it, and a manager that keeps takes it out, or run swarm-join on one; what that can't tell is taken out by hand: `docker node demote NODE`, then `docker node rm NODE`",
  },
  "vote-missing": {
    cases: [["survey", "a node was let in as a manager, and has no vote", "a warning: it counts for nothing"]],
    exits: [], mend: "it joins at this moment, or the other managers can't reach it back on TCP 2377: allow that, and run swarm-join there. If it never becomes one: `docker swarm leave` there, and once it is down `docker node rm NODE`",
  },
  stowaway: {
    cases: [["survey", "a node is listed as a worker, is to be one, and votes", "a warning: nobody counts it as a manager but raft"]],
    exits: [], mend: "`docker node promote NODE`; once `docker node ls` shows it as Reachable, `docker node demote NODE`",
  },
  "demotion-standing": {
    cases: [["survey", "a manager was told to be a worker, and still votes", "a warning: the order stands, and is carried out whenever the quorum allows it, days later too"]],
    exits: [], mend: "look again in a minute. If it stays so, the quorum does not allow it: bring back the managers that do not answer. To call it off: `docker node promote NODE`",
  },
  "vote-left-over": {
    cases: [["survey", "this node's Engine knows a manager at an address that no listed voter has", "a warning: a node may have been removed before its vote was"]],
    exits: [], mend: "look again in a minute. If it stays so, its vote counts and nobody casts it; the swarm takes it out by itself as soon as enough others are reached: bring back the managers that do not answer",
  },
  "voters-even": {
    cases: [["survey", "an even number of managers votes", "a note: one less would stand as many losses"]],
    exits: [], mend: "add a manager, or take one out: `swarm-join leave` there",
  },
  "zone-decides": {
    cases: [["survey", "three or more vote, and the loss of one zone takes the quorum", "a note"]],
    exits: [], mend: "spread the managers over three zones, evenly: an Auto Scaling group with a subnet in each does",
  },
  "node-down": {
    cases: [["survey", "a node without a vote is down, and not dead for certain", "a warning"]],
    exits: [], mend: "start its machine or its Engine. If it will never come back: terminate it, and a run on a manager removes it; by hand: `docker node rm NODE`",
  },
  "node-nameless": {
    cases: [["survey", "nodes have no label, and EC2 does not show for certain whose they are", "a note: once they are dead, nobody can tell"]],
    exits: [], mend: "run swarm-join on each, once: a worker's label comes with the next run on a manager. Those outside this VPC stay so: who is gone for good is removed by hand (`docker node rm`)",
  },
  "machine-outside": {
    cases: [["survey", "an instance has a role by its tag, has run for 15 minutes, and is no node of the swarm (not with `--role`)", "a note"]],
    exits: [], mend: "its run fails: `journalctl -u swarm-join` there says why. If it says that all is well there, the node was removed while it ran, and can't know it: `docker swarm leave` there, then swarm-join; or reboot it. If it is another cluster's: give each its own `--cluster-tag`",
  },
  "drain-left-over": {
    cases: [["survey", "a node that is up was drained by a leave, and nobody says that it leaves", "a warning: no task runs there"]],
    exits: [], mend: "there: `swarm-join leave` ends it, `swarm-join` takes it back. By hand: `docker node update --availability active --label-rm swarm-join.left NODE`",
  },
  "tokens-stale": {
    cases: [["survey", "join tokens are shown that are not the swarm's, or a member shows none", "a warning: who joins by them is refused, or waits"]],
    exits: [], mend: "look again in a minute: managers that keep publish them. If it stays so, run swarm-join on those that the message names",
  },
  "unit-joins-only": {
    cases: [["survey", "the unit `swarm-join.service` of systemd runs a join, and no `keep`", "a note: nobody looks after this node between two boots, but for `swarm-join.timer`"]],
    exits: [], mend: "take deploy/swarm-join.service, which runs `swarm-join keep`. Or leave it so: it then needs the other units of deploy/one-shot, on managers the timer above all",
  },
  "unit-stops-early": {
    cases: [["survey", "the unit runs `keep`, and systemd kills it before it could have left", "a warning: the node may be cut off in the middle of its leave"]],
    exits: [], mend: "`TimeoutStopSec=130` in its section `[Service]`, as deploy/swarm-join.service has it; then `systemctl daemon-reload`",
  },
  "hook-missing": {
    cases: [["survey", "its Auto Scaling group has no hook of terminating instances", "of a manager a warning, of a worker a note: it has what a shutdown gives to leave"]],
    exits: [], mend: "`aws autoscaling put-lifecycle-hook --auto-scaling-group-name GROUP --lifecycle-hook-name swarm-join-leave --lifecycle-transition autoscaling:EC2_INSTANCE_TERMINATING --heartbeat-timeout 900 --default-result CONTINUE`, with `swarm-join keep` on the machines",
  },
  "hook-short": {
    cases: [["survey", "such a hook times out in less than two minutes", "the same"]],
    exits: [], mend: "put it again with a longer `--heartbeat-timeout` (900): it is the time in which a leave that was interrupted can be begun anew; one that goes on sends heartbeats",
  },
  next: {
    cases: [["survey", "a join would do something now", "a note: what, and why"]],
    exits: [], mend: "",
  },
} as const satisfies { readonly [rule: string]: RuleRow };
