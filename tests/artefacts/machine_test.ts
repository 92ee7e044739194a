/** The packages and the unit on a machine whose systemd really runs, against the lab's metadata, AWS and Engine. */
import assert from "node:assert/strict";
import type { Lab, LabNode } from "../lab/lab.ts";
import { joined, nodeNamed, withLab, writesSince } from "../lab/with_lab.ts";
import { until } from "../e2e/machine.ts";
import { Machine } from "./machine.ts";
import { makePackages, namesOf, showPackages } from "./packs.ts";
import { judged, withDebian } from "./tools.ts";

const [OLD, NEW] = ["0.9.0", "0.9.1"];
const [OLDER, NEWER] = [namesOf(OLD), namesOf(NEW)];
const PATIENCE_MS = 120_000;
const SETTINGS = "/etc/swarm-join.env";
const METRICS = "/var/lib/prometheus/node-exporter/swarm-join.prom";

judged(
  "a machine joins under its whole sandbox, is the same node after upgrades, stops, removals and a reboot, and leaves as it goes",
  ["root", "debian", "systemd-nspawn", "nfpm"],
  async () => {
    const folder = await makePackages([OLD, NEW], ["deb", "rpm"]);
    try {
      await withDebian(async (root) => {
        await showPackages(folder, root);
        // A unit has a /tmp of its own.
        await withLab({ managers: 2, below: "/run" }, (lab) => live(lab, root));
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

/** The second manager is the machine. */
async function live(lab: Lab, root: string): Promise<void> {
  await joined(lab, nodeNamed(lab, "manager-1"));
  const node = nodeNamed(lab, "manager-2");
  await Deno.mkdir(`${root}/var/lib/prometheus/node-exporter`, { recursive: true });
  await Deno.writeTextFile(
    root + SETTINGS,
    `SWARM_JOIN_INTERVAL=5s\nSWARM_JOIN_METRICS_FILE=${METRICS}\n`,
  );
  // Where the lab's AWS is: on a real machine these are as they are.
  const where = `${root}/etc/systemd/system/swarm-join.service.d`;
  await Deno.mkdir(where);
  await Deno.writeTextFile(
    `${where}/lab.conf`,
    `[Service]\nEnvironment=AWS_ENDPOINT_URL=${lab.endpoint}\n` +
      `Environment=AWS_EC2_METADATA_SERVICE_ENDPOINT=${node.imdsEndpoint}\n`,
  );
  const { socket, dataRoot } = node.engine.options;
  const boot = (): Promise<Machine> => Machine.boot(root, [`${socket}:/run/docker.sock`, dataRoot]);
  const keeper = new Keeper(lab, node, await boot());
  try {
    await byDeb(keeper, boot);
    await byRpm(keeper);
    await keeper.goes();
  } finally {
    await keeper.machine.close();
  }
}

async function byDeb(keeper: Keeper, boot: () => Promise<Machine>): Promise<void> {
  const dpkg = (...args: string[]): Promise<string> => keeper.machine.sh("dpkg", ...args);
  await dpkg("--install", `/packages/${OLDER.deb}`);
  assert.equal(await keeper.state(), "inactive disabled");
  await keeper.machine.sh("systemd-analyze", "verify", "swarm-join.service");
  await keeper.machine.sh("systemd-analyze", "security", "--threshold=25", "swarm-join.service");
  await keeper.starts();
  await keeper.is("active enabled", () => dpkg("--install", `/packages/${NEWER.deb}`), "restarted");
  // Nor ends one that would not start again.
  await keeper.is("active enabled", async () => {
    await keeper.machine.sh("sed", "-i", "$aSWARM_JOIN_STORE=nonsense", SETTINGS);
    const { stderr } = await keeper.machine.output("dpkg", "--install", `/packages/${OLDER.deb}`);
    await keeper.machine.sh("sed", "-i", "$d", SETTINGS);
    assert.match(stderr, /"nonsense"[^]*swarm-join.service is not restarted: correct its settings/);
  });
  await keeper.is("inactive enabled", () => keeper.machine.sh("systemctl", "stop", "swarm-join"));
  // An upgrade starts nothing that was stopped.
  await keeper.is("inactive enabled", () => dpkg("--install", `/packages/${NEWER.deb}`));
  await keeper.starts();
  await keeper.is("active enabled", () => keeper.reboots(boot), "restarted");
  await keeper.is("inactive not-found", () => dpkg("--purge", "swarm-join"));
}

async function byRpm(keeper: Keeper): Promise<void> {
  // A Debian's rpm knows of no C library.
  const rpm = (...args: string[]): Promise<string> => keeper.machine.sh("rpm", "--nodeps", ...args);
  await keeper.is("inactive disabled", () => rpm("--install", `/packages/${OLDER.rpm}`));
  await keeper.starts();
  await keeper.is("active enabled", () => rpm("--upgrade", `/packages/${NEWER.rpm}`), "restarted");
  await keeper.is("inactive not-found", () => rpm("--erase", "swarm-join"));
  await rpm("--install", `/packages/${NEWER.rpm}`);
  await keeper.starts();
}

/** The unit on a machine of the lab, and its node of the swarm. */
class Keeper {
  readonly #lab: Lab;
  readonly #node: LabNode;
  #nodeId: string | null = null;

  machine: Machine;

  constructor(lab: Lab, node: LabNode, machine: Machine) {
    this.#lab = lab;
    this.#node = node;
    this.machine = machine;
  }

  /** Whether it runs, and at the boot. */
  async state(): Promise<string> {
    const about = await this.#show("ActiveState", "UnitFileState", "LoadState");
    const enabled = about.UnitFileState || about.LoadState.replace("loaded", "");
    return `${about.ActiveState} ${enabled}`;
  }

  /** Enables and starts it, and waits until all is in order. */
  async starts(): Promise<void> {
    await this.machine.sh("systemctl", "enable", "--now", "swarm-join");
    await this.#isInOrder();
    const id = this.#node.engine.state.membership?.nodeId ?? null;
    assert.notEqual(id, null);
    this.#nodeId ??= id;
    assert.equal(id, this.#nodeId);
    await this.machine.sh("grep", "^swarm_join_info", METRICS);
  }

  /** Does something that leaves it in a state, and the node and its swarm as they were. */
  async is(state: string, act: () => Promise<unknown>, how?: "restarted"): Promise<void> {
    const since = this.#lab.wire.calls.length;
    const before = await this.#show("InvocationID");
    await act();
    assert.equal(await this.state(), state);
    if (how === "restarted") {
      const { InvocationID, MainPID } = await this.#show("InvocationID", "MainPID");
      assert.notEqual(InvocationID, before.InvocationID);
      const program = await this.machine.sh("readlink", `/proc/${MainPID}/exe`);
      assert.equal(program, "/usr/bin/swarm-join\n", "and no file that was replaced");
      await this.#isInOrder();
    }
    assert.equal(this.#node.engine.state.membership?.nodeId, this.#nodeId);
    assert.deepEqual(writesSince(this.#lab, since, this.#lab.nodes), [], "nothing was written");
  }

  /** Nobody told it to go: it is the same node before and after. */
  async reboots(boot: () => Promise<Machine>): Promise<void> {
    await this.machine.powerOff();
    await this.machine.close();
    this.machine = await boot();
  }

  /** Its machine is told to go, and is shut down: the unit leaves before it is off. */
  async goes(): Promise<void> {
    this.#node.imds.lifecycle = "Terminated";
    await this.machine.powerOff();
    assert.equal(this.#node.engine.state.membership, null);
  }

  /** What it said in its journal since it was started last; it holds no token. */
  async #said(): Promise<string> {
    const { InvocationID } = await this.#show("InvocationID");
    const journal = await this.machine.sh(
      "journalctl",
      "-o",
      "cat",
      `_SYSTEMD_INVOCATION_ID=${InvocationID}`,
    );
    for (const token of this.#node.engine.state.membership?.swarm.tokensEver ?? []) {
      assert.ok(!journal.includes(token.slice(-25)), "a token in the journal");
    }
    return journal;
  }

  async #isInOrder(): Promise<void> {
    let said = "";
    await until("a node in order", PATIENCE_MS, async () => {
      said = await this.#said();
      return said.includes('"rule":"in-order"');
    }, 200).catch((error) => {
      throw new Error(`${error.message}:\n${said}`);
    });
  }

  async #show<Key extends string>(...keys: Key[]): Promise<Record<Key, string>> {
    const text = await this.machine.sh("systemctl", "show", "swarm-join", `--property=${keys}`);
    return Object.fromEntries(text.trim().split("\n").map((line) => line.split(/=(.*)/s)));
  }
}
