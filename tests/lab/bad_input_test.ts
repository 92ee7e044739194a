/** Bad input against the real binary on emulators. */
import assert from "node:assert/strict";
import { BAD_INPUT, type BadInput, endsAs, MANAGERS, WORKERS } from "../cases/bad_input.ts";
import { inTime } from "../support/in_time.ts";
import { at, bedOf } from "./bed.ts";
import { manyLabs, withLab, writesSince } from "./with_lab.ts";

/** Everything that is worth waiting for is given up after this long: what is wrong stays wrong. */
const SECONDS = 4;

const AT_ONCE = 12;

for (const [group, cases] of Object.entries(BAD_INPUT)) {
  const onStores = cases.flatMap((one) => one.stores.map((store) => ({ ...one, stores: [store] })));
  const nameOf = ({ name, stores, exit }: BadInput): string =>
    `${stores}, ${name}: exit ${exit}, and nothing changed`;
  manyLabs(`bad input: ${group}`, onStores, AT_ONCE, nameOf, refuses);
}

async function refuses(one: BadInput): Promise<void> {
  const { stores: [store = "tags"] } = one;
  await withLab({ store, managers: MANAGERS, workers: WORKERS }, async (lab) => {
    const node = at(lab, one.who);
    await one.given?.(bedOf(lab));
    const since = lab.wire.calls.length;
    const before = lab.snapshot();
    const result = await inTime(
      SECONDS,
      (timeout) => lab.run(node, ["join", "--json", ...timeout], one.env),
      (run) => endsAs(one, run),
    );
    const told = `\nexit ${result.exit}\n${result.stderr}${result.stdout}`;
    assert.ok(endsAs(one, result), `not exit ${one.exit} with ${one.says}${told}`);
    assert.deepEqual(lab.snapshot(), before, told);
    if (!one.asks) assert.deepEqual(writesSince(lab, since, [node]), [], told);
  });
}
