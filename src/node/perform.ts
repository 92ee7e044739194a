/**
 * All edges of a real node behind one `perform`. Nothing here decides anything: each call goes to its
 * edge, and is cut when the run's time is long over.
 */
import { type Aws, AWS_DEADLINE_MS, createAws, preload } from "./stores.ts";
import { createCredentials, type Credentials } from "../aws/credentials.ts";
import {
  type AnyAnswer,
  type Call,
  type CallKind,
  type CallOf,
  CALLS,
  type Values,
} from "../calls.ts";
import type { Marks } from "../ledger/marks.ts";
import { createImds, type Imds } from "../imds.ts";
import { IMDS_ENDPOINTS } from "../imds/session.ts";
import { readInterfaces } from "./interfaces.ts";
import { readUnit } from "./unit.ts";
import type { Surroundings } from "../settings.ts";
import type { Answer, Config, Identity } from "../state.ts";
import { createEngine, type EngineClient } from "../swarm/engine.ts";
import { probe } from "../swarm/probe.ts";
import { orEnded } from "../time.ts";
import { Vault } from "../tokens/vault.ts";
import type { WayTo } from "./ways.ts";

interface NodeOptions {
  config: Config;
  surroundings: Surroundings;
  wayTo: WayTo;
  /** Milliseconds since some moment before the first call; never goes back. */
  nowMs: () => number;
  /** What is left of the time in which its calls are made, in ms. */
  leftMs: () => number;
}

/** What a call that is cut has to say why it did not get anywhere. */
const LAST_WORDS_MS = 500;

/** The edge of each call: the compiler asks for one when a call is added. */
type Edges = {
  [K in CallKind]: (call: CallOf<K>, signal: AbortSignal) => Promise<Answer<Values[K]>>;
};

/** A node as the loop calls it. */
export class Node {
  readonly #options: NodeOptions;
  readonly #vault = new Vault();
  readonly #imds: Imds;
  readonly #engine: EngineClient;
  readonly #credentials: Credentials;
  #awsCalls = 0;
  #known: { me: Identity; aws: Aws } | null = null;

