/**
 * One `perform` over all edges of a real node. Nothing here decides anything: each call goes to its
 * edge, and is cut when the run's time is long over.
 */
import { type Aws, createAws, DEADLINE_MS, preload } from "./stores.ts";
import { createCredentials, type Credentials } from "../aws/credentials.ts";
import {
  type AnyAnswer,
  type Call,
  type CallKind,
  CALLS,
  type Perform,
  type Values,
} from "../calls.ts";
import { createImds, type Imds, IMDS_ENDPOINT_DEFAULT } from "../imds.ts";
import type { Surroundings } from "../settings.ts";
import type { Answer, Config, Identity, Instance } from "../state.ts";
import { createEngine, type EngineClient } from "../swarm/engine.ts";
import { probe } from "../swarm/probe.ts";
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

/** What a call that is cut has to say why it did not get anywhere. */
const LAST_WORDS_MS = 500;

/** The edge of each call. The compiler asks for one when a call is added. */
type Edges = {
  [K in CallKind]: (
    call: Extract<Call, { kind: K }>,
    signal: AbortSignal,
  ) => Promise<Answer<Values[K]>>;
};

/** Throws a `TypeError` for a metadata endpoint that is no `http:` URL. */
export function createNode(options: NodeOptions): Node {
  const { config, surroundings, env, nowMs } = options;
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
  const aws = new LateAws(options, vault, credentials);
  const edges: Edges = { ...nearEdges(config, imds, engine, aws), ...awsEdges(aws) };
  return {
    awsCalls: () => aws.calls,
    perform: (call) => {
      const leftMs = Math.max(0, config.timeoutMs + CALLS[call.kind].graceMs - nowMs());
      return withinTime(call, leftMs, (signal) => made(edges, call, signal));
    },
  };
}

function made<K extends CallKind>(
  edges: Edges,
  call: Extract<Call, { kind: K }>,
  signal: AbortSignal,
): Promise<AnyAnswer> {
  return edges[call.kind as K](call, signal);
}

/** AWS, which can be asked once it is known who asks. */
class LateAws {
  readonly #options: NodeOptions;
  readonly #vault: Vault;
  readonly credentials: Credentials;
  #known: { me: Identity; aws: Aws } | null = null;
  /** Requests sent so far. */
  calls = 0;

  constructor(options: NodeOptions, vault: Vault, credentials: Credentials) {
    this.#options = options;
    this.#vault = vault;
    this.credentials = credentials;
  }

  isOf(me: Identity): void {
    const { config, surroundings } = this.#options;
    const aws = createAws({
      config,
      identity: { ...me, region: surroundings.region ?? me.region },
      vault: this.#vault,
      credentials: this.credentials,
      endpoints: { ec2: surroundings.ec2Endpoint, s3: surroundings.s3Endpoint },
      onCall: () => this.calls++,
      deadlineMs: DEADLINE_MS,
    });
    this.#known = { me, aws };
  }

  known(kind: CallKind): { me: Identity; aws: Aws } {
    if (this.#known === null) throw new Error(`"${kind}" came before "identity" was answered`);
    return this.#known;
  }
}

type AwsKind =
  | "self"
  | "ledger"
  | "tokens"
  | "instances"
  | "permissions"
  | "write"
  | "publish"
  | "retract";

/** What the machine itself, its neighbours and its metadata answer. */
function nearEdges(
  config: Config,
  imds: Imds,
  engine: EngineClient,
  aws: LateAws,
): Omit<Edges, AwsKind> {
  return {
    identity: async (_, signal) => {
      const identifying = imds.identity(config.roleTag, signal);
      // Asked for side by side with the identity: the first call of AWS finds them there.
      void aws.credentials.get();
      const answer = await identifying;
      if (answer.ok) aws.isOf(answer.value);
      return answer;
    },
    lifecycle: (_, signal) => imds.lifecycle(signal),
    engine: (_, signal) => engine.look(signal),
    contents: ({ manager }, signal) => engine.contents(manager, signal),
    probe: ({ addresses }, signal) => probe(addresses, signal),
    init: ({ advertiseAddr }, signal) => engine.init(config, advertiseAddr, signal),
    join: ({ address, token, advertiseAddr }, signal) =>
      engine.join(config, address, token, advertiseAddr, signal),
    leave: ({ force, onlyEmpty }, signal) => engine.leave({ force, onlyEmpty }, signal),
  };
}

/** What AWS answers. The signal is not for it: each of its requests has a deadline of its own. */
function awsEdges(late: LateAws): Pick<Edges, AwsKind> {
  const aws = (kind: AwsKind): Aws => late.known(kind).aws;
  return {
    self: async ({ kind }) => {
      const { me, aws } = late.known(kind);
      return firstOf(await aws.instances([me.instance], []));
    },
    ledger: ({ kind, missing }) => aws(kind).ledger.read(missing),
    tokens: ({ kind, fingerprint, want }) => aws(kind).shelf.read(fingerprint, want),
    instances: ({ kind, ids, addresses }) => aws(kind).instances(ids, addresses),
    permissions: async ({ kind, role }) => {
      const { ledger, shelf } = aws(kind);
      const both = await Promise.all([ledger, shelf].map((one) => one.permissions(role)));
      return { ok: true, value: both.flat() };
    },
    write: ({ kind, record, at }) => aws(kind).ledger.write(record, at),
    publish: ({ kind, manager, worker }) => aws(kind).shelf.publish(manager, worker),
    retract: ({ kind }) => aws(kind).shelf.retract(),
  };
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
