/** Packages of the program that was built, for the tests of what they are and do. */
import { BINARY } from "../lab/with_lab.ts";
import { sh } from "../e2e/machine.ts";
import { pack } from "../../tools/packages.ts";
import { ROOT } from "./tools.ts";

interface Names {
  deb: string;
  rpm: string;
  tar: string;
}

export function namesOf(version: string): Names {
  return {
    deb: `swarm-join_${version}_amd64.deb`,
    rpm: `swarm-join-${version}-1.x86_64.rpm`,
    tar: `swarm-join-${version}-x86_64.tar.zst`,
  };
}

/** Makes packages of these versions, all at once, in a folder that whoever calls deletes. */
export async function makePackages(
  versions: readonly string[],
  kinds: readonly (keyof Names)[],
): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "swarm-join-packages-" });
  const notices = `${ROOT}dist/THIRD-PARTY-NOTICES`;
  const what = { program: BINARY, notices, epochSeconds: 1_750_000_000, folder };
  await Promise.all(
    versions.flatMap((version) =>
      kinds.map((kind) => pack(kind, { ...what, arch: "x86_64", version }))
    ),
  );
  return folder;
}

/** Shows a folder in a Debian, as /packages. */
export async function showPackages(folder: string, root: string): Promise<void> {
  await sh("mkdir", `${root}/packages`);
  await sh("mount", "--bind", folder, `${root}/packages`);
}
