/** The lab's command line. */
import { parseArgs } from "node:util";
import { type FaultName, FAULTS } from "./faults.ts";
import type { StoreKind } from "./lab.ts";

export interface LabArgs {
  store: StoreKind;
  managers: number;
  workers: number;
  faults: FaultName[];
  seed: number;
  /** How long a node may try, in seconds. */
  timeoutSeconds: number;
  keep: boolean;
  verbose: boolean;
  json: boolean;
  /** Ends when the swarm has formed. */
  onlyForm: boolean;
}

export const HELP =
  `Boots a VPC on this machine, starts swarm-join on all its nodes at once, and watches
them become one swarm. Then each manager is replaced in turn: it is terminated without a
word, or told to go and leaves. Needs no AWS, no Docker and no root.

  make run                          three managers, four workers, tokens in tags
  make run ARGS="--store s3"

Options
  --store tags|s3    where the nodes keep record and tokens (tags)
  --managers N       1 to 9 (3)
  --workers N        0 to 60 (4)
  --fault NAME       what goes wrong; may be repeated, "all" is all of them
${Object.entries(FAULTS).map(([name, what]) => `      ${name.padEnd(14)} ${what}`).join("\n")}
  --seed N           what goes wrong when; a random one unless given
  --timeout SECONDS  how long a node may try (90)
  --only form        leave the managers as they are
  --verbose          show all that the nodes say
  --json             one JSON object in place of the table
  --keep             keep the nodes' files

It exits 0 if there is exactly one swarm at the end, with every node in it, and it is the one
that was formed.
`;

/** Reads the arguments. A text says what is wrong with them. */
export function parseLabArgs(args: string[]): LabArgs | "help" | { wrong: string } {
  try {
    const { values } = parseArgs({
      args,
      options: {
        store: { type: "string", default: "tags" },
        managers: { type: "string", default: "3" },
        workers: { type: "string", default: "4" },
        fault: { type: "string", multiple: true, default: [] },
        seed: { type: "string", default: `${crypto.getRandomValues(new Uint16Array(1))[0]}` },
        timeout: { type: "string", default: "90" },
        only: { type: "string" },
        keep: { type: "boolean", default: false },
        verbose: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return "help";
    if (values.store !== "tags" && values.store !== "s3") {
      throw new Error(`--store is "tags" or "s3", not "${values.store}"`);
    }
    if (values.only !== undefined && values.only !== "form") {
      throw new Error(`--only is "form", not "${values.only}"`);
    }
    const known = Object.keys(FAULTS) as FaultName[];
    const faults = values.fault.includes("all") ? known : values.fault as FaultName[];
    const unknown = faults.find((fault) => !known.includes(fault));
    if (unknown !== undefined) {
      throw new Error(`There is no fault "${unknown}"; there are ${known.join(", ")}`);
    }
    return {
      store: values.store,
      managers: count("--managers", values.managers, 1, 9),
      workers: count("--workers", values.workers, 0, 60),
      faults,
      seed: count("--seed", values.seed, 0, 2 ** 31),
      timeoutSeconds: count("--timeout", values.timeout, 1, 600),
      keep: values.keep,
      verbose: values.verbose,
      json: values.json,
      onlyForm: values.only === "form",
    };
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : `${error}` };
  }
}

function count(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`${name} is a whole number from ${min} to ${max}, not "${text}"`);
}
