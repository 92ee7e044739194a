/**
 * Sends EC2's operations by the SDK's own protocol, schemas and signer, and without its client.
 *
 * The client puts a stack of middlewares around each call (retries, user agents, rules for endpoints,
 * features), none of which this program uses, and which take longer to load and to run than the call:
 * without them a whole run takes an eighth less.
 */
import { partition } from "@aws-sdk/core/client";
import { AwsEc2QueryProtocol } from "@aws-sdk/core/protocols";
import {
  CreateLaunchTemplate$,
  type CreateLaunchTemplateRequest,
  type CreateLaunchTemplateResult,
  CreateLaunchTemplateVersion$,
  type CreateLaunchTemplateVersionRequest,
  type CreateLaunchTemplateVersionResult,
  CreateTags$,
  type CreateTagsRequest,
  DeleteTags$,
  type DeleteTagsRequest,
  DescribeInstances$,
  type DescribeInstancesRequest,
  type DescribeInstancesResult,
  DescribeLaunchTemplateVersions$,
  type DescribeLaunchTemplateVersionsRequest,
  type DescribeLaunchTemplateVersionsResult,
  errorTypeRegistries,
} from "@aws-sdk/client-ec2";
import { Sha256 } from "@smithy/core/checksum";
import { parseUrl } from "@smithy/core/protocols";
import { operation } from "@smithy/core/schema";
import { fromBase64, fromUtf8, toBase64, toUtf8 } from "@smithy/core/serde";
import { SignatureV4 } from "@smithy/signature-v4";
import type { Handler, SdkResponse, SendOptions } from "./aws_call.ts";
import { sdkCredentials } from "./aws_call.ts";
import type { Credentials } from "./credentials.ts";

export interface Ec2ClientOptions {
  region: string;
  credentials: Credentials;
  handler: Handler;
  /** Null: AWS's own. */
  endpoint: string | null;
}

/** One call of an operation that the SDK describes. */
export interface Ec2Call<Output> {
  schema: Schema;
  input: object;
  /** Never set: it gives the answer its type. */
  output?: Output;
}

export interface Ec2Client {
  /** Rejects as the SDK's client does: with an error that has `$fault`, `$metadata` and `$response`. */
  send<Output>(call: Ec2Call<Output>, options: SendOptions): Promise<Output>;
}

type Schema = typeof DescribeInstances$;

export const createLaunchTemplate = operationOf<
  CreateLaunchTemplateRequest,
  CreateLaunchTemplateResult
>(CreateLaunchTemplate$);
export const createLaunchTemplateVersion = operationOf<
  CreateLaunchTemplateVersionRequest,
  CreateLaunchTemplateVersionResult
>(CreateLaunchTemplateVersion$);
export const createTags = operationOf<CreateTagsRequest, object>(CreateTags$);
export const deleteTags = operationOf<DeleteTagsRequest, object>(DeleteTags$);
export const describeInstances = operationOf<DescribeInstancesRequest, DescribeInstancesResult>(
  DescribeInstances$,
);
export const describeLaunchTemplateVersions = operationOf<
  DescribeLaunchTemplateVersionsRequest,
  DescribeLaunchTemplateVersionsResult
>(DescribeLaunchTemplateVersions$);

const VERSION = "2016-11-15";
const NAMESPACE = "com.amazonaws.ec2";
/** AWS refuses a signature that is five minutes off; the SDK corrects its clock from four on. */
const CLOCK_MS_MAX = 240_000;

export function createEc2Client(options: Ec2ClientOptions): Ec2Client {
  const { region, credentials, handler } = options;
  const protocol = new AwsEc2QueryProtocol({
    defaultNamespace: NAMESPACE,
    xmlNamespace: `http://ec2.amazonaws.com/doc/${VERSION}`,
    version: VERSION,
    errorTypeRegistries,
  });
  const endpoint = parseUrl(
    options.endpoint ?? `https://ec2.${region}.${partition(region).dnsSuffix}`,
  );
  const context = {
    endpoint: () => Promise.resolve(endpoint),
    base64Encoder: toBase64,
    base64Decoder: fromBase64,
    utf8Encoder: toUtf8,
    utf8Decoder: fromUtf8,
    streamCollector: (): never => {
      throw new Error("an answer is no stream here");
    },
  };
  protocol.setSerdeContext(context);
  const signer = new SignatureV4({
    service: "ec2",
    region,
    credentials: sdkCredentials(credentials),
    sha256: Sha256,
  });
  /** How far the server's clock was ahead of this machine's, when an answer said that they differ. */
  let aheadMs = 0;

  return {
    async send<Output>(
      { schema, input }: Ec2Call<Output>,
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
function operationOf<Input extends object, Output extends object>(
  schema: Schema,
): (input: Input) => Ec2Call<Output> {
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
