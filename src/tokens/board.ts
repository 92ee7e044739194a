/**
 * Where leaving workers tell the managers what they mean to do: a tag of the worker's own instance, or an
 * object of its own.
 *
 *     SwarmLeaving = leaving <node's id>, or staying <node's id>
 *     <prefix>/<cluster>/leaving/<instance>
 *
 * A word is about a node of the swarm, not about the machine, which may be another node later. It goes with
 * its instance, but for the object of a machine that went without taking it back.
 */
import type { Ec2Api } from "../aws/ec2.ts";
import { LIVE_STATES } from "../aws/instances.ts";
import { keyPart } from "../aws/keys.ts";
import type { S3Api } from "../aws/s3.ts";
import { isObject, parseJson } from "../json.ts";
import { LEAVING_TAG } from "../settings.ts";
import type { Permission } from "../shown.ts";
import type { Answer, Config, Identity, Role, Word } from "../state.ts";

export interface Board {
  /** What this instance has said, or (null) all. What says something else is left out. */
  read(instance: string | null): Promise<Answer<SaidWord[]>>;
  /** This instance's own word; null takes it back. */
  write(word: Word | null): Promise<Answer<null>>;
  /** The writes to it that a node of this role may need, and whether they are allowed. Writes nothing. */
  permissions(role: Role): Promise<Permission[]>;
}

type SaidWord = Word & { instance: string };

interface TagBoardOptions {
  config: Config;
  identity: Identity;
  ec2: () => Promise<Ec2Api>;
}

export function createTagBoard({ config, identity, ec2 }: TagBoardOptions): Board {
  const { cluster, clusterTag } = config;
  const all = [
    { name: "vpc-id", values: [identity.vpc] },
    { name: "tag-key", values: [LEAVING_TAG] },
    { name: "instance-state-name", values: LIVE_STATES },
    ...(clusterTag === null ? [] : [{ name: `tag:${clusterTag}`, values: [cluster] }]),
  ];
  return {
    async read(of): ReturnType<Board["read"]> {
      const api = await ec2();
      const found =
        await (of === null
          ? api.instances(`look for leaving workers in the tags of ${identity.vpc}`, all)
          : api.instances(`read the tags of ${of}`, [{ name: "instance-id", values: [of] }]));
      if (!found.ok) return found;
      const said = found.value.map(({ instance, tags }) => ({
        word: wordInTag(tags.get(LEAVING_TAG) ?? ""),
        instance,
      }));
      return { ok: true, value: said.flatMap(saidWord) };
    },

    async write(word): ReturnType<Board["write"]> {
      const api = await ec2();
      if (word === null) return await api.deleteTags(identity.instance, [LEAVING_TAG]);
      const text = `${word.leaves ? "leaving" : "staying"} ${word.nodeId}`;
      return await api.createTags(identity.instance, new Map([[LEAVING_TAG, text]]));
    },

    async permissions(role): ReturnType<Board["permissions"]> {
      // A manager's word is its mark in the record, unless somebody has demoted it.
      if (role === "manager") return [];
      return await (await ec2()).tagPermissions(identity.instance, [LEAVING_TAG]);
    },
  };
}

function wordInTag(text: string): Word | null {
  const [, verb, nodeId] = /^(leaving|staying) (\S+)$/.exec(text) ?? [];
  return nodeId === undefined ? null : { nodeId, leaves: verb === "leaving" };
}

interface ObjectBoardOptions {
  cluster: string;
  instance: string;
  s3: () => Promise<S3Api>;
}

/** Of those that lie there the newest: older ones are of machines that are long gone. */
const WORDS_MAX = 200;
const READS_AT_ONCE = 10;

export function createObjectBoard({ cluster, instance: own, s3 }: ObjectBoardOptions): Board {
  const folder = `${keyPart(cluster)}/leaving/`;
  const readOne = async (api: S3Api, instance: string): Promise<Answer<SaidWord[]>> => {
    const answer = await api.get(folder + instance);
    if (!answer.ok) return answer;
    const word = wordInObject(answer.value.found?.text ?? "");
    return { ok: true, value: saidWord({ word, instance }) };
  };
  return {
    async read(of): ReturnType<Board["read"]> {
      const api = await s3();
      if (of !== null) return await readOne(api, of);
      const listed = await api.list(folder);
      if (!listed.ok) return listed;
      const names = listed.value.toSorted((a, b) => a.ageMs - b.ageMs).map(({ key }) => key)
        .filter((key) => INSTANCE.test(key)).slice(0, WORDS_MAX);
      const words: SaidWord[] = [];
      for (let at = 0; at < names.length; at += READS_AT_ONCE) {
        const some = names.slice(at, at + READS_AT_ONCE);
        for (const answer of await Promise.all(some.map((name) => readOne(api, name)))) {
          if (!answer.ok) return answer;
          words.push(...answer.value);
        }
      }
      return { ok: true, value: words };
    },

    async write(word): ReturnType<Board["write"]> {
      const api = await s3();
      if (word === null) return await api.delete(folder + own);
      const text = JSON.stringify({ tool: "swarm-join", cluster, instance: own, ...word });
      const put = await api.put(folder + own, text, { kind: "always" });
      return put.ok ? { ok: true, value: null } : put;
    },

    /** S3 has no way to ask. */
    permissions(role): ReturnType<Board["permissions"]> {
      const actions = role === "manager" ? [] : ["s3:PutObject", "s3:DeleteObject"];
      return Promise.resolve(actions.map((action) => ({ action, verdict: "unknown" })));
    },
  };
}

const INSTANCE = /^i-[0-9a-z]+$/;

function wordInObject(text: string): Word | null {
  const json = parseJson(text);
  if (!isObject(json)) return null;
  const { nodeId, leaves } = json;
  return typeof nodeId === "string" && nodeId !== "" && typeof leaves === "boolean"
    ? { nodeId, leaves }
    : null;
}

function saidWord({ word, instance }: { word: Word | null; instance: string }): SaidWord[] {
  return word === null ? [] : [{ ...word, instance }];
}
