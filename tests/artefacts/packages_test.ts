/** The packages: what is in them, that they are judged well, and what they do to a system that does not run. */
import assert from "node:assert/strict";
import { BINARY } from "../lab/with_lab.ts";
import { output, sh } from "../e2e/machine.ts";
import { pack, type Packed } from "../../tools/packages.ts";
import { judged, ROOT, tool, withDebian } from "./tools.ts";

const EPOCH_SECONDS = 1_750_000_000;
const OLD = "0.9.0";
const NEW = "0.9.1";

interface Made {
  deb: string;
  rpm: string;
  tar: string;
}

/** Packages of the program that was built, in a folder. */
async function make(folder: string, version = OLD): Promise<Made> {
  const what: Packed = {
    arch: "x86_64",
    program: BINARY,
    notices: `${ROOT}dist/THIRD-PARTY-NOTICES`,
    version,
    epochSeconds: EPOCH_SECONDS,
    folder,
  };
  await Deno.mkdir(folder, { recursive: true });
  const [deb, rpm, tar] = await Promise.all([
    pack("deb", what),
    pack("rpm", what),
    pack("tar", what),
  ]);
  return { deb, rpm, tar };
}
