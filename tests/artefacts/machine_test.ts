/** The packages and the unit on a machine whose systemd really runs, against the lab's metadata, AWS and Engine. */
import assert from "node:assert/strict";
import { joined, nodeNamed, withLab } from "../lab/with_lab.ts";
import { judged, ROOT, withDebian } from "./tools.ts";
import { Machine } from "./machine.ts";
import { pack } from "../../tools/packages.ts";

judged("try", ["root", "debian", "systemd-nspawn", "nfpm"], async () => {
  await withDebian(async (root) => {
    await withLab({ managers: 2, below: "/run" }, async (lab) => {
      const [first, node] = [nodeNamed(lab, "manager-1"), nodeNamed(lab, "manager-2")];
      await joined(lab, first);
      const folder = `${root}/packages`;
      await Deno.mkdir(folder);
      for (const name of [...Deno.readDirSync("/tmp/pA")]) {
        await Deno.copyFile(`/tmp/pA/${name.name}`, `${folder}/${name.name}`);
      }
      await Deno.mkdir(`${root}/etc/systemd/system/swarm-join.service.d`);
      await Deno.writeTextFile(
        `${root}/etc/systemd/system/swarm-join.service.d/lab.conf`,
        `[Service]
Environment=AWS_EC2_METADATA_SERVICE_ENDPOINT=${node.imdsEndpoint}
Environment=AWS_ENDPOINT_URL=${lab.endpoint}
`,
      );
      await Deno.writeTextFile(`${root}/etc/swarm-join.env`, "SWARM_JOIN_INTERVAL=5s\n");
      const m = await Machine.boot(root, [
        `${node.directory}/docker.sock:/run/docker.sock`,
        `${node.directory}/docker`,
      ]);
      try {
        const t = Date.now();
        const say = async (...c: string[]) => {
          const r = await m.output(...c);
          console.log(Date.now() - t, c.join(" "), r.code, r.stdout, r.stderr);
        };
        await say("dpkg", "-i", "/packages/swarm-join_0.1.0_amd64.deb");
        await say("systemctl", "enable", "--now", "swarm-join");
        await new Promise((r) => setTimeout(r, 12000));
        await say("journalctl", "-u", "swarm-join", "-o", "cat", "--no-pager");
        await say("systemctl", "status", "swarm-join");
        await say("systemctl", "stop", "swarm-join");
        await say("journalctl", "-u", "swarm-join", "-o", "cat", "--no-pager", "-n", "10");
        console.log(node.engine.state.membership?.nodeId);
        await m.powerOff();
      } finally {
        await m.close();
      }
    });
  });
});
