/**
 * One endpoint that answers as EC2, as Auto Scaling and as S3, since `AWS_ENDPOINT_URL` names one for all services.
 * It knows each instance by the credentials that IMDS gave it, and checks every signature.
 */
import {
  type AutoScalingCaller,
  AutoScalingError,
  autoScalingHandler,
  AutoScalingState,
} from "./autoscaling.ts";
import { ec2Handler, type Ec2Identity } from "./ec2.ts";
import { Ec2Error, Ec2State } from "./ec2_state.ts";
import { type Exchange, type HttpServer, serveHttp } from "./http.ts";
import { s3Handler } from "./s3.ts";
import { S3Error, S3State } from "./s3_state.ts";
import { type Credentials, isSignedBy, signatureOf } from "./sigv4.ts";
import { BASE36, HEX, randomText, type Wire } from "./wire.ts";

const EC2_SKEW_MS_MAX = 5 * 60_000;
const S3_SKEW_MS_MAX = 15 * 60_000;

export interface AwsOptions {
  account: string;
  region: string;
  /** How long a write to S3 is under way, in which another one conflicts. */
  s3WriteMs?: number;
}

export class Aws {
  readonly ec2: Ec2State;
  readonly s3: S3State;
  readonly autoScaling = new AutoScalingState();
  readonly account: string;
  readonly region: string;
  /** How far AWS's clock is ahead of this machine's. */
  clockAheadMs = 0;
  readonly #wire: Wire;
  readonly #options: AwsOptions;
  readonly #nodes = new Map<string, { node: string; role: string; credentials: Credentials }>();
  #server: HttpServer | null = null;

  constructor(wire: Wire, options: AwsOptions) {
    this.#wire = wire;
    this.#options = options;
    this.account = options.account;
    this.region = options.region;
    const now = (): number => Date.now() + this.clockAheadMs;
    this.ec2 = new Ec2State({ now });
    this.s3 = new S3State({ now });
  }

  /** Credentials of the role `role` for an instance; AWS knows the instance by them from now on. */
  credentialsFor(node: string, role: string): Credentials {
    const credentials = {
      accessKeyId: `ASIA${randomText(16, BASE36).toUpperCase()}`,
      secretAccessKey: randomText(40, BASE36),
      sessionToken: `IQoJ${randomText(200, BASE36)}`,
    };
    this.#nodes.set(credentials.accessKeyId, { node, role, credentials });
    return credentials;
  }

  /** Begins to answer at `hostname`, on a port that is free. Returns the endpoint. */
  serve(hostname: string): string {
    const ec2 = ec2Handler(this.ec2, this.#wire, (exchange) => this.#ec2Caller(exchange));
    const s3 = s3Handler(
      this.s3,
      this.#wire,
      { region: this.region, writeMs: this.#options.s3WriteMs ?? 5 },
      (exchange) => this.#s3Caller(exchange),
    );
    const scaling = autoScalingHandler(
      this.autoScaling,
      this.#wire,
      (exchange) => this.#scalingCaller(exchange),
    );
    const listener = Deno.listen({ hostname, port: 0 });
    this.#server = serveHttp(
      listener,
      (exchange) =>
        isFor("autoscaling", exchange)
          ? scaling(exchange)
          : isEc2(exchange)
          ? ec2(exchange)
          : s3(exchange),
    );
    return `http://${hostname}:${(listener.addr as Deno.NetAddr).port}`;
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  #ec2Caller(exchange: Exchange): Ec2Identity | Ec2Error {
    const failure = new Ec2Error(
      "AuthFailure",
      "AWS was not able to validate the provided access credentials",
      401,
    );
    const signature = signatureOf(exchange.headers);
    const known = this.#nodes.get(signature?.accessKeyId ?? "");
    if (signature === null || known === undefined || signature.service !== "ec2") return failure;
    if (Math.abs(signature.atMs - this.ec2.now()) > EC2_SKEW_MS_MAX) {
      return new Ec2Error("RequestExpired", "Request has expired.", 400);
    }
    if (!isSignedBy(exchange, signature, known.credentials)) return failure;
    const arn = `arn:aws:sts::${this.account}:assumed-role/${known.role}/${known.node}`;
    return { node: known.node, arn, account: this.account };
  }

  #scalingCaller(exchange: Exchange): AutoScalingCaller | AutoScalingError {
    const signature = signatureOf(exchange.headers);
    const known = this.#nodes.get(signature?.accessKeyId ?? "");
    if (signature === null || known === undefined) {
      const message = "The security token included in the request is invalid.";
      return new AutoScalingError("InvalidClientTokenId", message, 403);
    }
    if (!isSignedBy(exchange, signature, known.credentials)) {
      const message =
        "The request signature we calculated does not match the signature you provided.";
      return new AutoScalingError("SignatureDoesNotMatch", message, 403);
    }
    const arn = `arn:aws:sts::${this.account}:assumed-role/${known.role}/${known.node}`;
    return { node: known.node, arn };
  }

  #s3Caller(exchange: Exchange): string | S3Error {
    const signature = signatureOf(exchange.headers);
    if (signature === null) return new S3Error("AccessDenied", "Access Denied", 403);
    const known = this.#nodes.get(signature.accessKeyId);
    if (known === undefined) {
      return new S3Error(
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
        403,
      );
    }
    if (Math.abs(signature.atMs - this.s3.now()) > S3_SKEW_MS_MAX) {
      return new S3Error(
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
        403,
      );
    }
    if (signature.service !== "s3" || !isSignedBy(exchange, signature, known.credentials)) {
      return new S3Error(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        403,
      );
    }
    return known.node;
  }
}

/** An id as EC2 makes them: `i-0` and sixteen hex digits. */
export function ec2Id(kind: "i" | "vpc" | "subnet" | "eni"): string {
  return `${kind}-0${randomText(16, HEX)}`;
}

/** All that is asked by a form goes to one path: its signature names the service. */
function isFor(service: string, exchange: Exchange): boolean {
  return signatureOf(exchange.headers)?.service === service;
}

function isEc2(exchange: Exchange): boolean {
  return exchange.method === "POST" && exchange.path === "/";
}
