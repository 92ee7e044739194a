/** `src/node/unit.ts`: a unit is found and read as systemd does, and says no more than it says. */
import assert from "node:assert/strict";
import type { Unit } from "../../../src/calls.ts";
import { readUnit } from "../../../src/node/unit.ts";

/** Files below two folders, `etc` before `lib`. */
function inFolders(
  files: { [path: string]: string },
  test: (etc: string, read: typeof readUnit) => void,
): void {
  const folder = Deno.makeTempDirSync();
  try {
    for (const [path, text] of Object.entries(files)) {
      const file = `${folder}/${path}`;
      Deno.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
      Deno.writeTextFileSync(file, text);
    }
    test(`${folder}/etc`, () => readUnit([`${folder}/etc`, `${folder}/lib`]));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function unitIn(files: { [path: string]: string }): Omit<Unit, "path"> & { from: string } | null {
  let found: ReturnType<typeof unitIn> = null;
  inFolders(files, (etc, read) => {
    const unit = read();
    assert.ok(unit.ok, JSON.stringify(unit));
    if (unit.value === null) return;
    const { path, ...rest } = unit.value;
    found = { ...rest, from: path.slice(etc.length - "etc".length) };
  });
  return found;
}

const NAME = "swarm-join.service";
const service = (...lines: string[]): string => ["[Service]", ...lines, ""].join("\n");
const run = (command: string): string => `ExecStart=/usr/local/bin/swarm-join${command}`;

Deno.test("where there is no unit, none is found", () => {
  assert.equal(unitIn({}), null);
  assert.equal(unitIn({ "etc/docker.service": service(run(" keep")) }), null);
  assert.equal(unitIn({ [`etc/${NAME}.d/10.conf`]: service(run(" keep")) }), null);
  assert.equal(readUnit([]).ok && null, null);
});

Deno.test("the unit that the project ships is read as it is", () => {
  const text = Deno.readTextFileSync(new URL(`../../../deploy/${NAME}`, import.meta.url));
  const unit = unitIn({ [`etc/${NAME}`]: text });
  assert.ok(unit !== null && unit.runs !== "other" && unit.stopMs !== null);
  // `keep` may leave for 100 s when the machine goes.
  assert.ok(unit.runs !== "keep" || unit.stopMs > 100_000);
});

for (
  const [what, lines, want] of [
    ["keep", [run(" keep")], "keep"],
    ["keep with flags before it", [run(" --timeout 15m keep --json")], "keep"],
    ["a join without its name", [run("")], "join"],
    ["a join with flags", [run(" --timeout 15m")], "join"],
    ["a join by its name", [run(" join")], "join"],
    ["another verb", [run(" leave --if-terminating")], "other"],
    ["another program", ["ExecStart=/bin/sh -c swarm-join"], "other"],
    ["one whose name only ends so", ["ExecStart=/usr/bin/not-swarm-join-at-all keep"], "other"],
    ["nothing", ["Type=exec"], "other"],
    ["a prefix of systemd's", ["ExecStart=-/usr/local/bin/swarm-join keep"], "keep"],
    ["a line that goes on in the next", [run(" \\\n  keep")], "keep"],
    ["what is commented out", [`#${run(" keep")}`, `;${run(" keep")}`, run("")], "join"],
    [
      "a check before it",
      ["ExecStartPre=/usr/local/bin/swarm-join settings", run(" keep")],
      "keep",
    ],
    ["what another section has", [run(""), "[Install]", run(" keep")], "join"],
  ] as const
) {
  Deno.test(`a unit runs: ${what}`, () => {
    assert.equal(unitIn({ [`etc/${NAME}`]: service(...lines) })?.runs, want);
  });
}

for (
  const [text, want] of [
    ["120", 120_000],
    ["2min", 120_000],
    ["2min 30s", 150_000],
    ["1h5m", 3_900_000],
    ["1.5 min", 90_000],
    ["500ms", 500],
    ["90 seconds", 90_000],
    ["1d", 86_400_000],
    ["0", Number.MAX_SAFE_INTEGER],
    ["infinity", Number.MAX_SAFE_INTEGER],
    // What systemd does not take, or this program does not know, says nothing.
    ["soon", null],
    ["3 fortnights", null],
    ["", null],
  ] as const
) {
  Deno.test(`TimeoutStopSec=${text} is ${want} ms`, () => {
    const files = { [`etc/${NAME}`]: service(run(" keep"), `TimeoutStopSec=${text}`) };
    assert.equal(unitIn(files)?.stopMs, want);
  });
}

Deno.test("without a word about it, a unit is stopped as all are; TimeoutSec is of its start and stop", () => {
  assert.equal(unitIn({ [`etc/${NAME}`]: service(run("")) })?.stopMs, null);
  assert.equal(unitIn({ [`etc/${NAME}`]: service("TimeoutSec=7") })?.stopMs, 7_000);
  const both = service("TimeoutSec=7", "TimeoutStopSec=8");
  assert.equal(unitIn({ [`etc/${NAME}`]: both })?.stopMs, 8_000);
});

Deno.test("of two units the administrator's counts, and a masked one runs nothing", () => {
  const files = { [`etc/${NAME}`]: service(run(" keep")), [`lib/${NAME}`]: service(run("")) };
  assert.deepEqual(unitIn(files), { from: `etc/${NAME}`, runs: "keep", stopMs: null });
  assert.deepEqual(unitIn({ ...files, [`etc/${NAME}`]: "" })?.runs, "other");
});

Deno.test("what is beside it in folders is added in the order of names, whichever folder it is in", () => {
  const files = {
    [`lib/${NAME}`]: service(run(""), "TimeoutStopSec=10"),
    [`lib/${NAME}.d/20-keep.conf`]: service("ExecStart=", run(" keep")),
    [`etc/${NAME}.d/30-stop.conf`]: service("TimeoutStopSec=30"),
    [`lib/${NAME}.d/90-stop.conf`]: service("TimeoutStopSec=90"),
    [`etc/${NAME}.d/90-stop.conf`]: service("TimeoutStopSec=91"),
    [`etc/${NAME}.d/99-stop.conf.off`]: service("TimeoutStopSec=99"),
  };
  assert.deepEqual(unitIn(files), { from: `lib/${NAME}`, runs: "keep", stopMs: 91_000 });
});

Deno.test("what is there and can't be read is no absent unit", () => {
  inFolders({ [`etc/${NAME}/odd`]: "" }, (etc, read) => {
    const unit = read();
    assert.ok(!unit.ok);
    assert.match(unit.fault.message, /^Cannot read the unit swarm-join\.service: /);
    assert.ok(etc !== "");
  });
});
