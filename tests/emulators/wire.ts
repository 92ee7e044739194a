/**
 * What all emulators share: one journal of the calls that reached them, and one place that decides
 * which call meets which trouble.
 */
import { pause, type Reply } from "./http.ts";

export type Service = "imds" | "ec2" | "s3" | "autoscaling" | "engine";

/** A call as the journal keeps it. `node`: who asked, "" when unknown. */
export interface WireCall {
  service: Service;
  node: string;
  /** `DescribeInstances`, `GetObject`, `GET /info`, … */
  action: string;
  /** Its number, from 1, among this node's calls of this action. */
  nth: number;
  /** Its number, from 1, among all calls of this node to this service. */
  sequence: number;
  write: boolean;
}

/**
 * What goes wrong with a call.
 *
 * - `reset`: the connection ends and nothing was performed
 * - `lost`: it was performed, and the connection ends without the answer
 * - `silence`: nothing was performed and nothing is answered
 * - `slow`: performed, and answered, after `ms`
 * - `late`: performed at once, answered after `ms`
 * - `html`, `huge`: a page of a proxy; 10 MB
 * - `throttled`, `denied`: in the service's own words
 * - `reply`: this answer instead of the service's
 */
export type Trouble =
  | { kind: "reset" | "lost" | "silence" | "html" | "huge" | "throttled" | "denied" }
  | { kind: "slow" | "late"; ms: number }
  | { kind: "reply"; reply: Reply };

export type TroubleMaker = (call: WireCall) => Trouble | null;

/** Says no in a service's own words. */
export interface Refusals {
  throttled(): Reply;
  denied(): Reply;
}

/** The journal and the trouble of a whole lab. */
export class Wire {
  readonly calls: WireCall[] = [];
  trouble: TroubleMaker = () => null;
  /** Called with every call before it meets its trouble. */
  onCall: (call: WireCall) => void = () => {};

  /** Journals a call, performs it unless its trouble forbids, and answers. */
  async handle(
    call: Pick<WireCall, "service" | "node" | "action" | "write">,
    refusals: Refusals,
    perform: () => Reply | Promise<Reply>,
  ): Promise<Reply> {
    const noted = this.#note(call);
    const trouble = this.trouble(noted);
    if (trouble === null) return await perform();
    switch (trouble.kind) {
      case "reset":
        return { kind: "cut" };
      case "silence":
        return { kind: "silence" };
      case "lost":
        await perform();
        return { kind: "cut" };
      case "slow":
        await pause(trouble.ms);
        return await perform();
      case "late": {
        const reply = await perform();
        await pause(trouble.ms);
        return reply;
      }
      case "html":
        return {
          kind: "reply",
          status: 200,
          headers: { "content-type": "text/html" },
          body: "<!DOCTYPE html><html><body><h1>Sign in to the network</h1></body></html>",
        };
      case "huge":
        return { kind: "reply", status: 200, body: "x".repeat(10 * 1024 * 1024) };
      case "throttled":
        return refusals.throttled();
      case "denied":
        return refusals.denied();
      case "reply":
        return trouble.reply;
      default:
        return trouble satisfies never;
    }
  }

  /** Calls of a node by action, of the services named. */
  count(filter: { node?: string; services?: Service[]; write?: boolean }): Map<string, number> {
    const counts = new Map<string, number>();
    for (const call of this.calls) {
      if (filter.node !== undefined && call.node !== filter.node) continue;
      if (filter.services !== undefined && !filter.services.includes(call.service)) continue;
      if (filter.write !== undefined && call.write !== filter.write) continue;
      counts.set(call.action, (counts.get(call.action) ?? 0) + 1);
    }
    return counts;
  }

  /** How many calls match `filter`. */
  total(filter: { node?: string; services?: Service[]; write?: boolean }): number {
    return [...this.count(filter).values()].reduce((sum, count) => sum + count, 0);
  }

  #note(call: Pick<WireCall, "service" | "node" | "action" | "write">): WireCall {
    const own = this.calls.filter((past) =>
      past.service === call.service && past.node === call.node
    );
    const noted = {
      ...call,
      nth: own.filter((past) => past.action === call.action).length + 1,
      sequence: own.length + 1,
    };
    this.calls.push(noted);
    this.onCall(noted);
    return noted;
  }
}

/** A number in [0, 1) that depends on the seed and on what it is drawn for, and on nothing else. */
export function draw(seed: number, ...what: (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const char of `${seed}/${what.join("/")}`) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  }
  // A last avalanche, since neighbouring names must not give neighbouring numbers.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** `count` characters of `alphabet`, from the machine's randomness. */
export function randomText(count: number, alphabet: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(count));
  return [...bytes].map((byte) => alphabet[byte % alphabet.length]).join("");
}

export const HEX = "0123456789abcdef";
export const BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz";
