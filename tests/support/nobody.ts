/** Runs a script as a user without rights, so that tests which run as root see a denial too. */

const NOBODY = 65534;
/** It names the packages that modules import; those in `node_modules` are used as they are. */
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const MODULES = [`--config=${CONFIG}`, "--node-modules-dir=manual", "--no-lock"];

/** Gives what the script printed. Paths in it must be readable by everybody. */
export async function asNobody(script: string): Promise<string> {
  const directory = Deno.makeTempDirSync();
  Deno.chmodSync(directory, 0o777);
  const file = `${directory}/script.ts`;
  Deno.writeTextFileSync(file, script);
  Deno.chmodSync(file, 0o644);
  try {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", ...MODULES, "--allow-all", file],
      clearEnv: true,
      env: { DENO_DIR: directory, HOME: directory },
      ...(Deno.uid() === 0 ? { uid: NOBODY, gid: NOBODY } : {}),
    }).output();
    const text = new TextDecoder().decode(stdout);
    if (text === "") throw new Error(new TextDecoder().decode(stderr));
    return text;
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}
