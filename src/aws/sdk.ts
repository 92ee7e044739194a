/**
 * Sends operations of AWS by the SDK's own protocols, schemas and signer, and without its clients.
 *
 * A client puts a stack of middlewares around each call (retries, user agents, rules for endpoints,
 * features), none of which this program uses, and which take longer to load and to run than the call:
 * without them a whole run takes an eighth less.
 */
import { Sha256 } from "@smithy/core/checksum";
import type { HttpProtocol } from "@smithy/core/protocols";
import { parseUrl } from "@smithy/core/protocols";
import { operation } from "@smithy/core/schema";
import { fromBase64, fromUtf8, toBase64, toUtf8 } from "@smithy/core/serde";
import { SignatureV4 } from "@smithy/signature-v4";
import { type Handler, sdkCredentials, type SdkResponse, type SendOptions } from "./call.ts";
import type { Credentials } from "./credentials.ts";

interface SdkClientOptions {
  service: "ec2" | "s3" | "autoscaling";
  region: string;
  /** What all paths are below; throws a `CallFailure` where there is none. */
  endpoint: () => string;
  credentials: Credentials;
  protocol: HttpProtocol;
  handler: Handler;
}

/** One call of an operation that the SDK describes. */
export interface SdkCall<Output> {
  schema: OperationSchema;
  input: object;
  /** Never set: it gives the answer its type. */
  output?: Output;
}

export interface SdkClient {
  /** Rejects as a client does: with an error that has `$fault`, `$metadata` and `$response`. */
  send<Output>(call: SdkCall<Output>, options: SendOptions): Promise<Output>;
}

type Operation = ReturnType<typeof operation>;
/** An operation as the SDK's modules declare it: `DescribeInstances$`. */
type OperationSchema = [
  9,
  string,
  string,
  Operation["traits"],
  Operation["input"],
  Operation["output"],
];

/** AWS refuses a signature that is five minutes off; the SDK corrects its clock from four on. */
const CLOCK_MS_MAX = 240_000;

export function createSdkClient(options: SdkClientOptions): SdkClient {
  const { service, region, credentials, protocol, handler } = options;
  const context = {
    endpoint: () => Promise.resolve(parseUrl(options.endpoint())),
    base64Encoder: toBase64,
    base64Decoder: fromBase64,
    utf8Encoder: toUtf8,
    utf8Decoder: fromUtf8,
    streamCollector: (stream: ReadableStream<Uint8Array<ArrayBuffer>>) =>
      new Response(stream).bytes(),
  };
  protocol.setSerdeContext(context);
  const signer = new SignatureV4({
    service,
    region,
    credentials: sdkCredentials(credentials),
    sha256: Sha256,
    // S3 alone signs a path as it is sent.
    uriEscapePath: service !== "s3",
  });
  /** How far the server's clock was ahead of this machine's, when an answer said that they differ. */
  let aheadMs = 0;

  return {
    async send<Output>(
      { schema, input }: SdkCall<Output>,
      sendOptions: SendOptions,
    ): Promise<Output> {
      const [, namespace, name, traits, takes, answers] = schema;
      const described = operation(namespace, name, traits, takes, answers);
      const request = await protocol.serializeRequest(described, input, context);
      const { hostname, port } = request;
      request.headers["host"] = port === undefined ? hostname : `${hostname}:${port}`;
      const signedMs = aheadMs;
      const signingDate = new Date(Date.now() + signedMs);
      const signed = await signer.sign(request, { signingDate });
      const { response } = await handler.handle(signed, sendOptions);
      try {
        const answer = await protocol.deserializeResponse(described, context, response);
        return answer as Output;
      } catch (error) {
        aheadMs = learnt(error, response, signedMs);
        throw error;
      }
    },
  };
}

/** Makes calls of an operation out of the SDK's schema of it. */
export function operationOf<Input extends object, Output extends object>(
  schema: OperationSchema,
): (input: Input) => SdkCall<Output> {
  return (input) => ({ schema, input });
}

/**
 * The server's lead, learnt from the answer that an error came with, as the SDK's own signer learns it:
 * `clockSkewCorrected` says that the call may go well when it is signed anew.
 */
function learnt(error: unknown, response: SdkResponse, signedMs: number): number {
  if (!(error instanceof Error)) return signedMs;
  Object.defineProperty(error, "$response", { value: response });
  const saidMs = Date.parse(response.headers["date"] ?? "") - Date.now();
  if (Number.isNaN(saidMs)) return signedMs;
  const nowMs = Math.abs(saidMs) < CLOCK_MS_MAX ? 0 : saidMs;
  const { $metadata } = error as { $metadata?: { clockSkewCorrected?: boolean } };
  if ($metadata !== undefined && Math.abs(nowMs - signedMs) >= CLOCK_MS_MAX) {
    $metadata.clockSkewCorrected = true;
  }
  return nowMs;
}
