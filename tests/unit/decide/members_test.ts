/** The record that each write makes of the one that was read. */
import assert from "node:assert/strict";
import { gone2, known, others2, recordOf } from "./table.ts";
import {
  founded,
  fp,
  instance,
  managerNode,
  managerOf,
  managersAt,
  member,
  observation,
  ok,
  shown,
  workerNode,
} from "../../support/observations.ts";

Deno.test("records: founding lists this node and the Engine's reachable managers, by instance where EC2 shows one", () => {
  const written = recordOf(observation({
    facts: {
      engine: ok(managerOf("a", {
        nodes: [
          ...managersAt(1, 2, 3),
          managerNode(4, { voter: { address: "10.0.0.4", reachable: false, leader: false } }),
          workerNode(5),
        ],
      })),
      instances: known,
    },
  }));
  assert.deepEqual(written.members, [
    member(1),
    member(2),
    member(3, { instance: null }),
  ]);
});

Deno.test("records: a write drops the members that are gone, and only those", () => {
  const written = recordOf(observation({
    facts: {
      engine: ok(managerOf("a")),
      ledger: founded({ members: [member(2), member(3)] }),
      instances: ok([
        instance(1),
        instance(2, { state: "terminated" }),
        instance(3, { state: "stopped" }),
      ]),
    },
  }));
  assert.deepEqual(written.members, [member(3), member(1)]);
});

Deno.test("records: a replaced swarm's fingerprints are kept, those from before a rotation too", () => {
  const written = recordOf(observation({
    facts: {
      engine: ok(managerOf("b")),
      ledger: founded({ ...others2, rotated: [fp("c")], replaced: [fp("d")] }),
      instances: gone2,
    },
  }));
  assert.equal(written.fingerprint, fp("b"));
  assert.deepEqual(written.replaced, [fp("d"), fp("c"), fp("a")]);
  assert.deepEqual(written.rotated, []);
});

Deno.test("records: a rotated CA keeps the old fingerprint as the same swarm's", () => {
  const written = recordOf(observation({
    facts: {
      engine: ok(managerOf("b", { clusterId: "cluster-a" })),
      ledger: founded(),
      tokens: ok([shown(1, "b")]),
    },
  }));
  assert.equal(written.fingerprint, fp("b"));
  assert.deepEqual(written.rotated, [fp("a")]);
  assert.deepEqual(written.replaced, []);
});

Deno.test("records: an entry without an instance id, at this node's address, becomes this node's", () => {
  const written = recordOf(observation({
    facts: {
      engine: ok(managerOf("a")),
      ledger: founded({ members: [member(1, { instance: null, sinceMs: 1 })] }),
    },
  }));
  assert.deepEqual(written.members, [member(1)]);
});

Deno.test("records: the same intent at the same place has the same nonce, and another place another", () => {
  const state = observation({ facts: { engine: ok(managerOf("a")) } });
  assert.equal(recordOf(state).nonce, recordOf(structuredClone(state)).nonce);
  const elsewhere = observation({
    facts: { engine: ok(managerOf("a")), ledger: founded(others2), instances: known },
  });
  const later = structuredClone(elsewhere);
  if (later.facts.ledger?.ok && later.facts.ledger.value.kind === "settled") {
    later.facts.ledger.value.at = { kind: "log", template: "lt-1", head: 4, last: 4 };
  }
  assert.notEqual(recordOf(elsewhere).nonce, recordOf(later).nonce);
});
