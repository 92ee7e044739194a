/**
 * How a run talks, and what it talks to: what the command line asks for and no decision depends on.
 */

export const LOG_FORMATS = ["auto", "text", "json"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

/** From the least to the most that is said. */
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

/** The tag beside the tokens that says which cluster they are of. */
export const CLUSTER_TAG = "SwarmCluster";

/** The tag by which a leaving worker says so to the managers. */
export const LEAVING_TAG = "SwarmLeaving";

/**
 * Where node_exporter's textfile collector looks: as Debian and Ubuntu package it, and as its own examples
 * have it. The build lets the program write there (`tools/build.ts`).
 */
export const METRICS_FOLDERS = ["/var/lib/prometheus/node-exporter", "/var/lib/node_exporter"];

/** How a run talks. */
export interface Output {
  json: boolean;
  logFormat: LogFormat;
  logLevel: LogLevel;
}

/** What a run talks to. Null: where it always is, or what the metadata say. */
export interface Surroundings {
  dockerSocket: string;
  imdsEndpoint: string | null;
  imdsV1: boolean;
  s3Endpoint: string | null;
  autoScalingEndpoint: string | null;
  /** AWS's endpoints by FIPS 140, and those that IPv6 reaches too. */
  fips: boolean;
  dualstack: boolean;
  /** Certificates (PEM) that are trusted beside the usual ones. */
  caCerts: string | null;
  /** By the scheme of what is asked; `none`: what is asked directly. */
  proxies: { https: string | null; http: string | null; none: string[] };
  /** By the names of their variables; else the instance role's. */
  credentials: Readonly<Record<string, string | undefined>>;
  lockFile: string;
  /** How often `keep` looks at its own Engine. */
  intervalMs: number;
  /** Where a run that keeps shows how it is; null: nowhere. */
  metricsFile: string | null;
}
