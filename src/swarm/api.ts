/**
 * Requests to the Engine's API over its socket: the version that both sides speak, a deadline and a
 * bound for every answer, and a fault for everything that is not one.
 */
import { engineFault, notUnderstood, objectOf, socketFault } from "./faults.ts";
import { exchange, type Reply } from "../http.ts";
import { isObject, parseJson } from "../json.ts";
import { type Answer, ENGINE_API_MAX } from "../state.ts";

export class EngineApi {
  readonly #path: string;
  #offered: number | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /** The whole answer to a call of the negotiated version, whatever its status. */
  async call(
    intent: string,
    method: "GET" | "POST" | "DELETE",
    path: string,
    signal: AbortSignal,
    options: { body?: unknown; deadlineMs?: number; bytesMax?: number } = {},
  ): Promise<Answer<Reply>> {
    const offered = await this.offered(signal);
    if (!offered.ok) return offered;
    const version = `v1.${Math.min(offered.value, ENGINE_API_MAX)}`;
    return await this.#exchange(intent, method, `/${version}${path}`, signal, options);
  }

  /** The body of a successful read. */
  async read(
    intent: string,
    path: string,
    signal: AbortSignal,
    options: { deadlineMs?: number; bytesMax?: number } = {},
  ): Promise<Answer<string>> {
    const answer = await this.call(intent, "GET", path, signal, options);
    if (!answer.ok) return answer;
    const { status, body } = answer.value;
    if (status !== 200) return { ok: false, fault: engineFault(intent, status, body) };
    return { ok: true, value: body };
  }

  /** The object that a read answers. */
  async readObject(
    intent: string,
    path: string,
    signal: AbortSignal,
  ): Promise<Answer<Record<string, unknown>>> {
    const answer = await this.read(intent, path, signal, { bytesMax: LIST_BYTES_MAX });
    return answer.ok ? objectOf(intent, answer.value) : answer;
  }

  /** The objects in a list that may grow with the swarm. */
  async list(
    intent: string,
    path: string,
    signal: AbortSignal,
  ): Promise<Answer<Record<string, unknown>[]>> {
    const answer = await this.read(intent, path, signal, { bytesMax: LIST_BYTES_MAX });
    if (!answer.ok) return answer;
    const list = parseJson(answer.value);
    if (Array.isArray(list) && list.every(isObject)) return { ok: true, value: list };
    return { ok: false, fault: notUnderstood(intent, answer.value) };
  }

  async write(
    intent: string,
    path: string,
    body: unknown,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<Answer<null>> {
    const answer = await this.call(intent, "POST", path, signal, { body, deadlineMs });
    if (!answer.ok) return answer;
    const { status, body: said } = answer.value;
    if (status >= 200 && status < 300) return { ok: true, value: null };
    return { ok: false, fault: engineFault(intent, status, said) };
  }

  /** N of the newest API 1.N that the Engine speaks, which may be newer than what is spoken with it. */
  async offered(signal: AbortSignal): Promise<Answer<number>> {
    if (this.#offered !== null) return { ok: true, value: this.#offered };
    const intent = "ask the Docker Engine for its version";
    const answer = await this.#exchange(intent, "GET", "/_ping", signal, {});
    if (!answer.ok) return answer;
    const { status, headers, body } = answer.value;
    const offered = headers.get("api-version") ?? "";
    const minor = /^1\.(\d+)$/.exec(offered)?.[1];
    if (minor === undefined) {
      const fault = status === 200
        ? notUnderstood(intent, body)
        : engineFault(intent, status, body);
      return { ok: false, fault };
    }
    if (Number(minor) < VERSION_MIN) {
      const message = `Cannot work with this Docker Engine: it speaks API ${offered}, and ` +
        `1.${VERSION_MIN} is needed; upgrade Docker to 20.10 or later`;
      return { ok: false, fault: { kind: "unusable", message } };
    }
    this.#offered = Number(minor);
    return { ok: true, value: this.#offered };
  }

  async #exchange(
    intent: string,
    method: "GET" | "POST" | "DELETE",
    path: string,
    signal: AbortSignal,
    options: { body?: unknown; deadlineMs?: number; bytesMax?: number },
  ): Promise<Answer<Reply>> {
    const { body, deadlineMs = READ_MS, bytesMax = ANSWER_BYTES_MAX } = options;
    const request = body === undefined ? { method, path } : {
      method,
      path,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    };
    const target = { kind: "unix", path: this.#path } as const;
    const answer = await exchange(target, request, { deadlineMs, bytesMax, signal });
    if (answer.ok) return answer;
    return { ok: false, fault: socketFault(intent, this.#path, answer.fault) };
  }
}

const READ_MS = 10_000;
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
/** Of lists that grow with the swarm. */
const LIST_BYTES_MAX = 64 * 1024 * 1024;
const VERSION_MIN = 41;

/** The query parameter that narrows a list. */
export function filters(by: Record<string, string[]>): string {
  return encodeURIComponent(JSON.stringify(by));
}
