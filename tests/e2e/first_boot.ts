/**
 * The first boot of an instance: its user data, run for real as root on its machine. What they write below /etc and
 * /usr/local/bin is the machine's own; systemd is only heard, and what it would start is for the test to start.
 */
import assert from "node:assert/strict";
import { sh, STATE_DIR } from "./machine.ts";
import { HUB_ADDRESS, type Node } from "./node.ts";

const UNIT = new URL("../../deploy/swarm-join.service", import.meta.url).pathname;

/** A release on a web server that all machines reach. */
export class Release {
  readonly #files: Record<string, string> = {
    "/swarm-join-x86_64": `${STATE_DIR}/swarm-join`,
    "/swarm-join-aarch64": `${STATE_DIR}/swarm-join`,
    "/swarm-join.service": UNIT,
  };
  readonly #server = Deno.serve(
    { hostname: HUB_ADDRESS, port: 0, onListen: () => {} },
    async (request) => {
      const path = this.#files[new URL(request.url).pathname];
      if (path === undefined) return new Response("no such file", { status: 404 });
      return new Response((await Deno.open(path)).readable);
    },
  );

  get url(): string {
    return `http://${HUB_ADDRESS}:${this.#server.addr.port}`;
  }

  async sumOf(file: string): Promise<string> {
    const said = await sh("sha256sum", this.#files[`/${file}`] ?? file);
    return said.slice(0, 64);
  }

  close(): Promise<void> {
    return this.#server.shutdown();
  }
}

/** Runs them, and has later runs on the node read the settings that they left. */
export async function firstBoot(node: Node, userData: string): Promise<void> {
  const home = `${STATE_DIR}/boot${node.slot}`;
  await sh("rm", "-rf", home);
  await Deno.mkdir(`${home}/stubs`, { recursive: true });
  await sh("cp", "-a", "/etc", `${home}/etc`);
  await Deno.mkdir(`${home}/bin`);
  await Deno.writeTextFile(`${home}/user-data`, userData, { mode: 0o700 });
  const systemctl = `#!/bin/sh\necho "$*" >>${home}/systemctl.txt\n`;
  await Deno.writeTextFile(`${home}/stubs/systemctl`, systemctl, { mode: 0o755 });
  await node.inside(
    ...["env", "--ignore-environment", `PATH=${home}/stubs:/usr/sbin:/usr/bin:/sbin:/bin`],
    ...["unshare", "--mount", "sh", "-euc"],
    `mount --bind ${home}/etc /etc; mount --bind ${home}/bin /usr/local/bin; exec ${home}/user-data`,
  );
  const asked = (await Deno.readTextFile(`${home}/systemctl.txt`)).trim().split("\n");
  assert.deepEqual(asked, [
    "enable --now docker",
    "daemon-reload",
    "enable --now --no-block swarm-join.service",
  ]);
  await sh("cmp", `${home}/bin/swarm-join`, `${STATE_DIR}/swarm-join`);
  await sh("cmp", `${home}/etc/systemd/system/swarm-join.service`, UNIT);
  node.args = ["--config", `${home}/etc/swarm-join.env`];
}
