/** (c), (d): a process, or a whole instance, ends at the worst moments. */
import type { RuleSpec } from "../aws.ts";
import type { Node } from "../node.ts";
import type { Run } from "../runs.ts";
import { allDone, AMPLE, type Case, form, lastLines, plans, together } from "../suite.ts";
import type { Store, Vpc } from "../vpc.ts";

/** A moment of a founder's or a joiner's run: the AWS call that it is held at. */
interface Moment {
  name: string;
  rules: Partial<Record<Store, RuleSpec>>;
  /** What the node would do next. */
  plan: string[];
  joiner?: boolean;
}

const HOLD = { kind: "hold" } as const;
const RECORD = "record\\.json$";
const TOKENS = "/tokens/";

const moments: Moment[] = [
  {
    name: "after init, before founding",
    rules: {
      tags: { action: "CreateLaunchTemplate", effect: HOLD },
      s3: { action: "PutObject", path: TOKENS, effect: HOLD },
    },
    plan: ["found", "publish"],
  },
  {
    name: "in the middle of publishing, before founding",
    rules: { s3: { action: "PutObject", path: TOKENS, skip: 1, effect: HOLD } },
    plan: ["found", "publish"],
  },
  {
    name: "after founding, before hearing so",
    rules: {
      tags: { action: "CreateLaunchTemplate", phase: "after", effect: HOLD },
      s3: { action: "PutObject", path: RECORD, phase: "after", effect: HOLD },
    },
    plan: ["publish", "attest", "done"],
  },
  {
    name: "after founding, before marking that it did",
    rules: { s3: { action: "PutObject", path: "/founded/", effect: HOLD } },
    plan: ["attest"],
  },
  {
    name: "after founding, before publishing",
    rules: { tags: { action: "CreateTags", effect: HOLD } },
    plan: ["publish"],
  },
  {
    name: "a joining manager after registering, before joining",
    rules: {
      tags: { action: "CreateLaunchTemplateVersion", phase: "after", effect: HOLD },
      s3: { action: "PutObject", path: RECORD, phase: "after", effect: HOLD },
    },
    // The others may all be dead when it is asked: then it takes itself out again.
    plan: ["register", "join"],
    joiner: true,
  },
];

/** Runs on the node until it is held at the moment; `end` is what happens to it there. */
async function endAt(
  vpc: Vpc,
  node: Node,
  rule: RuleSpec,
  end: () => Promise<void>,
): Promise<void> {
  const held = await vpc.aws.rule({ ...rule, node: node.name, times: 1 });
  const stop = Promise.withResolvers<void>();
  const run = node.run(AMPLE, { killAt: stop.promise });
  const over = run.then(({ code, stderr }) => {
    throw new Error(`exit ${code} before it was held:\n${lastLines(stderr)}`);
  });
  over.catch(() => {});
  await Promise.race([held.reached(), over]);
  stop.resolve();
  await run;
  await end();
  await held.release();
}

export const crashing: Case[] = moments.flatMap((moment): Case[] => {
  const stores = Object.keys(moment.rules) as Store[];
  const victim = moment.joiner ? "m2" : "m1";
  return [
    {
      name: `(c) killed ${moment.name}; all run again`,
      managers: 3,
      workers: 2,
      stores,
      async run(vpc): Promise<void> {
        if (moment.joiner) await form(vpc, vpc.some("m1"));
        const rule = moment.rules[vpc.store];
        if (!rule) return;
        const node = vpc.node(victim);
        await endAt(vpc, node, rule, () => Promise.resolve());
        await plans(vpc, node, ...moment.plan);
        await form(vpc);
      },
    },
    {
      name: `(d) terminated ${moment.name}; the others form one swarm`,
      managers: 3,
      workers: 2,
      stores,
      async run(vpc): Promise<void> {
        if (moment.joiner) await form(vpc, vpc.some("m1"));
        const rule = moment.rules[vpc.store];
        if (!rule) return;
        const node = vpc.node(victim);
        const rest = vpc.all.filter((other) => other !== node);
        let others: Promise<Run[]> = Promise.resolve([]);
        await endAt(vpc, node, rule, async () => {
          others = together(rest);
          await node.terminate();
        });
        allDone(await others);
        await form(vpc, rest);
      },
    },
  ];
});
