/** Lifecycle hooks against the emulated AWS. */
import { hooksContract, type HooksWorld } from "./hooks.ts";
import { openLab } from "../support/aws_lab.ts";

async function emulated(): Promise<HooksWorld> {
  const { lab, close } = openLab();
  const { autoScaling } = lab.aws;
  let isLosing = false;
  lab.wire.trouble = ({ write }) => {
    const isLost = write && isLosing;
    if (isLost) isLosing = false;
    return isLost ? { kind: "lost" } : null;
  };
  return {
    api: await lab.node(1).autoScaling(),
    instance: "i-1",
    group: (name, hooks) => autoScaling.addGroup(name, hooks),
    put: (group, state) => autoScaling.put("i-1", group, state),
    loseAnswer: () => void (isLosing = true),
    close,
  };
}

hooksContract("emulated", emulated);