  /** Throws a `TypeError` for a metadata endpoint that is no `http:` URL. */
  constructor(options: NodeOptions) {
    const { surroundings, nowMs } = options;
    this.#options = options;
    this.#imds = createImds({
      endpoints: surroundings.imdsEndpoint === null ? IMDS_ENDPOINTS : [surroundings.imdsEndpoint],
      allowV1: surroundings.imdsV1,
    });
    this.#engine = createEngine({ path: surroundings.dockerSocket, vault: this.#vault });
    const { signal } = new AbortController();
    const env = (name: string): string | undefined => surroundings.credentials[name];
    this.#credentials = createCredentials({ env, imds: this.#imds, signal, nowMs });
  }

  /** Requests sent to AWS so far. */
  get awsCalls(): number {
    return this.#awsCalls;
  }

  /** Rejects only for a defect. */
  perform(call: Call): Promise<AnyAnswer> {
    const leftMs = Math.max(0, this.#options.leftMs() + CALLS[call.kind].graceMs);
    return withinTime(call, leftMs, (signal) => this.#ask(call, signal));
  }

  #ask<K extends CallKind>(call: CallOf<K>, signal: AbortSignal): Promise<AnyAnswer> {
    return this.#edges[call.kind](call, signal);
  }

  /** AWS's own deadline for a request is shorter than the run's. */
  readonly #edges: Edges = {
    identity: (_, signal) => this.#identify(signal),
    lifecycle: (_, signal) => this.#imds.lifecycle(signal),
    engine: (_, signal) => this.#engine.look(signal),
    contents: ({ manager }, signal) => this.#engine.contents(manager, signal),
    interfaces: () => Promise.resolve(readInterfaces()),
    unit: () => Promise.resolve(readUnit()),
    probe: ({ addresses }, signal) => probe(addresses, signal),
    init: async ({ advertiseAddr, pools }, signal) => {
      // A swarm that could not be founded safely is not made.
      const tried = await this.#knownTo("init").aws.ledger.tryConditions();
      if (!tried.ok) return tried;
      return await this.#engine.init(this.#options.config, advertiseAddr, pools, signal);
    },
    join: ({ address, token, advertiseAddr }, signal) =>
      this.#engine.join(this.#options.config, address, token, advertiseAddr, signal),
    update: ({ nodeId, version, change }, signal) =>
      this.#engine.update(nodeId, version, change, signal),
    stop: ({ graceMs }, signal) => this.#engine.stop(graceMs, signal),
    announce: ({ word }) => this.#knownTo("announce").aws.board.write(word),
    words: ({ instance }) => this.#knownTo("words").aws.board.read(instance),
    remove: ({ nodeId }, signal) => this.#engine.remove(nodeId, signal),
    leave: ({ force, onlyEmpty }, signal) => this.#engine.leave(force, onlyEmpty, signal),
    self: async () => {
      const { me, aws } = this.#knownTo("self");
      const found = await aws.instances([me.instance], []);
      return found.ok ? { ok: true, value: found.value[0] ?? null } : found;
    },
    ledger: ({ missing }) => this.#knownTo("ledger").aws.ledger.read(missing),
    tokens: ({ fingerprint, want }) => this.#knownTo("tokens").aws.shelf.read(fingerprint, want),
    instances: ({ ids, addresses }) => this.#knownTo("instances").aws.instances(ids, addresses),
    neighbours: ({ roles }) => this.#knownTo("neighbours").aws.neighbours(roles),
    marks: () => this.#marks("marks").read(),
    permissions: async ({ role, inGroup }) => {
      const { ledger, shelf, board, autoScaling } = this.#knownTo("permissions").aws;
      const [toLeave, toTell, toWrite, toShow] = await Promise.all([
        board.permissions(role),
        inGroup ? autoScaling().then((api) => api.permissions()) : [],
        ledger.permissions(role),
        shelf.permissions(role),
      ]);
      const show = toShow.map((one) => ({ ...one, verb: "join" as const }));
      const leave = [...toLeave, ...toTell].map((one) => ({ ...one, verb: "leave" as const }));
      return { ok: true, value: [...toWrite, ...show, ...leave] };
    },
    write: ({ record, at }) => this.#knownTo("write").aws.ledger.write(record, at),
    publish: ({ manager, worker }) => this.#knownTo("publish").aws.shelf.publish(manager, worker),
    attest: ({ fingerprint, clusterId, over }) =>
      this.#marks("attest").write({ fingerprint, clusterId }, over),
    retract: () => this.#knownTo("retract").aws.shelf.retract(),
    force: ({ advertiseAddr }, signal) => this.#engine.force(advertiseAddr, signal),
    hook: async () => {
      const { me, aws } = this.#knownTo("hook");
      return await (await aws.autoScaling()).hook(me.instance);
    },
    complete: async ({ group, hook }) => {
      const { me, aws } = this.#knownTo("complete");
      return await (await aws.autoScaling()).complete(me.instance, group, hook);
    },
    heartbeat: async ({ group, hook }) => {
      const { me, aws } = this.#knownTo("heartbeat");
      return await (await aws.autoScaling()).heartbeat(me.instance, group, hook);
    },
    trim: ({ template, numbers }) => this.#knownTo("trim").aws.ledger.trim(template, numbers),
  };

  async #identify(signal: AbortSignal): Promise<Answer<Identity>> {
    const { roleTag, store } = this.#options.config;
    const identifying = this.#imds.identity(roleTag, signal);
    // Both are there when AWS is first called: the credentials are asked for side by side with the
    // identity; and the SDK, which holds up all else while it loads, once those requests have gone out.
    void this.#credentials.get().then(() => preload(store));
    const answer = await identifying;
    if (answer.ok) this.#known = { me: answer.value, aws: this.#awsOf(answer.value) };
    return answer;
  }

  #awsOf(identity: Identity): Aws {
    const { config, surroundings } = this.#options;
    return createAws({
      config,
      identity: { ...identity, region: config.region ?? identity.region },
      vault: this.#vault,
      credentials: this.#credentials,
      endpoints: {
        ec2: config.ec2Endpoint,
        s3: surroundings.s3Endpoint,
        autoScaling: surroundings.autoScalingEndpoint,
      },
      variant: { fips: surroundings.fips, dualstack: surroundings.dualstack },
      wayTo: this.#options.wayTo,
      onCall: () => this.#awsCalls++,
      deadlineMs: AWS_DEADLINE_MS,
    });
  }

  #marks(kind: CallKind): Marks {
    const { marks } = this.#knownTo(kind).aws;
    if (marks === null) throw new Error(`"${kind}" came for a store that keeps no marks`);
    return marks;
  }

  /** AWS, which can be asked only once it is known who asks. */
  #knownTo(kind: CallKind): { me: Identity; aws: Aws } {
    if (this.#known === null) throw new Error(`"${kind}" came before "identity" was answered`);
    return this.#known;
  }
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
