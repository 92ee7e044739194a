/**
 * Requests to the Engine's API over its socket: the version that both sides speak, a deadline and a
 * bound for every answer, and a fault for everything that is not one.
 */
import { engineFault, notUnderstood, socketFault } from "./faults.ts";
import { exchange, type Reply } from "../http.ts";
import type { Answer } from "../state.ts";

export class EngineApi {
  readonly #path: string;
  #version: string | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /** The whole answer to a call of the negotiated version, whatever its status. */
  async call(
    intent: string,
    method: "GET" | "POST",
    path: string,
    signal: AbortSignal,
    options: { body?: unknown; deadlineMs?: number; bytesMax?: number } = {},
  ): Promise<Answer<Reply>> {
    const version = await this.#negotiate(signal);
    if (!version.ok) return version;
    return await this.#exchange(intent, method, `/v${version.value}${path}`, signal, options);
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

  async #negotiate(signal: AbortSignal): Promise<Answer<string>> {
    if (this.#version !== null) return { ok: true, value: this.#version };
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
    this.#version = `1.${Math.min(Number(minor), VERSION_MAX)}`;
    return { ok: true, value: this.#version };
  }

  async #exchange(
    intent: string,
    method: "GET" | "POST",
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
const VERSION_MIN = 41;
/** The newest version whose reference these calls were read against. */
const VERSION_MAX = 56;
