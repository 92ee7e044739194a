/** The bench's table, and docs/performance.md around it. */
import { type Contestant, FLOOR, FLOOR_CONNECT, S3, TAGS } from "./contestants.ts";
import { READ_AHEAD_KB } from "./disk.ts";
import { BOOTS, ENGINE, type Metric, type Results } from "./results.ts";
import { summarize } from "./stats.ts";
import { targetsOf } from "./targets.ts";

export interface About {
  /** The machine and what ran on it, as name and value. */
  machine: [string, string][];
  command: string;
  seconds: number;
}

interface Row {
  title: string;
  metric: Metric;
  unit: number;
  digits: number;
}

const MS = { unit: 1, digits: 0 };
const MB = { unit: 1e6, digits: 1 };

const ROWS: readonly Row[] = [
  { title: "(a) start to the first byte to IMDS, ms", metric: "firstByteMs", ...MS },
  { title: "(b) dry run, ms", metric: "dryRunMs", ...MS },
  { title: "(b) of it, to the first AWS request, ms", metric: "firstAwsMs", ...MS },
  { title: "(c) boot to first manager (init), ms", metric: "initMs", ...MS },
  { title: "(c) boot to second manager, ms", metric: "managerMs", ...MS },
  { title: "(c) boot to worker, ms", metric: "workerMs", ...MS },
  { title: "(d) peak memory of a dry run, MB", metric: "peakBytes", ...MB },
  { title: "(e) bytes on disk, MB", metric: "diskBytes", ...MB },
  { title: "(e) bytes read from disk by a dry run, MB", metric: "readBytes", ...MB },
  { title: "(f) AWS calls of a dry run", metric: "dryRunCalls", ...MS },
  { title: "(f) AWS calls of a first manager", metric: "initCalls", ...MS },
  { title: "(f) AWS calls of a second manager", metric: "managerCalls", ...MS },
  { title: "(f) AWS calls of a worker", metric: "workerCalls", ...MS },
];

/** All that was measured, the targets, and the phases of a boot. */
export function tableOf(contestants: readonly Contestant[], results: Results): string {
  return [
    figures(contestants, results),
    targets(results),
    ...phases(results),
  ].filter((part) => part !== "").join("\n\n");
}

export function documentOf(
  contestants: readonly Contestant[],
  results: Results,
  { machine, command, seconds }: About,
): string {
  const [byPhase = "", ...rest] = phases(results);
  return `# Performance

swarm-join runs once, cold, on a machine that is busy booting. \`make bench\` measures that beside what
else could do the job, and wrote this page. Figures are medians, with the first and third quartile
behind them.

${figures(contestants, results)}

| | |
| --- | --- |
${machine.map(([name, value]) => `| ${name} | ${value} |`).join("\n")}
| command | \`${command}\` (${seconds} s) |

## Targets

${targets(results)}

## Where the time from boot to member goes

Milliseconds in each kind of call, as \`--json\` tells in \`phases\`. Calls that are made side by side
overlap, so a column's sum is more than its whole. "start and end" is the process itself: from its
making to its first own instruction, and from its report to its end.

${[byPhase, ...rest].join("\n\n")}

## What makes a run short

Most of what a run does by itself is to read and compile its own JavaScript, so less of that is loaded,
and later. What each step took off a dry run, measured beside the one before:

| step | tags | S3 |
| --- | --- | --- |
| EC2 is called by the SDK's protocol and signer, without its client and the client's middlewares | 13 % | 4 % |
| S3 too | 10 % | 25 % |
| the SDK is loaded while IMDS answers | 5 % | 8 % |
| permissions are asked beside the other reads, as soon as the role is known | 8 % | none |

Tried and not kept, because nothing, or too little, could be measured: V8's \`--no-lazy\`,
\`--lite-mode\`, \`--single-threaded\`, \`--no-opt\` or \`--no-lazy-feedback-allocation\` in place of or
beside \`--jitless\`; a young generation so large that nothing is collected; one file instead of several
(of 1.4 MB: much less is then dropped as unused); functions without their names; a call that is
rehearsed while IMDS answers.

## What is measured, and how

- **${FLOOR}** is compiled with the same toolchain and does nothing; under (a) and (b) it is its whole
  life. **${FLOOR_CONNECT}** opens a connection and writes one byte. No program of this runtime can be
  quicker than these.
- **Python, boto3** and **bash, AWS CLI** are the first sketch's algorithm (\`tests/bench/programs\`), with
  IMDSv2, filters on the server's side, and the same result: a member, its tokens in its tags. They
  do less: no founding record, so two managers that boot together make two swarms; no check of
  permissions, no retry, no deadline. The Python speaks to the Engine over its socket; the bash uses
  \`docker\`. The AWS CLI is version 1, from PyPI; bash reaches IMDS first because \`curl\` starts before
  any of it.
- Everything runs in one go, in a new order each round, in namespaces of its own on one machine: real
  Engines, an IMDS, and moto as AWS. moto answers one request at a time, in some 10 ms each, so calls that
  are made side by side cost here as if they came one after another; AWS takes longer, and answers them
  at the same time. A dry run of the tags store makes four calls more than it needs to decide: it asks
  whether the writes that may come would be allowed, which the others do not.
- (a) is taken by a listener that is the metadata service: from just before the process is made to its
  first byte. Files are in memory. (b) is a node that would init, (c) a node's whole way from an Engine
  that is up to the tool's end.
- **${ENGINE}** is asked for the same by a program that was running already. Its join takes 0.54 s, and a
  good quarter of a second more every few times, whoever asks; so the target of (c) is each run less the
  init or join in that very run.
- (d) is the largest resident set of any one process (\`wait4\`); pages of a mapped file count once
  touched.
- (e) on disk: the program and all that only it needs; Python's interpreter and library count, the C
  library and the Engine do not. Read from disk: its files are on a disk of the bench's own that reads
  ${READ_AHEAD_KB} kB ahead, Linux's default, and are dropped from the page cache; the kernel counts the
  blocks that a dry run then fetches (\`ru_inblock\`), read-ahead included.
- No test asserts a time. The bundle's bytes have a budget in the tests.
`;
}

