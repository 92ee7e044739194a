/** (l): reads of EC2 that are old, for one node or for all: slower, and right. */
import assert from "node:assert/strict";
import { allDone, type Case, form, plans, together } from "../suite.ts";

const LAG_SECONDS = 20;

/**
 * What a manager in the swarm may plan that still sees a world without its own writes. What it would
 * write then counts for nothing.
 */
const OLD_VIEW = [
  "done",
  "publish",
  "found",
  "register",
  "refresh",
  "replace",
  "attest",
  "wait",
  "fail",
];

export const stale: Case[] = [
  {
    name: "(l) a swarm forms while all reads are old",
    managers: 3,
    workers: 2,
    async run(vpc): Promise<void> {
      await vpc.aws.ask("lag", { node: "*", seconds: LAG_SECONDS });
      const [m1, w1] = vpc.some("m1", "w1");
      assert.ok(m1 && w1);
      await plans(vpc, m1, "init");
      await plans(vpc, w1, "wait");
      await form(vpc);
      await plans(vpc, m1, ...OLD_VIEW);
      await plans(vpc, w1, "done", "wait");
    },
  },
  {
    name: "(l) a swarm forms while one manager's reads are old",
    managers: 3,
    workers: 1,
    stores: ["tags"],
    async run(vpc): Promise<void> {
      await vpc.aws.ask("lag", { node: "m2", seconds: 30 });
      await form(vpc);
      await plans(vpc, vpc.node("m2"), ...OLD_VIEW);
      allDone(await together(vpc.some("m2")));
      await vpc.oneSwarm();
    },
  },
  {
    name: "(l) the founder is terminated while all reads are old",
    managers: 3,
    workers: 1,
    async run(vpc): Promise<void> {
      const [m1, ...rest] = vpc.all;
      assert.ok(m1);
      await form(vpc, [m1]);
      await vpc.aws.ask("lag", { node: "*", seconds: LAG_SECONDS });
      await m1.terminate();
      const [m2] = rest;
      assert.ok(m2);
      // By what is shown the founder may still be there, and may have no tokens yet.
      await plans(vpc, m2, "init", "wait");
      await form(vpc, rest);
      await plans(vpc, m2, ...OLD_VIEW);
    },
  },
  {
    name: "(l) a wiped manager comes back while its reads are old",
    managers: 2,
    workers: 0,
    stores: ["tags"],
    async run(vpc): Promise<void> {
      const [m1, m2] = vpc.all;
      assert.ok(m1 && m2);
      await form(vpc, [m1]);
      await vpc.aws.ask("lag", { node: "m1", seconds: LAG_SECONDS });
      await m1.wipe();
      // It may see no record yet, and its own tokens: those go before it inits.
      await plans(vpc, m1, "init", "retract", "withdraw", "wait");
      await form(vpc, [m1, m2]);
      await plans(vpc, m1, ...OLD_VIEW);
    },
  },
];
