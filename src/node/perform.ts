/**
 * One `perform` over all edges of a real node. Nothing here decides anything: each call goes to its
 * edge, and is cut when the run's time is long over.
 */
import type { AnyAnswer, Call, Perform } from "../calls.ts";
import { createImds, IMDS_ENDPOINT_DEFAULT } from "../imds.ts";
import { probe } from "../swarm/probe.ts";
import type { Surroundings } from "../settings.ts";
import type { Answer, Config, Identity, Instance } from "../state.ts";
import { createEngine } from "../swarm/engine.ts";
import { type Aws, createAws, DEADLINE_MS, preload } from "./stores.ts";
import { createCredentials } from "../aws/credentials.ts";
import { Vault } from "../tokens/vault.ts";

export interface Node {
  perform: Perform;
  /** Requests sent to AWS so far. */
  awsCalls(): number;
}

export interface NodeOptions {
  config: Config;
  surroundings: Surroundings;
  /** A variable of the environment; undefined: not set. */
  env: (name: string) => string | undefined;
  /** Milliseconds since the run began; never goes back. */
  nowMs: () => number;
}

/**
 * How long a call may go on when the run's time is over: the Engine alone takes 20 s to say that a join
 * goes on, or that its swarm has no leader; a write may come to its end; a read may not go on.
 */
const ENGINE_GRACE_MS = 25_000;
const WRITE_GRACE_MS = 10_000;
/** What a call that is cut has to say why it did not get anywhere. */
const LAST_WORDS_MS = 500;

/** Throws a `TypeError` for a metadata endpoint that is no `http:` URL. */
export function createNode({ config, surroundings, env, nowMs }: NodeOptions): Node {
  const vault = new Vault();
  const imds = createImds({
    endpoint: surroundings.imdsEndpoint ?? IMDS_ENDPOINT_DEFAULT,
    allowV1: surroundings.imdsV1,
    // To load it holds up all else for a while: once all that was asked for has gone out.
    onAsked: () => setTimeout(preload, 0, config.store),
  });
  const engine = createEngine({ path: surroundings.dockerSocket, vault });
  const credentials = createCredentials({
    env,
    imds,
    signal: new AbortController().signal,
    nowMs,
  });
  let awsCalls = 0;
  let known: { identity: Identity; aws: Aws } | null = null;

  async function identify(signal: AbortSignal): Promise<Answer<Identity>> {
    const identifying = imds.identity(config.roleTag, signal);
    // Asked for side by side with the identity: the first call of AWS finds them there.
    void credentials.get();
    const answer = await identifying;
    if (answer.ok) known = { identity: answer.value, aws: awsOf(answer.value) };
    return answer;
  }

  function awsOf(identity: Identity): Aws {
    return createAws({
      config,
      identity: { ...identity, region: surroundings.region ?? identity.region },
      vault,
      credentials,
      endpoints: { ec2: surroundings.ec2Endpoint, s3: surroundings.s3Endpoint },
      onCall: () => awsCalls++,
      deadlineMs: DEADLINE_MS,
    });
  }

  function perform(call: Call, signal: AbortSignal): Promise<AnyAnswer> {
    switch (call.kind) {
      case "identity":
        return identify(signal);
      case "engine":
        return engine.look(signal);
      case "contents":
        return engine.contents(call.manager, signal);
      case "init":
        return engine.init(config, call.advertiseAddr, signal);
      case "join":
        return engine.join(config, call.address, call.token, call.advertiseAddr, signal);
      case "leave":
        return engine.leave(call.force, signal);
      case "probe":
        return probe(call.addresses, signal);
      case "sleep":
        return sleep(call.ms, signal);
      default:
        if (known === null) throw new Error(`"${call.kind}" came before "identity" was answered`);
        return performAws(call, known.identity, known.aws);
    }
  }

  return {
    awsCalls: () => awsCalls,
    perform: (call) => {
      const leftMs = Math.max(0, config.timeoutMs + graceMsOf(call) - nowMs());
      return withinTime(call, leftMs, (signal) => perform(call, signal));
    },
  };
}

function performAws(
  call: Exclude<
    Call,
    { kind: "identity" | "engine" | "contents" | "init" | "join" | "leave" | "probe" | "sleep" }
  >,
  { instance }: Identity,
  { ledger, shelf, instances }: Aws,
): Promise<AnyAnswer> {
  switch (call.kind) {
    case "self":
      return instances([instance], []).then(firstOf);
    case "ledger":
      return ledger.read(call.missing);
    case "tokens":
      return shelf.read(call.fingerprint, call.want);
    case "instances":
      return instances(call.ids, call.addresses);
    case "permissions":
      return Promise.all([ledger, shelf].map((one) => one.permissions(call.role)))
        .then((both) => ({ ok: true, value: both.flat() }));
    case "write":
      return ledger.write(call.record, call.at);
    case "publish":
      return shelf.publish(call.manager, call.worker);
    case "retract":
      return shelf.retract();
    default:
      return call satisfies never;
  }
}

function graceMsOf({ kind }: Call): number {
  switch (kind) {
    case "engine":
    case "contents":
    case "init":
    case "join":
    case "leave":
      return ENGINE_GRACE_MS;
    case "write":
    case "publish":
    case "retract":
      return WRITE_GRACE_MS;
    default:
      return 0;
  }
}

function firstOf(answer: Answer<Instance[]>): Answer<Instance | null> {
  return answer.ok ? { ok: true, value: answer.value[0] ?? null } : answer;
}

/** Hangs up on what has not ended by then; a `timeout` for what does not say itself how it ended. */
async function withinTime(
  { kind }: Call,
  leftMs: number,
  work: (signal: AbortSignal) => Promise<AnyAnswer>,
): Promise<AnyAnswer> {
  const controller = new AbortController();
  let timer: number | undefined;
  const cut = new Promise<AnyAnswer>((resolve) => {
    timer = setTimeout(() => {
      controller.abort();
      timer = setTimeout(() => {
        const message = `Cannot end "${kind}": the time of this run is over`;
        resolve({ ok: false, fault: { kind: "timeout", message } });
      }, LAST_WORDS_MS);
    }, leftMs);
  });
  try {
    return await Promise.race([work(controller.signal), cut]);
  } finally {
    clearTimeout(timer);
  }
}

async function sleep(ms: number, signal: AbortSignal): Promise<Answer<null>> {
  await new Promise<void>((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener("abort", wake);
  });
  return { ok: true, value: null };
}