function figures(contestants: readonly Contestant[], results: Results): string {
  const names = [...contestants.map(({ name }) => name), ENGINE].filter((name) =>
    results.metricsOf(name).length > 0
  );
  const rows = ROWS.filter(({ metric }) =>
    names.some((name) => results.of(name, metric).length > 0)
  );
  return markdown([
    ["", ...names],
    ...rows.map((
      row,
    ) => [row.title, ...names.map((name) => cell(results.of(name, row.metric), row))]),
  ]);
}

function cell(values: readonly number[], { unit, digits }: Pick<Row, "unit" | "digits">): string {
  if (values.length === 0) return "";
  const { median, low, high } = summarize(values);
  const text = (value: number): string => (value / unit).toFixed(digits);
  if (text(low) === text(high)) return text(median);
  return `${text(median)} (${text(low)}–${text(high)})`;
}

function targets(results: Results): string {
  const rows = targetsOf(results);
  if (rows.length === 0) return "";
  return markdown([
    ["target", "measured", "at most", "met"],
    ...rows.map(({ title, text, most, met }) => [title, text, most, met ? "yes" : "no"]),
  ]);
}

/** A table for each store. */
function phases(results: Results): string[] {
  return [TAGS, S3].flatMap((name) => {
    const metrics = results.metricsOf(name);
    const kinds = BOOTS.flatMap((boot) =>
      metrics.filter((metric) => metric.startsWith(`${boot} `)).map((metric) =>
        metric.slice(boot.length + 1)
      )
    );
    if (kinds.length === 0) return [];
    return [markdown([
      [name, "first manager", "second manager", "worker"],
      ["whole", ...BOOTS.map((boot) => cell(results.of(name, `${boot}Ms`), MS))],
      [
        "whole less the Engine's init or join",
        ...BOOTS.map((boot) => cell(results.of(name, `${boot}OverheadMs`), MS)),
      ],
      ...[...new Set(kinds)].map((
        kind,
      ) => [kind, ...BOOTS.map((boot) => cell(results.of(name, `${boot} ${kind}`), MS))]),
    ])];
  });
}

function markdown([head = [], ...rows]: string[][]): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(3, ...all.map((row) => row[i]?.length ?? 0)));
  const line = (row: string[]): string =>
    `| ${widths.map((width, i) => (row[i] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
