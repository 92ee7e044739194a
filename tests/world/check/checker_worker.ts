/** The model checker on a thread of its own: a plan in, a report out. */
/// <reference lib="deno.worker" />
import { explore, type Limits, type Plan } from "./explore.ts";
import * as run from "../../../src/run.ts";

self.onmessage = ({ data }: MessageEvent<{ plan: Plan; limits: Limits }>): void => {
  self.postMessage(explore(run, data.plan, data.limits));
};
