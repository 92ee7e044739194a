/**
 * All edges of a real node behind one `perform`. Nothing here decides anything: each call goes to its
 * edge, and is cut when the run's time is long over.
 */
import type { Surroundings } from "../cli/parse.ts";
import type { AnyAnswer, Call } from "../calls.ts";
import { createImds, type Imds, IMDS_ENDPOINT_DEFAULT } from "../imds.ts";
import { probe } from "../swarm/probe.ts";
import type { Answer, Config, Identity, Instance } from "../state.ts";
import { createEngine, type EngineClient } from "../swarm/engine.ts";
import { type Aws, createAws, DEADLINE_MS, preload } from "./stores.ts";
import { createCredentials, type Credentials } from "../aws/credentials.ts";
import { orEnded, sleep } from "../time.ts";
import { Vault } from "../tokens/vault.ts";

interface NodeOptions {
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

/** A node as the loop calls it. */
export class Node {
  readonly #options: NodeOptions;
  readonly #vault = new Vault();
  readonly #imds: Imds;
  readonly #engine: EngineClient;
  readonly #credentials: Credentials;
  #awsCalls = 0;
  #known: { identity: Identity; aws: Aws } | null = null;

  /** Throws a `TypeError` for a metadata endpoint that is no `http:` URL. */
  constructor(options: NodeOptions) {
    const { surroundings, env, nowMs } = options;
    this.#options = options;
    this.#imds = createImds({
      endpoint: surroundings.imdsEndpoint ?? IMDS_ENDPOINT_DEFAULT,
      allowV1: surroundings.imdsV1,
    });
    this.#engine = createEngine({ path: surroundings.dockerSocket, vault: this.#vault });
    const { signal } = new AbortController();
    this.#credentials = createCredentials({ env, imds: this.#imds, signal, nowMs });
  }

  /** Requests sent to AWS so far. */
  get awsCalls(): number {
    return this.#awsCalls;
  }

  /** Rejects only for a defect. */
  perform(call: Call): Promise<AnyAnswer> {
    const { config, nowMs } = this.#options;
    const leftMs = Math.max(0, config.timeoutMs + graceMsOf(call) - nowMs());
    return withinTime(call, leftMs, (signal) => this.#ask(call, signal));
  }

  #ask(call: Call, signal: AbortSignal): Promise<AnyAnswer> {
    const { config } = this.#options;
    switch (call.kind) {
      case "identity":
        return this.#identify(signal);
      case "engine":
        return this.#engine.look(signal);
      case "contents":
        return this.#engine.contents(call.manager, signal);
      case "init":
        return this.#engine.init(config, call.advertiseAddr, signal);
      case "join":
        return this.#engine.join(config, call.address, call.token, call.advertiseAddr, signal);
      case "leave":
        return this.#engine.leave(call.force, signal);
      case "probe":
        return probe(call.addresses, signal);
      case "sleep":
        return sleep(call.ms, signal).then(() => ({ ok: true, value: null }));
      default: {
        const known = this.#known;
        if (known === null) throw new Error(`"${call.kind}" came before "identity" was answered`);
        return askAws(call, known.identity, known.aws);
      }
    }
  }

  async #identify(signal: AbortSignal): Promise<Answer<Identity>> {
    const { roleTag, store } = this.#options.config;
    const identifying = this.#imds.identity(roleTag, signal);
    // Asked for side by side with the identity: the first call of AWS finds them there.
    // To load the SDK holds up all else for a while: not before the first requests have gone out.
    void this.#credentials.get().then(() => preload(store));
    const answer = await identifying;
    if (answer.ok) this.#known = { identity: answer.value, aws: this.#awsOf(answer.value) };
    return answer;
  }

  #awsOf(identity: Identity): Aws {
    const { config, surroundings } = this.#options;
    return createAws({
      config,
      identity: { ...identity, region: surroundings.region ?? identity.region },
      vault: this.#vault,
      credentials: this.#credentials,
      endpoints: { ec2: surroundings.ec2Endpoint, s3: surroundings.s3Endpoint },
      onCall: () => this.#awsCalls++,
      deadlineMs: DEADLINE_MS,
    });
  }
}

function askAws(
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
  const answer = await orEnded(
    work(AbortSignal.timeout(leftMs)),
    AbortSignal.timeout(leftMs + LAST_WORDS_MS),
  );
  if (answer !== "ended") return answer;
  const message = `Cannot end "${kind}": the time of this run is over`;
  return { ok: false, fault: { kind: "timeout", message } };
}
